//! Descriptors that the loop keeps open as long as they are observed, so that nobody can close one too early.
//!
//! ```text
//!   add_owned( fd )           the loop owns it; take_owned gives it back
//!   add_shared( Rc<file> )    the loop holds one reference among others
//! ```

use super::{EventLoop, Mode};
use crate::{Interest, Token};
use rustix::fd::{AsFd, IntoRawFd, OwnedFd};
use std::io;
use std::rc::Rc;

impl<T: Default + Clone> EventLoop<T> {
    /// Observes a descriptor as [`add_descriptor`](Self::add_descriptor) does, and keeps it. It is closed when it is
    /// removed, and when the loop is cleared or dropped. Who adds its number once more gets a new token for it, and the
    /// loop owns it still.
    ///
    /// # Errors
    /// Those of [`add_descriptor`](Self::add_descriptor); the descriptor is closed then.
    pub fn add_owned(&mut self, fd: OwnedFd, interest: Interest) -> io::Result<Token> {
        // It stays open while the table and the backend know it: it is kept below, and is closed or given away after both
        // have forgotten it.
        self.owned.try_grow(self.table.propose(fd.as_fd()).0.index())?;
        let token = self.observe(fd.as_fd(), interest)?;
        if let Some(closed) = self.owned.replace(token.index(), Some(fd)) {
            // Somebody has closed it behind the loop's back, and the number is that of the new one.
            let _ = closed.into_raw_fd();
        }
        Ok(token)
    }

    /// Observes the descriptor of a file, socket or the like as [`add_descriptor_with`](Self::add_descriptor_with) does, and
    /// holds a reference to it until it is removed or replaced, or the loop is cleared or dropped. Who clones the
    /// reference before can go on using it.
    ///
    /// # Errors
    /// Those of [`add_descriptor`](Self::add_descriptor).
    pub fn add_shared(&mut self, file: Rc<dyn AsFd>, interest: Interest, mode: Mode) -> io::Result<Token> {
        // It is open while its owner lives, and a reference to that is kept below until the table and the backend have
        // forgotten it. The owner is asked once: another time it could lend another descriptor.
        let fd = file.as_fd();
        self.shared.try_grow(self.table.propose(fd).0.index())?;
        let token = self.observe_with(fd, interest, mode)?;
        self.shared.replace(token.index(), Some(file));
        Ok(token)
    }

    /// Observes it no longer, and gives it back.
    ///
    /// # Errors
    /// `NotFound` for a stale token and for a descriptor that the loop does not own; nothing changes then.
    pub fn take_owned(&mut self, token: Token) -> io::Result<OwnedFd> {
        self.table.get(token).ok_or(io::ErrorKind::NotFound)?;
        let fd = self.owned.take(token.index()).ok_or(io::ErrorKind::NotFound)?;
        // What the kernel says is for information: it is forgotten anyway.
        let _ = self.remove_descriptor(token);
        Ok(fd)
    }

    /// Lets go of what was kept for a token whose descriptor the backend knows no more.
    pub(super) fn let_go(&mut self, token: Token) {
        self.owned.take(token.index());
        self.shared.take(token.index());
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use crate::fork::tests::FORKING;
    use crate::number::Number;
    use crate::{EventLoop, Interest, Options, Ready, Wait};
    use rustix::fd::{AsFd, OwnedFd};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::PoisonError;

    /// It stayed open under a token that was stale, until the loop was cleared.
    #[test]
    fn what_the_loop_owns_it_owns_under_the_token_that_takes_the_place() {
        let _guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = EventLoop::<u64>::new(&Options::default()).unwrap();
        for gives_back in [false, true] {
            let (ours, mut peer) = UnixStream::pair().unwrap();
            // The loop keeps it open until it is removed below.
            let number = Number::of(ours.as_fd());
            let old = events.add_owned(OwnedFd::from(ours), Interest::READ).unwrap();
            let new = events.observe(number.as_fd(), Interest::READ).unwrap();
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
