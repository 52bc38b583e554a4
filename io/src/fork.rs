//! Tells whether this process is the one that made a backend.
//!
//! A forked child has a copy of the parent's backend in its memory, but the two share one backend in the kernel. So
//! a child must not use the copy. Otherwise the parent would submit requests that the child queued in the rings of
//! io_uring. A descriptor that the child removed from an epoll set would be removed for the parent, too. Wakes that the
//! child took would be lost for the parent.
//!
//! Reading the process id for each check would cost a system call. Reading a page that the kernel wipes for a child
//! costs only a load from memory. Linux has such pages, and one page serves all loops of a process. Other Unix systems
//! use the process id. Windows has no fork.

use crate::memory::error_in_words;
use std::io;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::ForkMark;
#[cfg(target_os = "linux")]
pub(crate) use linux::ForkMark;

/// Whether an error came from [`ForkMark::check`]. Such an error has no error number. Errors of the kernel have one.
pub(crate) fn is_error_of(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Other && error.raw_os_error().is_none()
}

impl ForkMark {
    /// # Errors
    /// In a forked child, with a message that says so.
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

    /// The id of the process that made the backend.
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
    use std::ptr;
    use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

    // The kernel rounds the length up to a page.
    const LENGTH: usize = size_of::<AtomicU64>();

    /// The page that the kernel wipes for a child; null until it is mapped. All loops share the page. It holds the
    /// number that this process got from [`LAST`], or 0 in a child that has no loop yet. It stays mapped for the rest
    /// of the process.
    static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

    /// The last number that was given to a process. A child inherits this count and continues it, so the child's number
    /// is new.
    static LAST: AtomicU64 = AtomicU64::new(0);

    /// The number of the process that made the backend. It is a number from [`LAST`], not the process id.
    pub(crate) struct ForkMark(u64);

    impl ForkMark {
        /// # Errors
        /// An error of the kernel, `ENOMEM` for example.
        pub(crate) fn new() -> io::Result<Self> {
            let page = match page() {
                Some(page) => page,
                None => map()?,
            };
            let known = page.load(Ordering::Relaxed);
            if known != 0 {
                return Ok(Self(known));
            }
            let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            // Another thread may have stored its number first.
            match page.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => Ok(Self(new)),
                Err(faster) => Ok(Self(faster)),
            }
        }

