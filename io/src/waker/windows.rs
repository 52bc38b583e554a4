//! The notifier on Windows: a call of the backend that ends its wait. `unix` has the same functions.
//!
//! A completion port has such a call, and needs no socket. A loopback socket would be less reliable: `send` may report
//! that it would block, and then the wake would be lost.

use super::pending::Notify;
use std::fmt;
use std::io;
use std::sync::OnceLock;

#[derive(Default)]
pub(super) struct Notifier(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl Notifier {
    /// Makes a notifier that does nothing until a backend says which call ends its wait.
    pub(super) fn best() -> io::Result<Self> {
        Ok(Self::default())
    }
}

impl Notifier {
    /// Makes `notify` call `end_wait` from now on, unless another call was set before.
    pub(super) fn notify_by(&self, end_wait: Box<dyn Fn() + Send + Sync>) {
        if self.0.set(end_wait).is_ok() {
            // A wake may have come before, before there was a call.
            self.notify();
        }
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Call" } else { "Silent" })
    }
}

impl Notify for Notifier {
    fn notify(&self) {
        if let Some(end_wait) = self.0.get() {
            end_wait();
        }
    }

    fn clear(&self) {}
}
