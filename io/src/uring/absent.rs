//! Takes the place of `io_uring` on an architecture that the crate io-uring does not support. Making a backend
//! fails, so the loop takes the next kind. The interface is that of [`uring`](crate::uring) on the supported
//! architectures.

use crate::memory::error_in_words;
use crate::{Backend, Event, Interest, Token, Waker};
use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;

/// The ways to set up the rings, with the oldest kernel that each needs.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Setup {
    /// Linux 6.1.
    Deferred,
    /// Linux 5.19.
    Cooperative,
    /// Every kernel with io_uring.
    Plain,
}

/// A backend that cannot be made.
pub struct Uring(Infallible);

impl Uring {
    /// # Errors
    /// `Unsupported`, always.
    pub fn new() -> io::Result<Self> {
        let message = format_args!("the crate io-uring does not know the architecture {}", std::env::consts::ARCH);
        Err(error_in_words(io::ErrorKind::Unsupported, message))
    }

    /// # Errors
    /// `Unsupported`, always.
    pub fn with_rings(_entries: u32, _setup: Setup) -> io::Result<Self> {
        Self::new()
    }
}

impl Backend for Uring {
    fn name(&self) -> &'static str {
        match self.0 {}
    }

    fn attach(&mut self, _: &Waker) -> io::Result<()> {
        match self.0 {}
    }

    fn add(&mut self, _: BorrowedFd<'_>, _: Interest, _: Token) -> io::Result<()> {
        match self.0 {}
    }

    fn modify(&mut self, _: BorrowedFd<'_>, _: Interest, _: Token) -> io::Result<()> {
        match self.0 {}
    }

    fn remove(&mut self, _: BorrowedFd<'_>, _: Token) -> io::Result<()> {
        match self.0 {}
    }

    fn wait(&mut self, _: &mut Vec<Event>, _: Option<u64>) -> io::Result<()> {
        match self.0 {}
    }
}
