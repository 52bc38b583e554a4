//! Methods of the handle for the loop as a whole: time, backend, counts, stopping, clearing.

use crate::BackendReport;
use crate::handle::Handle;
use crate::options::nanoseconds;
use std::time::{Duration, Instant};

/// The loop as a whole.
impl<S> Handle<S> {
    /// The loop's time: the system's monotonic clock, or the virtual one.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::simulated()?;
    /// let start = events.now();
    /// events.run_for(&mut (), Duration::from_secs(60))?;
    /// assert_eq!(events.now() - start, Duration::from_secs(60));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn now(&self) -> Instant {
        let core = self.core();
        core.past_instant(core.now_ns())
    }

    /// Advances virtual time by `by` without serving anything, as if a callback had run for that long. Timers that
    /// become due meanwhile are served late. Returns `false` for a loop on real time, which cannot be advanced.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::simulated()?;
    /// events.after(Duration::from_secs(1), |late: &mut Duration, firing| *late = firing.late())?;
    /// assert!(events.advance(Duration::from_secs(5)));
    /// let mut late = Duration::ZERO;
    /// events.run(&mut late)?;
    /// assert_eq!(late, Duration::from_secs(4));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn advance(&self, by: Duration) -> bool {
        self.core().clock.as_ref().inspect(|clock| clock.advance_ns(nanoseconds(by))).is_some()
    }

    /// The backend's name, and the reason why it was chosen.
    ///
    /// ```
    /// let events = cogloop::Loop::<()>::new()?;
    /// println!("waiting with {}: {}", events.backend().name, events.backend().reason);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn backend(&self) -> BackendReport {
        let events = self.core().events.borrow();
        let report = events.backend();
        BackendReport { name: report.name, reason: report.reason.clone() }
    }

    /// Ends [`run`](crate::Loop::run) after the current callback. The next run serves everything that was due and is
    /// not served yet. Has no effect if the loop does not run.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::simulated()?;
    /// events.every(Duration::from_secs(1), |ticks: &mut u32, firing| {
    ///     *ticks += 1;
    ///     if *ticks == 3 { firing.stop() }
    /// })?;
    /// let mut ticks = 0;
    /// events.run(&mut ticks)?;
    /// assert_eq!(ticks, 3);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn stop(&self) {
        self.core().is_stopped.set(true);
    }

    /// The number of timers: armed, due but not served yet, and paused.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let events = cogloop::Loop::<()>::simulated()?;
    /// events.after(Duration::from_secs(1), |_, _| ())?;
    /// assert_eq!(events.timer_count(), 1);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn timer_count(&self) -> usize {
        self.core().events.borrow().timers()
    }

    /// The number of observed descriptors: sources, signals, children, and the descriptors that tasks watch.
    ///
    /// ```
    /// let events = cogloop::Loop::<()>::simulated()?;
    /// events.add(std::io::stdin(), cogloop::Interest::READ, |_, _, _| ())?;
    /// assert_eq!(events.source_count(), 1);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn source_count(&self) -> usize {
        self.core().events.borrow().descriptors()
    }

    /// The number of tasks that were spawned and are not done.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::simulated()?;
    /// events.spawn(async { println!("on the loop") })?.detach();
    /// assert_eq!(events.task_count(), 1);
    /// events.run(&mut ())?;
    /// assert_eq!(events.task_count(), 0);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn task_count(&self) -> usize {
        self.core().tasks.len()
    }

    /// Removes everything: timers, sources, channels, idle callbacks, tasks and posts. `run` then returns, unless
    /// something is added.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::<()>::simulated()?;
    /// events.every(Duration::from_secs(1), |_, _| ())?;
    /// events.after(Duration::from_secs(60), |_, firing| firing.clear())?;
    /// events.run(&mut ())?;
    /// assert_eq!(events.timer_count(), 0);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn clear(&self) {
        let core = self.core();
        core.events.borrow_mut().clear();
        // Everything is first taken out and then dropped, because a destructor may use the loop.
        let _timers = self.timers().take();
        let _sources = self.sources().take();
        self.channels().borrow_mut().doom_all();
        self.idles().borrow_mut().doom_all();
        core.tasks.doom_all();
        let _visits = self.visits().take();
        let _posts = self.mail().take_all();
        // This guard drops the values that `doom_all` has marked, even if a destructor panics.
        let _doomed = DropDoomed(self);
        // Wakes all sleeping futures. Those of the tasks are dropped below. A future that is not in a task stays, and
        // its next poll finds that the loop was cleared.
        core.sleepers.wake_all();
        let _watchers = core.watched.take_all();
    }

    /// Closes the loop: removes everything, and makes later calls fail.
    pub(crate) fn close(&self) {
        self.core().is_closed.set(true);
        self.mail().close();
        self.clear();
        // The error has no receiver: the loop is gone.
        let _ = self.core().timeline.end();
    }
}

/// Drops the values that `doom_all` has marked, one by one. Taking a value out of its table needs a borrow of the
/// table. The borrow ends before the value is dropped, because the value's destructor may use the loop.
struct DropDoomed<'a, S>(&'a Handle<S>);

impl<S> DropDoomed<'_, S> {
    /// Drops one value. Returns `false` if nothing was left to drop.
    fn drop_one(&self) -> bool {
        let Self(handle) = self;
        let task = handle.core().tasks.next_doomed();
        let idle = handle.idles().borrow_mut().next_doomed();
        let channel = handle.channels().borrow_mut().next_doomed();
        task.is_some() || idle.is_some() || channel.is_some()
    }
}

impl<S> Drop for DropDoomed<'_, S> {
    fn drop(&mut self) {
        while self.drop_one() {}
    }
}
