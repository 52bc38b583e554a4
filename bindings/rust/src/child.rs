//! Child processes: the end of one as a callback, and for a future.

use crate::handle::Handle;
use crate::outcome::Outcome;
use crate::{Async, Error, Interest, Source, memory, signal};
use cogloop_io::Waker;
use cogloop_io::signals::Signals;
use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// What is readable when a child may have ended.
enum End {
    /// The descriptor of the process.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has one"))]
    Process(OwnedFd),
    /// Where a process has no descriptor: the signal that some child has ended.
    Signal(Waker),
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Process(descriptor) => descriptor.as_fd(),
            Self::Signal(waker) => waker.as_fd(),
        }
    }
}

/// With what has to be taken after each report.
type Watched = (End, Option<Signals>);

fn end_of(child: &Child) -> Result<Watched, Error> {
    #[cfg(target_os = "linux")]
    match cogloop_io::child::pidfd(child.id()) {
        Ok(descriptor) => return Ok((End::Process(descriptor), None)),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(error) => return Err(Error::io("watching a child process")(error)),
    }
    let _ = child;
    end_of_any()
}

fn end_of_any() -> Result<Watched, Error> {
    let mut signals = Signals::new().map_err(Error::io("watching signals"))?;
    signals.watch(signal::CHILD).map_err(Error::io("watching for the end of children"))?;
    Ok((End::Signal(signals.descriptor()), Some(signals)))
}

fn acknowledge(signals: &mut Option<Signals>) {
    signals.iter_mut().for_each(|signals| signals.take().for_each(drop));
}

/// A child process for a future, which owns it: [`Handle::watch_child`].
///
/// Dropped, the child runs on and is not waited for: it stays a zombie when it ends, until this program does. To end it,
/// [`kill`](Self::kill) it and [`wait`](Self::wait).
pub struct Process {
    child: Child,
    watched: Async<End>,
    signals: Option<Signals>,
}

impl Process {
    /// How the child has ended, waiting for that. It has been waited for then, and any later call answers the same. The
    /// future may be dropped. The child's standard input stays open: drop it if the child reads until its end.
    ///
    /// # Errors
    /// The kernel's; [`Error::Removed`] inside of an [`io::Error`], when the loop was cleared or dropped.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        poll_fn(|cx| self.poll_wait(cx)).await
    }

    /// [`wait`](Self::wait) for a future of your own.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait).
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Poll::Ready(Ok(status));
            }
            ready!(self.watched.poll_readable(cx))?;
            acknowledge(&mut self.signals);
        }
    }

    /// Kills the child, by SIGKILL. It is no error if it has ended.
    ///
    /// # Errors
    /// The kernel's.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }

    /// The child: its number, its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Gives the child back, which is watched no longer.
    pub fn into_inner(self) -> Child {
        self.child
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({})", self.child.id())
    }
}

