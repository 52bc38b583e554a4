//! The end of child processes, for callbacks and for futures.

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

/// A descriptor that is readable when a child may have ended.
enum End {
    /// The descriptor of the process.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has pidfds"))]
    Process(OwnedFd),
    /// On systems without pidfds: the descriptor of SIGCHLD, which says that some child has ended.
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

/// The descriptor. For SIGCHLD also the watch of the signal, whose arrivals are discarded after each report.
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

/// A child process for a future, made by [`Handle::watch_child`]. A `Process` owns the child. If it is dropped, the
/// child runs on and its status is not collected. After its end the child stays a zombie until this program ends. To
/// end the child, [`kill`](Self::kill) it and [`wait`](Self::wait).
pub struct Process {
    child: Child,
    watched: Async<End>,
    signals: Option<Signals>,
}

impl Process {
    /// Waits until the child has ended, collects its status and returns it. Later calls return the same status.
    /// Dropping the future has no effect on the child. The child's standard input stays open: drop it if the child
    /// reads until the end.
    ///
    /// # Errors
    /// An error of the kernel; [`Error::Removed`] inside of an [`io::Error`], when the loop was cleared or dropped.
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

    /// Kills the child with SIGKILL. Succeeds even if the child has ended.
    ///
    /// # Errors
    /// An error of the kernel.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }

    /// The child, for its number and its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Stops watching the child and returns it.
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
    /// Watches a child process for futures and takes ownership of it. The child does not keep the loop going; a task
    /// that waits for it does.
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
    /// [`Error::Io`], [`Error::Limit`], [`Error::Memory`], [`Error::Closed`]. If the call fails, the child runs on.
    pub fn watch_child(&self, child: Child) -> Result<Process, Error> {
        let (end, signals) = end_of(&child)?;
        Ok(Process { child, watched: self.watch(end)?, signals })
    }

    /// Calls `f` once, with the child's status, when the child has ended. The loop owns the child and collects its
    /// status. If you need the child's pipes, take them out first. If the source is cancelled, the child runs on and
    /// its status is not collected. After its end the child stays a zombie. To end the child, [`kill`](Self::kill) it;
    /// then `f` is called.
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
    /// [`Error::Io`], [`Error::Limit`], [`Error::Memory`], [`Error::Closed`]. If the call fails, the child runs on.
    #[track_caller]
    pub fn child<R: Outcome>(
        &self,
        child: Child,
        f: impl FnOnce(&mut S, &Handle<S>, io::Result<ExitStatus>) -> R + 'static,
    ) -> Result<Source, Error> {
        let watched = end_of(&child)?;
        self.add_child(watched, child, f)
    }

    /// Kills the child of a source of [`child`](Self::child) with SIGKILL. The callback is called when the child has
    /// ended. Returns `false` if the source has ended or does not watch a child.
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

    #[track_caller]
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
            // The child may have ended before the signal was watched.
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

    /// Tests the signal that replaces pidfds on systems without them, such as kernels before 5.3.
    #[test]
    fn without_pidfds_a_signal_reports_the_end_of_a_child() {
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
    fn without_pidfds_a_signal_at_the_end_of_a_child_wakes_a_future() {
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
