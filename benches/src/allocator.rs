//! The system's allocator, which also counts the allocations of each thread.
//!
//! Existing crates that count allocations keep one set of atomic counters for all threads. Each call performs several
//! atomic operations on them. That cost would be charged to the stores that allocate for each timer. A counter for each
//! thread costs only an addition.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<u64> = const { Cell::new(0) };
}

/// The number of allocations and reallocations of this thread.
pub(crate) fn calls() -> u64 {
    CALLS.get()
}

/// The bytes that this thread has allocated and not freed, without the allocator's own overhead. Only differences are
/// meaningful, because a thread may free memory that another thread has allocated.
pub(crate) fn live_bytes() -> u64 {
    LIVE_BYTES.get()
}

/// The growth of the live bytes since `live_bytes` returned `before`.
pub(crate) fn bytes_since(before: u64) -> u64 {
    live_bytes().wrapping_sub(before)
}

/// Makes glibc return its unused memory to the system, so that the memory of a new store is new to the process.
/// Otherwise a store's results would depend on the stores that ran before it. Without glibc this does nothing.
pub(crate) fn give_back_unused() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
            fn mallopt(option: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
        }
        const M_MMAP_THRESHOLD: std::ffi::c_int = -3;
        // SAFETY: these are functions of glibc. They take any number, lock what they change, and touch no block in use.
        unsafe {
            mallopt(M_MMAP_THRESHOLD, 128 << 10);
            malloc_trim(0);
        }
    }
}

fn count(bytes: usize, back: usize) {
    LIVE_BYTES.set(LIVE_BYTES.get().wrapping_add(bytes as u64).wrapping_sub(back as u64));
}

// SAFETY: every call is passed on unchanged to the system's allocator. The counters neither allocate nor have a
// destructor, so they can be used at any time in a thread's life.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract of the allocator, which is passed on unchanged.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract of the allocator, which is passed on unchanged.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller keeps the contract of the allocator, which is passed on unchanged.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        count(new_size, layout.size());
        // SAFETY: the caller keeps the contract of the allocator, which is passed on unchanged.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_bytes_are_counted() {
        let (calls_before, bytes_before) = (calls(), live_bytes());
        let mut list: Vec<u64> = Vec::with_capacity(4);
        assert_eq!((calls() - calls_before, bytes_since(bytes_before)), (1, 32));
        list.reserve_exact(8);
        assert_eq!((calls() - calls_before, bytes_since(bytes_before)), (2, 64));
        drop(list);
        assert_eq!((calls() - calls_before, bytes_since(bytes_before)), (2, 0));
    }
}
