//! Pairs of connected sockets, some of them in play: a byte goes to and fro between the two ends.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Both ends of each pair, one after the other. Drop this after the loop that observes the sockets.
pub(crate) struct Sockets(Vec<UnixStream>);

impl Sockets {
    pub(crate) fn pairs(pairs: usize) -> io::Result<Self> {
        allow_many()?;
        let mut ends = Vec::with_capacity(2 * pairs);
        for _ in 0..pairs {
            ends.extend(<[_; 2]>::from(UnixStream::pair()?));
        }
        ends.iter().try_for_each(|end| end.set_nonblocking(true))?;
        Ok(Self(ends))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn fd(&self, index: usize) -> BorrowedFd<'static> {
        // SAFETY: the descriptor stays open while `self` lives. Every loop that gets its number is dropped before
        // `self`. In `pingpong::Court` the order of the fields ensures this. `churn` only borrows the sockets.
        unsafe { BorrowedFd::borrow_raw(self.0[index].as_raw_fd()) }
    }

    /// Sends a byte from one end of each pair, for the first `pairs` pairs.
    pub(crate) fn serve(&self, pairs: usize) -> io::Result<()> {
        (0..pairs).try_for_each(|pair| (&self.0[2 * pair]).write_all(b"x"))
    }

    /// Reads the byte at this end and sends it back. Returns `false` if there is no byte.
    pub(crate) fn answer(&self, index: usize) -> bool {
        let mut end = &self.0[index];
        let mut byte = [0; 8];
        matches!(end.read(&mut byte), Ok(1)) && matches!(end.write(&byte[..1]), Ok(1))
    }
}

/// Raises the limit on open descriptors to the hard limit.
fn allow_many() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
