//! Whether this process is the one that made the rings.
//!
//! A forked child has the parent's rings in its memory, and what it queued there the parent would send. Asking for the
//! process id costs a system call each time; a page that the kernel wipes for a child costs a load.

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU8, Ordering};

// The kernel rounds it up to a page.
const LENGTH: usize = 1;

/// A byte that is 1 in the process that made it, and 0 in its forked children.
pub(super) struct ForkMark(NonNull<AtomicU8>);

impl ForkMark {
    /// # Errors
    /// The kernel's, `ENOMEM` for example.
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: the kernel chooses the address, so the mapping takes nobody's place.
        let page =
            unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) }?;
        let byte = NonNull::new(page.cast::<AtomicU8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        // From here on dropping unmaps.
        let mark = Self(byte);
        // SAFETY: the page was mapped above and nobody else knows it; the advice changes nothing in this process.
        unsafe { madvise(page, LENGTH, Advice::LinuxWipeOnFork) }?;
        mark.byte().store(1, Ordering::Relaxed);
        Ok(mark)
    }

    fn byte(&self) -> &AtomicU8 {
        // SAFETY:
        // 1. The page is mapped, readable, writable and aligned from `new` until `drop`, in a child too.
        // 2. Any byte is a valid `AtomicU8`, the zero of a child too.
        unsafe { self.0.as_ref() }
    }

    /// Whether this is the process that made the mark.
    pub(super) fn is_ours(&self) -> bool {
        self.byte().load(Ordering::Relaxed) == 1
    }

    /// # Errors
    /// In a forked child, saying so.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_ours() {
            return Ok(());
        }
        Err(io::Error::other(
            "this event loop belongs to the parent process: its io_uring would be shared; make a new loop after a fork",
        ))
    }
}

impl Drop for ForkMark {
    fn drop(&mut self) {
        // SAFETY: `new` mapped it, and no reference to the byte outlives `self`.
        // It can only fail for an address that is not a page's.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), LENGTH) };
    }
}
