//! Signals, and the ends of children, as descriptors that become readable.
//!
//! Before Linux 5.3, and under some tools, there are no pidfds. Then SIGCHLD reports that some child has ended.

use super::descriptor::Number;
use cogloop_io::child;
pub(crate) use cogloop_io::signals::Signals;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, waitid};
use std::ffi::{CStr, c_int};
use std::io;
use std::num::NonZeroI32;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd};
use std::os::unix::process::ExitStatusExt;

/// The signals that can be watched by a fixed name.
const SIGNALS: [(&[u8], c_int); 12] = [
    (b"HUP", libc::SIGHUP),
    (b"INT", libc::SIGINT),
    (b"QUIT", libc::SIGQUIT),
    (b"USR1", libc::SIGUSR1),
    (b"USR2", libc::SIGUSR2),
    (b"PIPE", libc::SIGPIPE),
    (b"ALRM", libc::SIGALRM),
    (b"TERM", libc::SIGTERM),
    (b"CHLD", libc::SIGCHLD),
    (b"CONT", libc::SIGCONT),
    (b"TSTP", libc::SIGTSTP),
    (b"WINCH", libc::SIGWINCH),
];

/// The number of a signal that can be caught, by its name without `SIG`.
pub(crate) fn signal_of(name: &[u8]) -> Option<c_int> {
    if let Some(&(_, number)) = SIGNALS.iter().find(|(known, _)| *known == name) {
        return Some(number);
    }
    real_time(std::str::from_utf8(name).ok()?)
}

/// The number of a real-time signal, by a name such as `RTMIN`, `RTMIN+1`, `RTMAX-1` or `RTMAX`. `None` if it is not
/// between RTMIN and RTMAX.
#[cfg(target_os = "linux")]
fn real_time(name: &str) -> Option<c_int> {
    let (least, most) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let (base, offset) = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => (least, rest),
        (_, Some(rest)) => (most, rest),
        _ => return None,
    };
    let offset = match offset {
        "" => 0,
        _ if offset.starts_with(['+', '-']) => offset.parse().ok()?,
        _ => return None,
    };
    base.checked_add(offset).filter(|number| (least..=most).contains(number))
}

#[cfg(not(target_os = "linux"))]
fn real_time(_name: &str) -> Option<c_int> {
    None
}

/// Watches a signal.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn catch(signal: c_int) -> io::Result<Signals> {
    let mut signals = Signals::new()?;
    signals.watch(signal)?;
    Ok(signals)
}

/// The descriptor that becomes readable when the signal has arrived.
pub(crate) fn number_of(signals: &Signals) -> Number {
    signals.descriptor().as_fd().as_raw_fd()
}

/// Whether a watched signal has arrived since the last call.
pub(crate) fn take(signals: &mut Signals) -> bool {
    signals.take().next().is_some()
}

/// Watches a child by its pidfd. Without pidfds the number is -1, and SIGCHLD is watched.
///
/// # Errors
///
/// Returns the system's error: ESRCH if there is no such process, and ECHILD if it is not a child. Without pidfds it is
/// ESRCH for both.
pub(crate) fn observe(pid: NonZeroI32) -> io::Result<(Number, Option<Signals>)> {
    match child::pidfd(pid.get().unsigned_abs()) {
        Ok(fd) => Ok((fd.into_raw_fd(), None)),
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            let child = Pid::from_raw(pid.get()).ok_or(Errno::SRCH)?;
            waitid(WaitId::Pid(child), options).map_err(|_| Errno::SRCH)?;
            let signals = catch(libc::SIGCHLD)?;
            // The child may have ended before the watch began. This signal makes the first turn check the child.
            let _ = kill_process(getpid(), Signal::CHILD);
            Ok((-1, Some(signals)))
        }
        Err(error) => Err(error),
    }
}

/// Takes the status of a child that has ended: `exit` or `signal`, and the code; `None` while it runs.
pub(crate) fn end_of(pid: c_int) -> Option<(&'static CStr, Option<c_int>)> {
    // A child keeps its number until its status is taken.
    match child::exit_status(pid.unsigned_abs()) {
        Ok(None) => None,
        Ok(Some(status)) => Some(match status.code() {
            Some(code) => (c"exit", Some(code)),
            None => (c"signal", status.signal()),
        }),
        // Another part of the program has taken the child's status.
        Err(_) => Some((c"exit", None)),
    }
}
