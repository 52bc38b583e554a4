//! Whether this process is the one that made a backend.
//!
//! A forked child has the parent's backend in its memory, and in the kernel the two share it: what the child queued in
//! rings the parent would send, what it took out of an epoll set would be gone for the parent, and the waker's rings that
//! it took would be lost. Asking for the process id costs a system call each time; a page that the kernel wipes for a
//! child costs a load. Linux has that; elsewhere the process id has to do. Windows has no fork.

use crate::memory::error_in_words;
use std::io;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::ForkMark;
#[cfg(target_os = "linux")]
pub(crate) use linux::ForkMark;

impl ForkMark {
    /// # Errors
    /// In a forked child, saying so.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_ours() {
            return Ok(());
        }
        let message = format_args!(
            "this event loop belongs to the parent process, and would be shared with it; make a new loop after a fork"
        );
        Err(error_in_words(io::ErrorKind::Other, message))
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;

    /// The process that made it.
    pub(crate) struct ForkMark(u32);

    impl ForkMark {
        /// # Errors
        /// None here.
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(std::process::id()))
        }

        /// Whether this is the process that made the mark.
        pub(crate) fn is_ours(&self) -> bool {
            self.0 == std::process::id()
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
    use std::io;
    use std::ptr::{self, NonNull};
    use std::sync::atomic::{AtomicU8, Ordering};

    // The kernel rounds it up to a page.
    const LENGTH: usize = 1;

    /// A byte that is 1 in the process that made it, and 0 in its forked children.
    pub(crate) struct ForkMark(NonNull<AtomicU8>);

    impl ForkMark {
        /// # Errors
        /// The kernel's, `ENOMEM` for example.
        pub(crate) fn new() -> io::Result<Self> {
            // SAFETY: the kernel chooses the address, so the mapping takes nobody's place.
            let page = unsafe {
                mmap_anonymous(ptr::null_mut(), LENGTH, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
            }?;
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
        pub(crate) fn is_ours(&self) -> bool {
            self.byte().load(Ordering::Relaxed) == 1
        }
    }

    impl Drop for ForkMark {
        fn drop(&mut self) {
            // SAFETY: `new` mapped it, and no reference to the byte outlives `self`.
            // It can only fail for an address that is not a page's.
            let _ = unsafe { munmap(self.0.as_ptr().cast(), LENGTH) };
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
pub(crate) mod tests {
    use crate::epoll::Epoll;
    use crate::portable::Portable;
    use crate::select::Select;
    use crate::told::or_skip;
    use crate::uring::Uring;
    use crate::{Backend, EventLoop, Interest, MonotonicClock, Wait};
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};
    use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::io::{self, Write};
    use std::sync::{Mutex, PoisonError};

    /// A forked child has every test's descriptors open, for a while.
    pub(crate) static FORKING: Mutex<()> = Mutex::new(());

    type Loop = EventLoop<u64>;

    fn lent_pipe() -> (BorrowedFd<'static>, io::PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        let reader: &'static OwnedFd = Box::leak(Box::new(reader.into()));
        (reader.as_fd(), writer)
    }

    fn is_told<T>(answer: io::Result<T>) -> bool {
        answer.is_err_and(|error| error.to_string().contains("make a new loop after a fork"))
    }

    /// C57: epoll's set, the rings and the waker are one in the kernel, whoever holds them.
    #[test]
    fn a_forked_child_is_told_so_makes_its_own_and_the_parent_notices_nothing_c57() {
        type Open = fn() -> io::Result<Box<dyn Backend>>;
        let _guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
        let kinds: [(&str, Open); 6] = [
            ("epoll", || Ok(Box::new(Epoll::new()?))),
            ("epoll with timeouts", || Ok(Box::new(Epoll::with_timeouts()?))),
            ("epoll, plain waits", || Ok(Box::new(Epoll::with_plain_waits()?))),
            ("uring", || Ok(Box::new(Uring::new()?))),
            ("select", || Ok(Box::new(Select::new()))),
            ("portable", || Ok(Box::new(Portable::new()?))),
        ];
        for (name, open) in kinds {
            if or_skip(name, open()).is_none() {
                continue;
            }
            let make = || Loop::from_parts(Box::new(MonotonicClock), open().unwrap(), 1_000).unwrap();
            let mut events = make();
            let ((fd, mut writer), (other, mut others)) = (lent_pipe(), lent_pipe());
            others.write_all(b"x").unwrap();
            let token = events.add_descriptor(fd, Interest::READ).unwrap();
            events.turn(Wait::Poll).unwrap();
            events.waker().wake();
            // SAFETY: the child calls only what allocates and makes system calls, which the C library makes safe after a
            // fork, and ends with `_exit`: it never comes back into the test's harness.
            match unsafe { fork() }.unwrap() {
                ForkResult::Child => {
                    let mut told = is_told(events.turn(Wait::Poll));
                    told &= is_told(events.add_descriptor(other, Interest::READ));
                    told &= is_told(events.set_interest(token, Interest::NONE));
                    told &= is_told(events.remove_descriptor(token));
                    drop(events);
                    let mut new = make();
                    let mine = new.add_descriptor(other, Interest::READ).ok();
                    let works = new.turn(Wait::Block).is_ok() && new.next_ready().map(|ready| ready.token) == mine;
                    // SAFETY: it ends this process and touches nothing.
                    unsafe { nix::libc::_exit(if told && works { 7 } else { 1 + i32::from(told) }) }
                }
                ForkResult::Parent { child } => {
                    assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 7)), "{}", events.backend().name);
                }
            }
            // The wake is still there, then the descriptor.
            events.turn(Wait::Block).unwrap();
            assert_eq!(events.next_ready(), None);
            writer.write_all(b"x").unwrap();
            events.turn(Wait::Block).unwrap();
            assert_eq!(events.next_ready().map(|ready| ready.token), Some(token));
        }
    }
}
