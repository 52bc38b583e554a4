//! The end of a child process as readiness: a descriptor that becomes readable when the process has ended, even if it
//! ended before the descriptor was made. This needs no signal handler and touches no other child. If the process number
//! is reused, the descriptor still stands for the old process.
//!
//! Pass the descriptor to [`EventLoop::add_owned`](crate::EventLoop::add_owned). When it is ready, get the exit status
//! from [`std::process::Child::try_wait`], or from [`exit_status`] if you have only the process number.
//!
//! Such a descriptor needs Linux 5.3. On other systems watch SIGCHLD with [`Signals`](crate::signals::Signals) and get
//! the status in the same way.

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

/// A descriptor (pidfd, close-on-exec) for the process `pid`, which must be a child that has not been waited for.
///
/// # Errors
/// `InvalidInput` for a number that no process can have, `ESRCH` when there is no such process, `ECHILD` when it is not
/// a child of this process, `ENOSYS` before Linux 5.3, `EMFILE` when there are too many descriptors.
#[cfg(target_os = "linux")]
pub fn pidfd(pid: u32) -> io::Result<std::os::fd::OwnedFd> {
    use rustix::process::{PidfdFlags, WaitId, WaitIdOptions, pidfd_open, test_kill_process, waitid};
    let pid = known(pid)?;
    // The kernel opens any process, but the exit status of a process that is not a child cannot be read.
    match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT) {
        Err(Errno::CHILD) if test_kill_process(pid) == Err(Errno::SRCH) => Err(Errno::SRCH.into()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(crate::sys::own(|| pidfd_open(pid, PidfdFlags::empty()))?),
    }
}

/// How the child ended; `None` while it runs. The system reports the end once. Other children are not touched.
///
/// # Errors
/// `InvalidInput` for a number that no process can have, `ECHILD` when it is not a child of this process or has been
/// waited for already.
pub fn exit_status(pid: u32) -> io::Result<Option<ExitStatus>> {
    loop {
        match waitpid(Some(known(pid)?), WaitOptions::NOHANG) {
            Ok(ended) => return Ok(ended.map(|(_, status)| ExitStatus::from_raw(status.as_raw()))),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
