//! A child's end as readiness: a descriptor that becomes readable when the process has ended, whether or not anybody has
//! looked at it before. No signal handler, no other child is touched, and a number that is used again is another process.
//!
//! Give it to [`EventLoop::add_owned`](crate::EventLoop::add_owned); once it is ready, ask the one who started the child:
//! [`std::process::Child::try_wait`], or [`exit_status`] for a bare process number.
//!
//! Linux 5.3 and later. Elsewhere watch SIGCHLD with [`Signals`](crate::signals::Signals) and ask in the same way.

use crate::memory::error_in_words;
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

fn known(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| error_in_words(io::ErrorKind::InvalidInput, format_args!("{pid} is no process number")))
}

/// A descriptor for the process `pid`, a child that has not been waited for, close-on-exec.
///
/// # Errors
/// `ESRCH` when there is no such process, `ECHILD` when it is none of this process's children, `ENOSYS` before Linux 5.3,
/// `EMFILE`.
#[cfg(target_os = "linux")]
pub fn pidfd(pid: u32) -> io::Result<std::os::fd::OwnedFd> {
    use rustix::process::{PidfdFlags, WaitId, WaitIdOptions, pidfd_open, test_kill_process, waitid};
    let pid = known(pid)?;
    // The kernel opens any process. How one ended that is not a child cannot be found out.
    match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT) {
        Err(Errno::CHILD) if test_kill_process(pid) == Err(Errno::SRCH) => Err(Errno::SRCH.into()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(crate::sys::own(|| pidfd_open(pid, PidfdFlags::empty()))?),
    }
}

/// How the child ended, which is told once; `None` while it runs. Other children are left alone.
///
/// # Errors
/// `ECHILD` when it is no child of this process, or was waited for already.
pub fn exit_status(pid: u32) -> io::Result<Option<ExitStatus>> {
    loop {
        match waitpid(Some(known(pid)?), WaitOptions::NOHANG) {
            Ok(ended) => return Ok(ended.map(|(_, status)| ExitStatus::from_raw(status.as_raw()))),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
