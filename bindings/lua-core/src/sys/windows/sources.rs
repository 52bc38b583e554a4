//! Ctrl-C as a socket that becomes readable. Windows has no other signals, and no descriptor of a child.
//!
//! ```text
//!   Ctrl-C ──► a thread of the system's ──► on_event ──┬──► a byte for each `Signals` ──► its loop
//!                                                      └──► without a watch: the program's previous handler
//! ```

use super::descriptor::{self, Number};
use std::ffi::{CStr, c_int};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroI32;
use std::sync::{Mutex, PoisonError};
use windows_sys::Win32::System::Console::{CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::core::BOOL;

const INT: c_int = 2;
/// Stands for every other signal that a script may name.
const OTHER: c_int = 0;

/// The names of signals on other systems.
const NAMES: [&[u8]; 11] =
    [b"HUP", b"QUIT", b"USR1", b"USR2", b"PIPE", b"ALRM", b"TERM", b"CHLD", b"CONT", b"TSTP", b"WINCH"];

/// The number of a signal that can be caught on some system, by its name without `SIG`.
pub(crate) fn signal_of(name: &[u8]) -> Option<c_int> {
    match name {
        b"INT" => Some(INT),
        _ => NAMES.contains(&name).then_some(OTHER),
    }
}

/// One watch of Ctrl-C.
pub(crate) struct Signals {
    /// The two sockets are connected to each other. The sending one is in [`SENDERS`].
    receiver: UdpSocket,
    sender: SocketAddr,
}

/// The sending sockets of all watches.
static SENDERS: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// Handles an event of the console. The system calls this function in a thread of its own. Returns true if the event
/// was handled.
unsafe extern "system" fn on_event(event: u32) -> BOOL {
    BOOL::from(event == CTRL_C_EVENT && notify())
}

/// Sends a byte to each watch. Returns whether there is any watch.
fn notify() -> bool {
    let senders = SENDERS.lock().unwrap_or_else(PoisonError::into_inner);
    for sender in &*senders {
        // If the buffer is full, the socket is readable already.
        let _ = sender.send(&[1]);
    }
    !senders.is_empty()
}

/// Watches Ctrl-C.
///
/// # Errors
///
/// Returns the system's error; `Unsupported` for another signal.
pub(crate) fn catch(signal: c_int) -> io::Result<Signals> {
    if signal != INT {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "Windows has no other signal than INT, Ctrl-C"));
    }
    let here = (Ipv4Addr::LOCALHOST, 0);
    let (receiver, sender) = (UdpSocket::bind(here)?, UdpSocket::bind(here)?);
    receiver.connect(sender.local_addr()?)?;
    sender.connect(receiver.local_addr()?)?;
    receiver.set_nonblocking(true)?;
    let mut senders = SENDERS.lock().unwrap_or_else(PoisonError::into_inner);
    senders.try_reserve(1)?;
    if senders.is_empty() {
        // The handler comes before the program's own, which is not called while a watch exists. SAFETY: the function is
        // static.
        if unsafe { SetConsoleCtrlHandler(Some(on_event), 1) } == 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let signals = Signals { receiver, sender: sender.local_addr()? };
    senders.push(sender);
    Ok(signals)
}

impl Drop for Signals {
    fn drop(&mut self) {
        let mut senders = SENDERS.lock().unwrap_or_else(PoisonError::into_inner);
        senders.retain(|sender| sender.local_addr().ok() != Some(self.sender));
        if senders.is_empty() {
            // SAFETY: it removes the handler that `catch` has added.
            unsafe { SetConsoleCtrlHandler(Some(on_event), 0) };
        }
    }
}

/// The descriptor that becomes readable when the signal has come.
pub(crate) fn number_of(signals: &Signals) -> Number {
    descriptor::number_of(&signals.receiver)
}

/// Whether the signal has come since the last call.
pub(crate) fn take(signals: &mut Signals) -> bool {
    let mut came = false;
    while signals.receiver.recv(&mut [0]).is_ok() {
        came = true;
    }
    came
}

/// Watching a child is not supported here.
///
/// # Errors
///
/// Always `Unsupported`.
pub(crate) fn observe(_: NonZeroI32) -> io::Result<(Number, Option<Signals>)> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "on Windows a child cannot be watched by its number"))
}

/// Returns nothing, because no child was ever observed.
pub(crate) fn end_of(_: c_int) -> Option<(&'static CStr, Option<c_int>)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_reaches_each_watch_until_the_watch_is_dropped() {
        assert!(!notify(), "no watch exists: the program's own handler is next");
        let (mut one, mut two) = (catch(INT).unwrap(), catch(INT).unwrap());
        // SAFETY: it is called as the system calls it.
        assert_eq!(unsafe { on_event(CTRL_C_EVENT) }, 1);
        one.receiver.set_nonblocking(false).unwrap();
        one.receiver.peek(&mut [0]).unwrap();
        one.receiver.set_nonblocking(true).unwrap();
        assert!(take(&mut one) && !take(&mut one));
        drop(one);
        assert!(notify());
        two.receiver.set_nonblocking(false).unwrap();
        two.receiver.peek(&mut [0]).unwrap();
        two.receiver.set_nonblocking(true).unwrap();
        assert!(take(&mut two));
        drop(two);
        assert!(!notify());
        assert_eq!(catch(OTHER).err().unwrap().kind(), io::ErrorKind::Unsupported);
    }
}