impl<S> Handle<S> {
    /// A child process for a future, which owns it. By itself it does not keep the loop going; a task that waits for it
    /// does.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::process::Command;
    ///
    /// let mut events = Loop::<()>::new()?;
    /// let mut child = events.watch_child(Command::new("sleep").arg("60").spawn().unwrap())?;
    /// child.kill().unwrap();
    /// let status = events.block_on(&mut (), child.wait())?.unwrap();
    /// assert!(!status.success());
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Limit`], [`Error::Memory`], [`Error::Closed`]. The child runs on then.
    pub fn watch_child(&self, child: Child) -> Result<Process, Error> {
        let (end, signals) = end_of(&child)?;
        Ok(Process { child, watched: self.watch(end)?, signals })
    }

    /// Calls `f` once, when the child has ended, with its status; it has been waited for then. The loop owns the child: take
    /// its pipes out of it before, if you need them.
    ///
    /// A child whose source is cancelled runs on, and is not waited for: it stays a zombie when it ends. To end it,
    /// [`kill`](Self::kill) it, and `f` is called.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::process::{Command, ExitStatus};
    ///
    /// let mut events = Loop::new()?;
    /// let child = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
    /// events.child(child, |code: &mut Option<i32>, _, status: std::io::Result<ExitStatus>| {
    ///     *code = status?.code();
    ///     Ok::<_, std::io::Error>(())
    /// })?;
    /// let mut code = None;
    /// events.run(&mut code)?;
    /// assert_eq!(code, Some(3));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Limit`], [`Error::Memory`], [`Error::Closed`]. The child runs on then.
    pub fn child<R: Outcome>(
        &self,
        child: Child,
        f: impl FnOnce(&mut S, &Handle<S>, io::Result<ExitStatus>) -> R + 'static,
    ) -> Result<Source, Error> {
        let watched = end_of(&child)?;
        self.add_child(watched, child, f)
    }

    /// Kills the child of [`child`](Self::child), by SIGKILL; its callback is called when it has ended. `false` if it was
    /// cancelled, or the source is of something else.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::process::{Command, ExitStatus};
    ///
    /// let mut events = Loop::new()?;
    /// let child = Command::new("sleep").arg("60").spawn().unwrap();
    /// let child = events.child(child, |ended: &mut bool, _, status: std::io::Result<ExitStatus>| {
    ///     *ended = status.is_ok_and(|status| !status.success());
    /// })?;
    /// assert!(events.kill(child)?);
    /// let mut ended = false;
    /// events.run(&mut ended)?;
    /// assert!(ended);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn kill(&self, source: Source) -> Result<bool, Error> {
        let Some(child) = self.child_of(source) else { return Ok(false) };
        let killed = child.borrow_mut().kill();
        killed.map(|()| true).map_err(Error::io("killing a child process"))
    }

    fn add_child<R: Outcome>(
        &self,
        (end, mut signals): Watched,
        child: Child,
        f: impl FnOnce(&mut S, &Handle<S>, io::Result<ExitStatus>) -> R + 'static,
    ) -> Result<Source, Error> {
        let is_by_signal = signals.is_some();
        let child = memory::rc(RefCell::new(child))?;
        let (held, mut f) = (Rc::clone(&child), Some(f));
        let source = self.add(end, Interest::READ, move |state, ready, _| {
            acknowledge(&mut signals);
            let status = child.borrow_mut().try_wait().transpose();
            if let Some(status) = status
                && let Some(f) = f.take()
            {
                return f(state, ready, status).verdict().map(|_| ControlFlow::Break(()));
            }
            Ok::<_, Error>(ControlFlow::Continue(()))
        })?;
        self.set_child(source, held);
        if is_by_signal {
            // It may have ended before its signal was watched.
            self.mark_ready(source, Interest::READ);
        }
        Ok(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Loop;
    use std::process::Command;

    /// Systems without a descriptor for a process, and kernels before 5.3.
    #[test]
    fn the_end_of_a_child_is_told_by_a_signal_where_it_has_no_descriptor() {
        let mut events = Loop::new().unwrap();
        for code in [1, 2] {
            let child = Command::new("sh").args(["-c", &format!("exit {code}")]).spawn().unwrap();
            let note = |codes: &mut Vec<_>, _: &Handle<Vec<_>>, status: io::Result<ExitStatus>| {
                codes.push(status.unwrap().code())
            };
            events.add_child(end_of_any().unwrap(), child, note).unwrap();
        }
        let mut codes = Vec::new();
        events.run(&mut codes).unwrap();
        codes.sort_unstable();
        assert_eq!(codes, [Some(1), Some(2)]);
        assert_eq!(events.source_count(), 0);
    }

    #[test]
    fn the_end_of_a_child_wakes_a_future_by_a_signal_where_it_has_no_descriptor() {
        let mut events = Loop::<()>::new().unwrap();
        let processes = [1, 2].map(|code| {
            let child = Command::new("sh").args(["-c", &format!("exit {code}")]).spawn().unwrap();
            let (end, signals) = end_of_any().unwrap();
            Process { child, watched: events.watch(end).unwrap(), signals }
        });
        for (code, mut process) in [1, 2].into_iter().zip(processes) {
            let status = events.block_on(&mut (), process.wait()).unwrap().unwrap();
            assert_eq!(status.code(), Some(code));
        }
    }
}
