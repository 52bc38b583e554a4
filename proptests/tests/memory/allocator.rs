//! An allocator that refuses requests of one thread. It refuses all requests from the nth on, only the nth, or all
//! requests beyond a number of bytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// Which requests are granted.
#[derive(Copy, Clone)]
pub(crate) enum Grant {
    /// Everything.
    All,
    /// This number of requests. All later ones are refused.
    Requests(usize),
    /// All requests except one. The number counts the requests before it.
    AllBut(usize),
    /// Requests as long as the memory in use grows by at most this number of bytes.
    Bytes(usize),
}

/// Whether a request with the layout of the last freed block is always granted.
#[derive(Copy, Clone)]
enum Reuse {
    Never,
    NoneYet,
    Of(Layout),
}

thread_local! {
    static GRANT: Cell<Grant> = const { Cell::new(Grant::All) };
    static REFUSED: Cell<usize> = const { Cell::new(0) };
    static REUSE: Cell<Reuse> = const { Cell::new(Reuse::Never) };
}

struct Limited;

#[global_allocator]
static LIMITED: Limited = Limited;

/// Runs `work` with this grant. Returns its result, and how many requests were refused.
pub(crate) fn with<R>(grant: Grant, work: impl FnOnce() -> R) -> (R, usize) {
    REFUSED.set(0);
    GRANT.set(grant);
    let result = work();
    GRANT.set(Grant::All);
    (result, REFUSED.get())
}

/// [`with`] with one exception: a request with the layout of the last freed block is always granted. Allocators keep
/// such a block. Some code allocates a block, frees it, and relies on the next request of the same layout.
#[allow(dead_code, reason = "not every test with this module needs it")]
pub(crate) fn with_reuse<R>(grant: Grant, work: impl FnOnce() -> R) -> (R, usize) {
    REUSE.set(Reuse::NoneYet);
    let done = with(grant, work);
    REUSE.set(Reuse::Never);
    done
}

/// Whether this many more bytes are granted.
fn grants(more: usize) -> bool {
    // While a thread ends, its thread-local counters do not exist.
    let Ok(grant) = GRANT.try_with(Cell::get) else { return true };
    // A thread that panics gets memory, because the message of a failed test needs memory.
    if matches!(grant, Grant::All) || std::thread::panicking() {
        return true;
    }
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

/// Whether a request has the layout of the last freed block. Forgets that block, because the request may use it.
fn is_reuse(layout: Layout) -> bool {
    match REUSE.try_with(Cell::get) {
        Ok(Reuse::Of(returned)) => {
            REUSE.set(Reuse::NoneYet);
            returned == layout
        }
        _ => false,
    }
}

/// Notes the layout of a freed block for [`is_reuse`]. While bytes are counted, nothing is noted, because the count
/// already has the freed bytes.
fn note_returned(layout: Layout) {
    let is_counted = matches!(GRANT.try_with(Cell::get), Ok(Grant::Bytes(_)));
    if let Ok(Reuse::NoneYet | Reuse::Of(_)) = REUSE.try_with(Cell::get)
        && !is_counted
    {
        REUSE.set(Reuse::Of(layout));
    }
}

fn take_back(bytes: usize) {
    if let Ok(Grant::Bytes(left)) = GRANT.try_with(Cell::get) {
        GRANT.set(Grant::Bytes(left.saturating_add(bytes)));
    }
}

// SAFETY: each call is passed on unchanged to the system's allocator, or returns null, which means that there is no
// memory.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        if is_reuse(layout) || grants(layout.size()) { unsafe { System.alloc(layout) } } else { null_mut() }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        take_back(layout.size());
        note_returned(layout);
        // SAFETY: the caller keeps the contract of `dealloc`, and the memory is from the system's allocator.
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
