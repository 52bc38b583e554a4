//! Descriptors that the loop keeps open as long as they are observed, so that none is closed too early.

use super::EventLoop;
use super::parts::mode::Mode;
use crate::{Interest, Token};
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::rc::Rc;

impl<T: Clone> EventLoop<T> {
    /// Observes a descriptor as [`add_descriptor`](Self::add_descriptor) does, and owns it. The loop closes the
    /// descriptor when it is removed, and when the loop is cleared or dropped. If the same number is added once more,
    /// it gets a new token, and the loop still owns the descriptor.
    ///
    /// # Errors
    /// Those of [`add_descriptor`](Self::add_descriptor); the descriptor is closed then.
    pub fn add_owned(&mut self, fd: OwnedFd, interest: Interest) -> io::Result<Token> {
        // The table and the backend need the descriptor open. `own` below keeps it. The loop closes it or gives it away
        // only after the table and the backend have forgotten it.
        let index = self.observed.table().propose(fd.as_fd()).token.index();
        self.observed.kept().try_grow_owned(index)?;
        let token = self.observe(fd.as_fd(), interest, Mode::Level)?;
        self.observed.kept().own(token, fd);
        Ok(token)
    }

    /// Observes the descriptor of a file or socket as [`add_descriptor_with`](Self::add_descriptor_with) does. The loop
    /// holds the reference until the descriptor is removed or replaced, or the loop is cleared or dropped. The caller
    /// may keep and use a clone of the reference.
    ///
    /// # Errors
    /// Those of [`add_descriptor`](Self::add_descriptor).
    pub fn add_shared(&mut self, file: Rc<dyn AsFd>, interest: Interest, mode: Mode) -> io::Result<Token> {
        // The descriptor is open while its owner lives, and the reference to the owner is kept below until the table
        // and the backend have forgotten the descriptor. `as_fd` is called once, because another call could return
        // another descriptor.
        let fd = file.as_fd();
        let index = self.observed.table().propose(fd).token.index();
        self.observed.kept().try_grow_shared(index)?;
        let token = self.observe(fd, interest, mode)?;
        self.observed.kept().share(token, file);
        Ok(token)
    }

    /// Stops observing a descriptor and returns it.
    ///
    /// # Errors
    /// `NotFound` for a stale token and for a descriptor that the loop does not own; nothing changes then.
    pub fn take_owned(&mut self, token: Token) -> io::Result<OwnedFd> {
        self.observed.table().get(token).ok_or(io::ErrorKind::NotFound)?;
        let fd = self.observed.kept().take_owned(token).ok_or(io::ErrorKind::NotFound)?;
        // An error of the kernel changes nothing: the descriptor is forgotten in any case.
        let _ = self.remove_descriptor(token);
        Ok(fd)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use crate::fork::tests::FORKING;
    use crate::number::Number;
    use crate::{EventLoop, Interest, Mode, Options, Ready, Wait};
    use rustix::fd::{AsFd, OwnedFd};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::PoisonError;

    /// Regression test: a descriptor stayed open under a stale token until the loop was cleared.
    #[test]
    fn the_loop_owns_a_descriptor_under_the_token_that_replaces_the_old_one() {
        let _guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = EventLoop::<u64>::new(&Options::default()).unwrap();
        for gives_back in [false, true] {
            let (ours, mut peer) = UnixStream::pair().unwrap();
            // The loop keeps the descriptor open until it is removed below.
            let number = Number::of(ours.as_fd());
            let old = events.add_owned(OwnedFd::from(ours), Interest::READ).unwrap();
            let new = events.observe(number.as_fd(), Interest::READ, Mode::Level).unwrap();
            assert!(events.take_owned(old).is_err(), "stale");
            peer.write_all(b"x").unwrap();
            events.turn(Wait::Poll).unwrap();
            assert_eq!(events.next_ready(), Some(Ready { token: new, ready: Interest::READ }));
            if gives_back {
                drop(events.take_owned(new).unwrap());
            } else {
                events.remove_descriptor(new).unwrap();
            }
            peer.set_nonblocking(true).unwrap();
            let end = peer.read(&mut [0]);
            assert!(!end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "it is open still");
        }
    }
}
