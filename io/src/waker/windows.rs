//! What a wake does on Windows: a call that the backend has left here, which ends its wait. Twin of `unix`.
//!
//! A completion port has such a call, and it needs no socket. A socket of the loopback network would: `send` can say that it
//! would block, and then the bell would not ring again.

use super::pending::Sounding;
use std::fmt;
use std::io;
use std::sync::OnceLock;

#[derive(Default)]
pub(super) struct Bell(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl Bell {
    /// Silent, until a backend says how to ring.
    pub(super) fn best() -> io::Result<Self> {
        Ok(Self::default())
    }
}

impl Bell {
    /// Is rung by this from now on, if nobody has said so before.
    pub(super) fn ring_by(&self, end_wait: Box<dyn Fn() + Send + Sync>) {
        if self.0.set(end_wait).is_ok() {
            // Whoever woke before found the bell silent.
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
