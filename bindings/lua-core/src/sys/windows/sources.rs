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
/// Stands for all other signals that a script may name.
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
    /// Connected to each other. The second one is among the [`BELLS`].
    ear: UdpSocket,
    bell: SocketAddr,
}

/// The sockets of all watches.
static BELLS: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// The system calls this in a thread of its own. Returns true if the event was handled.
unsafe extern "system" fn on_event(event: u32) -> BOOL {
    BOOL::from(event == CTRL_C_EVENT && ring())
}

/// Sends a byte to each watch. Returns whether there was one.
fn ring() -> bool {
    let bells = BELLS.lock().unwrap_or_else(PoisonError::into_inner);
    for bell in &*bells {
        // If the buffer is full, the socket is readable already.
        let _ = bell.send(&[1]);
    }
    !bells.is_empty()
}

/// Watches Ctrl-C.
///
/// # Errors
///
/// The system's; `Unsupported` for another signal.
pub(crate) fn catch(signal: c_int) -> io::Result<Signals> {
    if signal != INT {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "Windows has no other signal than INT, Ctrl-C"));
    }
    let here = (Ipv4Addr::LOCALHOST, 0);
    let (ear, bell) = (UdpSocket::bind(here)?, UdpSocket::bind(here)?);
    ear.connect(bell.local_addr()?)?;
    bell.connect(ear.local_addr()?)?;
    ear.set_nonblocking(true)?;
    let mut bells = BELLS.lock().unwrap_or_else(PoisonError::into_inner);
    bells.try_reserve(1)?;
    if bells.is_empty() {
        // Above the program's own, which is not called while somebody watches.
        // SAFETY: the function stays where it is.
        if unsafe { SetConsoleCtrlHandler(Some(on_event), 1) } == 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let signals = Signals { ear, bell: bell.local_addr()? };
    bells.push(bell);
    Ok(signals)
}

impl Drop for Signals {
    fn drop(&mut self) {
        let mut bells = BELLS.lock().unwrap_or_else(PoisonError::into_inner);
        bells.retain(|bell| bell.local_addr().ok() != Some(self.bell));
        if bells.is_empty() {
            // SAFETY: it takes out what `catch` has put in.
            unsafe { SetConsoleCtrlHandler(Some(on_event), 0) };
        }
    }
}

/// What becomes readable when the signal has come.
pub(crate) fn number_of(signals: &Signals) -> Number {
    descriptor::number_of(&signals.ear)
}

/// Whether the signal has come since the last look.
pub(crate) fn take(signals: &mut Signals) -> bool {
    let mut came = false;
    while signals.ear.recv(&mut [0]).is_ok() {
        came = true;
    }
    came
}

/// Watches a child: not here.
///
/// # Errors
///
/// Always `Unsupported`.
pub(crate) fn observe(_: NonZeroI32) -> io::Result<(Number, Option<Signals>)> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "on Windows a child cannot be watched by its number"))
}

/// How a child has ended: none was ever observed.
pub(crate) fn end_of(_: c_int) -> Option<(&'static CStr, Option<c_int>)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_reaches_each_watch_and_none_after_the_last() {
        assert!(!ring(), "nobody watches: the program's own handler is next");
        let (mut one, mut two) = (catch(INT).unwrap(), catch(INT).unwrap());
        // SAFETY: it is called as the system calls it.
        assert_eq!(unsafe { on_event(CTRL_C_EVENT) }, 1);
        one.ear.set_nonblocking(false).unwrap();
        one.ear.peek(&mut [0]).unwrap();
        one.ear.set_nonblocking(true).unwrap();
        assert!(take(&mut one) && !take(&mut one));
        drop(one);
        assert!(ring());
        two.ear.set_nonblocking(false).unwrap();
        two.ear.peek(&mut [0]).unwrap();
        two.ear.set_nonblocking(true).unwrap();
        assert!(take(&mut two));
        drop(two);
        assert!(!ring());
        assert_eq!(catch(OTHER).err().unwrap().kind(), io::ErrorKind::Unsupported);
    }
}