        /// Whether this is the process that made the mark.
        #[inline]
        pub(crate) fn is_ours(&self) -> bool {
            page().is_some_and(|page| page.load(Ordering::Relaxed) == self.0)
        }
    }

    #[inline]
    fn page() -> Option<&'static AtomicU64> {
        // SAFETY: the pointer is null, or one that `map` stored:
        // 1. That page is mapped, readable, writable and aligned for the rest of the process, also in a child.
        // 2. Any 8 bytes are a valid `AtomicU64`, also the zeros in a child, and all code accesses them by this type.
        unsafe { PAGE.load(Ordering::Acquire).as_ref() }
    }

    fn map() -> io::Result<&'static AtomicU64> {
        // SAFETY: the kernel chooses the address, so the mapping replaces no other.
        let new =
            unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) }?;
        // SAFETY: the page was mapped above, and its address has not left this function. The advice changes nothing in
        // this process.
        let advised = unsafe { madvise(new, LENGTH, Advice::LinuxWipeOnFork) };
        let is_kept = advised.is_ok()
            && PAGE.compare_exchange(ptr::null_mut(), new.cast(), Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !is_kept {
            // SAFETY: the page was mapped above, and its address has not left this function.
            // munmap can fail only for an address that is not a page's.
            let _ = unsafe { munmap(new, LENGTH) };
        }
        advised?;
        // Another thread may have stored its page first. That page serves as well.
        page().ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
pub(crate) mod tests {
    use super::ForkMark;
    use crate::epoll::Epoll;
    use crate::portable::Portable;
    use crate::select::Select;
    use crate::stories::or_skip;
    use crate::uring::Uring;
    use crate::{Backend, EventLoop, Interest, MonotonicClock, Options, Recording, Wait};
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};
    use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::io::{self, Write};
    use std::sync::{Mutex, PoisonError};

    /// Held by a test while it forks. The child has the descriptors of all tests open for a while, so two such tests
    /// must not run at the same time.
    pub(crate) static FORKING: Mutex<()> = Mutex::new(());

    type Loop = EventLoop<u64>;

    /// Runs `check` in a forked child and returns its answer. Then the child ends.
    fn in_a_child(check: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child only makes system calls and allocates memory. Both are safe after a fork: the C library
        // keeps its allocator usable in the child. The child
        // ends with `_exit`, so it never returns to the test harness.
        match unsafe { fork() }.unwrap() {
            // SAFETY: the call ends this process and touches nothing.
            ForkResult::Child => unsafe { nix::libc::_exit(i32::from(check())) },
            ForkResult::Parent { child } => waitpid(child, None) == Ok(WaitStatus::Exited(child, 1)),
        }
    }

    #[test]
    fn a_childs_mark_differs_from_those_of_its_parent_and_its_own_child() {
        let _guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
        let parents = ForkMark::new().unwrap();
        assert!(parents.is_ours() && ForkMark::new().unwrap().is_ours());
        assert!(in_a_child(|| {
            let before = !parents.is_ours();
            let childs = ForkMark::new().unwrap();
            let after = childs.is_ours() && !parents.is_ours();
            before
                && after
                && in_a_child(|| {
                    let before = !childs.is_ours();
                    let own = ForkMark::new().unwrap();
                    before && own.is_ours() && !childs.is_ours() && !parents.is_ours()
                })
        }));
        assert!(parents.is_ours());
    }

    /// The parent and the child share the open file of a recording, and the position at which it is read and written.
    #[test]
    fn a_forked_child_neither_writes_its_parents_recording_nor_reads_on_in_it() {
        let _guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
        let path = std::env::temp_dir().join(format!("cogloop-fork-{}.rec", std::process::id()));
        let run = |recording, by: &dyn Fn(&mut Option<Loop>)| {
            let options = Options { recording: Some(recording), ..Options::default() };
            let mut events = Some(Loop::new(&options).unwrap());
            for value in 0..3 {
                // The recording buffers the line of this timer until the loop waits. So the child gets a copy of it.
                events.as_mut().unwrap().add_timer(1_000, value);
                by(&mut events);
                let events = events.as_mut().unwrap();
                while events.next_expired().is_none() {
                    events.turn(Wait::Block).unwrap();
                }
            }
            drop(events);
            std::fs::read_to_string(&path).unwrap()
        };
        let in_a_child_too = |events: &mut Option<Loop>| {
            assert!(in_a_child(|| {
                let mut childs = events.take();
                childs.iter_mut().for_each(|events| _ = events.add_timer(1_000, 9));
                let has_failed = childs.iter_mut().all(|events| events.turn(Wait::Poll).is_err());
                drop(childs);
                has_failed
            }));
        };
        let recorded = run(Recording::Record(path.clone()), &in_a_child_too);
        assert_eq!(recorded.lines().filter(|line| *line == "end").count(), 1, "{recorded}");
        assert_eq!(recorded.lines().filter(|line| line.starts_with("after")).count(), 3, "{recorded}");
        assert_eq!(run(Recording::Replay(path.clone()), &in_a_child_too), recorded);
        std::fs::remove_file(path).unwrap();
    }

    fn lent_pipe() -> (BorrowedFd<'static>, io::PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        let reader: &'static OwnedFd = Box::leak(Box::new(reader.into()));
        (reader.as_fd(), writer)
    }

    fn is_fork_error<T>(answer: io::Result<T>) -> bool {
        answer.is_err_and(|error| error.to_string().contains("make a new loop after a fork"))
    }

    /// Row C57 of docs/conformance.md: in the kernel, parent and child share the epoll set, the rings and the waker.
    #[test]
    fn a_forked_child_gets_an_error_makes_its_own_loop_and_the_parent_is_undisturbed_c57() {
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
            // SAFETY: the child only makes system calls and allocates memory. Both are safe after a fork: the C library
            // keeps its allocator usable in the child. The child ends with `_exit`, so it never returns to the test
            // harness.
            match unsafe { fork() }.unwrap() {
                ForkResult::Child => {
                    let mut has_failed = is_fork_error(events.turn(Wait::Poll));
                    has_failed &= is_fork_error(events.add_descriptor(other, Interest::READ));
                    has_failed &= is_fork_error(events.set_interest(token, Interest::NONE));
                    has_failed &= is_fork_error(events.remove_descriptor(token));
                    drop(events);
                    let mut new = make();
                    let mine = new.add_descriptor(other, Interest::READ).ok();
                    let works = new.turn(Wait::Block).is_ok() && new.next_ready().map(|ready| ready.token) == mine;
                    // SAFETY: the call ends this process and touches nothing.
                    unsafe { nix::libc::_exit(if has_failed && works { 7 } else { 1 + i32::from(has_failed) }) }
                }
                ForkResult::Parent { child } => {
                    assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 7)), "{}", events.backend().name);
                }
            }
            // The child has not taken the wake, so the wake ends the next turn. The turn after that one reports the
            // descriptor.
            events.turn(Wait::Block).unwrap();
            assert_eq!(events.next_ready(), None);
            writer.write_all(b"x").unwrap();
            events.turn(Wait::Block).unwrap();
            assert_eq!(events.next_ready().map(|ready| ready.token), Some(token));
        }
    }
}
