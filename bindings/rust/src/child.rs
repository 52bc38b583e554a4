//! The end of a child process, as a callback.

use crate::handle::Handle;
use crate::outcome::Outcome;
use crate::{Error, Interest, Source, signal};
use cogloop_io::signals::Signals;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::process::{Child, ExitStatus};

impl<S> Handle<S> {
    /// Calls `f` once, when the child has ended, with how it did; it has been waited for then. Take its pipes out of it
    /// before, if you need them.
    ///
    /// A child whose source is removed runs on, and is not waited for: it stays a zombie when it ends.
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
    /// [`Error::Io`], [`Error::Limit`], [`Error::Memory`], [`Error::Closed`].
    pub fn child<R: Outcome>(
        &self,
        child: Child,
        f: impl FnOnce(&mut S, &Handle<S>, io::Result<ExitStatus>) -> R + 'static,
    ) -> Result<Source, Error> {
        #[cfg(target_os = "linux")]
        match cogloop_io::child::pidfd(child.id()) {
            Ok(pidfd) => return self.add_child(pidfd, child, f, || ()),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(error) => return Err(Error::io("watching a child process")(error)),
        }
        self.child_by_signal(child, f)
    }

    /// Where the end of a child has no descriptor: looks at it whenever some child has ended, and once at the beginning.
    fn child_by_signal<R: Outcome>(
        &self,
        child: Child,
        f: impl FnOnce(&mut S, &Handle<S>, io::Result<ExitStatus>) -> R + 'static,
    ) -> Result<Source, Error> {
        let mut signals = Signals::new().map_err(Error::io("watching signals"))?;
        signals.watch(signal::CHILD).map_err(Error::io("watching for the end of children"))?;
        let source = self.add_child(signals.descriptor(), child, f, move || signals.take().for_each(drop))?;
        self.mark_ready(source, Interest::READ);
        Ok(source)
    }

    fn add_child<R: Outcome>(
        &self,
        descriptor: impl AsFd + 'static,
        mut child: Child,
        f: impl FnOnce(&mut S, &Handle<S>, io::Result<ExitStatus>) -> R + 'static,
        mut acknowledge: impl FnMut() + 'static,
    ) -> Result<Source, Error> {
        let mut f = Some(f);
        self.add(descriptor, Interest::READ, move |state, ready, _| {
            acknowledge();
            if let Some(status) = child.try_wait().transpose()
                && let Some(f) = f.take()
            {
                return f(state, ready, status).verdict().map(|_| ControlFlow::Break(()));
            }
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
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
            events.child_by_signal(child, note).unwrap();
        }
        let mut codes = Vec::new();
        events.run(&mut codes).unwrap();
        codes.sort_unstable();
        assert_eq!(codes, [Some(1), Some(2)]);
        assert_eq!(events.source_count(), 0);
    }
}
