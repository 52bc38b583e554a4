//! An allocator that refuses, for one thread at a time: from the nth request on, only the nth, or beyond so many bytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// What is granted.
#[derive(Copy, Clone)]
pub(crate) enum Grant {
    /// Everything.
    All,
    /// So many requests, and none after them.
    Requests(usize),
    /// All but the one after so many.
    AllBut(usize),
    /// Requests that fit into so many bytes together, with what is given back.
    Bytes(usize),
}

thread_local! {
    static GRANT: Cell<Grant> = const { Cell::new(Grant::All) };
    static REFUSED: Cell<usize> = const { Cell::new(0) };
}

struct Limited;

#[global_allocator]
static LIMITED: Limited = Limited;

/// Runs `work` with this grant. How many requests were refused is returned, too.
pub(crate) fn with<R>(grant: Grant, work: impl FnOnce() -> R) -> (R, usize) {
    REFUSED.set(0);
    GRANT.set(grant);
    let result = work();
    GRANT.set(Grant::All);
    (result, REFUSED.get())
}

/// Whether so many more bytes are granted.
fn grants(more: usize) -> bool {
    // While a thread ends there is nothing to count in.
    let Ok(grant) = GRANT.try_with(Cell::get) else { return true };
    let (is_granted, left) = match grant {
        Grant::All => return true,
        Grant::Requests(left) => (left > 0, Grant::Requests(left.saturating_sub(1))),
        Grant::AllBut(0) => (false, Grant::All),
        Grant::AllBut(left) => (true, Grant::AllBut(left - 1)),
        Grant::Bytes(left) => (more <= left, Grant::Bytes(if more <= left { left - more } else { left })),
    };
    GRANT.set(left);
    REFUSED.set(REFUSED.get() + usize::from(!is_granted));
    is_granted
}

fn take_back(bytes: usize) {
    if let Ok(Grant::Bytes(left)) = GRANT.try_with(Cell::get) {
        GRANT.set(Grant::Bytes(left.saturating_add(bytes)));
    }
}

// SAFETY: each call is passed on to the system's allocator as it is, or answered by null, which says that there is none.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        if grants(layout.size()) { unsafe { System.alloc(layout) } } else { null_mut() }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        take_back(layout.size());
        // SAFETY: the caller's promise, and the memory is the system allocator's.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size < layout.size() {
            take_back(layout.size() - size);
        } else if !grants(size - layout.size()) {
            return null_mut();
        }
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}
