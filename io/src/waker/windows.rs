//! The bell on Windows: a call of the backend that ends its wait. `unix` has the same functions.
//!
//! A completion port has such a call, and needs no socket. A loopback socket would be less reliable: `send` may report
//! that it would block, and then the bell would not ring again.

use super::pending::Sounding;
use std::fmt;
use std::io;
use std::sync::OnceLock;

#[derive(Default)]
pub(super) struct Bell(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl Bell {
    /// Makes a bell that is silent until a backend says how to ring it.
    pub(super) fn best() -> io::Result<Self> {
        Ok(Self::default())
    }
}

impl Bell {
    /// Makes ringing call `end_wait` from now on, unless another call was set before.
    pub(super) fn ring_by(&self, end_wait: Box<dyn Fn() + Send + Sync>) {
        if self.0.set(end_wait).is_ok() {
            // A wake may have come before, while the bell was silent.
            self.ring();
        }
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Call" } else { "Silent" })
    }
}

impl Sounding for Bell {
    fn ring(&self) {
        if let Some(end_wait) = self.0.get() {
            end_wait();
        }
    }

    fn silence(&self) {}
}
