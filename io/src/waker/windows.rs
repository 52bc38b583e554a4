//! The notifier on Windows. It calls a function of the backend that ends the backend's wait. `unix` is its counterpart.
//!
//! A completion port has such a function, and needs no socket. A loopback socket would be less reliable: `send` may
//! report that it would block, and then the wake would be lost.

use super::pending::Notify;
use std::fmt;
use std::io;
use std::sync::OnceLock;

#[derive(Default)]
pub(super) struct Notifier(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl Notifier {
    /// Makes a notifier that does nothing until [`notify_by`](Self::notify_by) gives it a function to call.
    pub(super) fn best() -> io::Result<Self> {
        Ok(Self::default())
    }
}

impl Notifier {
    /// Makes `notify` call `end_wait` from now on. Does nothing if an earlier call has set a function.
    pub(super) fn notify_by(&self, end_wait: Box<dyn Fn() + Send + Sync>) {
        if self.0.set(end_wait).is_ok() {
            // A wake may have come while there was no function to call.
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
