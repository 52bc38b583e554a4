//! The handle: everything that can be asked of a loop, but to run.

use crate::callback::CallOnce;
use crate::core::Core;
use crate::idle::Idles;
use crate::memory::rc;
use crate::options::nanoseconds;
use crate::outcome::Outcome;
use crate::remote::Mail;
#[cfg(unix)]
use crate::sources;
use crate::{BackendReport, Error, channel, memory, timers};
use cogloop_io::memory::ByIndex;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything that can be asked of a loop, but to run it. A [`Loop`](crate::Loop) is one, and so is what callbacks are
/// given; clones are the same loop. It stays on the thread of the loop: other threads have a [`Remote`](crate::Remote).
///
/// Every method may be called from everywhere – a callback, a destructor, a future – and does at once what it says. Once
/// the loop has been dropped they answer [`Error::Closed`], `false` or `None`.
///
/// ```
/// use cogloop::{Error, Handle, Loop};
/// use std::time::Duration;
///
/// /// Whoever has a handle can add to the loop, from wherever he is.
/// struct Blinker { events: Handle<u32> }
///
/// impl Blinker {
///     fn blink(&self, times: u32) -> Result<(), Error> {
///         (1..=times).try_for_each(|time| {
///             self.events.after(time * Duration::from_secs(1), |blinks, _| *blinks += 1).map(drop)
///         })
///     }
/// }
///
/// let mut events = Loop::simulated()?;
/// Blinker { events: events.handle() }.blink(3)?;
/// let mut blinks = 0;
/// events.run(&mut blinks)?;
/// assert_eq!(blinks, 3);
/// # Ok::<(), cogloop::Error>(())
/// ```
pub struct Handle<S>(Rc<Inner<S>>);

pub(crate) type Deferred<S> = Box<dyn CallOnce<S, Handle<S>>>;

struct Inner<S> {
    core: Rc<Core>,
    timers: RefCell<ByIndex<timers::Slot<S>>>,
    #[cfg(unix)]
    sources: RefCell<ByIndex<Option<sources::Slot<S>>>>,
    channels: RefCell<channel::Channels<S>>,
    idles: RefCell<Idles<S>>,
    deferred: RefCell<VecDeque<Deferred<S>>>,
    mail: Arc<Mail<S>>,
}

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.core().events.borrow();
        let counts = (events.timers(), events.descriptors(), self.core().tasks.len());
        write!(f, "Handle(loop {} on {}: ", self.core().id, events.backend().name)?;
        write!(f, "{} timers, {} sources, {} tasks)", counts.0, counts.1, counts.2)
    }
}

impl<S> Handle<S> {
    pub(crate) fn try_new(core: Core) -> Result<Self, Error> {
        let mail = memory::arc(Mail::new(Arc::clone(&core.bell), core.limits.posts))?;
        let inner = Inner {
            core: rc(core)?,
            timers: RefCell::default(),
            #[cfg(unix)]
            sources: RefCell::default(),
            channels: RefCell::default(),
            idles: RefCell::default(),
            deferred: RefCell::default(),
            mail,
        };
        rc(inner).map(Self)
    }

    /// Another handle of the same loop, to keep.
    #[must_use]
    pub fn handle(&self) -> Self {
        self.clone()
    }

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
        // The clock of the standard library goes on for longer than a machine does.
        core.instant(core.now_ns()).unwrap_or_else(Instant::now)
    }

    /// Lets virtual time pass and serves nothing, as a callback does that takes so long; what is due meanwhile is late.
    /// `false` on real time, which passes by itself.
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

    /// The backend's name, and why it is this one.
    ///
    /// ```
    /// let events = cogloop::Loop::<()>::new()?;
    /// println!("waiting with {}: {}", events.backend().name, events.backend().reason);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn backend(&self) -> BackendReport {
        self.core().events.borrow().backend().clone()
    }

    /// Ends [`run`](crate::Loop::run) after the callback that calls it. What was due and has not been served is served
    /// by the next run. Without effect on a loop that does not run.
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

    /// How many timers there are: armed, due and not served yet, and paused.
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

    /// How many descriptors are observed: sources, signals, children, and what tasks watch.
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

    /// How many tasks have been spawned and are not done.
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

    /// Removes everything: timers, sources, channels, idle callbacks, tasks, posts. A loop that runs comes to its end,
    /// unless something is added after that.
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
        let inner = &*self.0;
        inner.core.events.borrow_mut().clear();
        // Everything is taken out first and dropped last: a destructor may use the loop.
        let _timers = inner.timers.take();
        #[cfg(unix)]
        let _sources = inner.sources.take();
        inner.channels.borrow_mut().doom_all();
        inner.idles.borrow_mut().doom_all();
        inner.core.tasks.doom_all();
        let _deferred = inner.deferred.take();
        let _posts = inner.mail.take_all();
        // Goes on when one of them panics.
        let _doomed = DropDoomed(inner);
        // What still waits is woken, and finds out.
        inner.core.sleepers.wake_all();
        #[cfg(unix)]
        let _watchers = inner.core.watched.take_all();
    }

    /// Nothing can be added any more, and nothing is left.
    pub(crate) fn close(&self) {
        self.core().is_closed.set(true);
        self.0.mail.close();
        self.clear();
    }

    /// Runs `f` with the state, in the next turn.
    pub(crate) fn defer<R: Outcome>(&self, f: impl FnOnce(&mut S, &Handle<S>) -> R + 'static) -> Result<(), Error> {
        self.core().check_open()?;
        let deferred: Deferred<S> = memory::boxed(f)?;
        self.0.deferred.borrow_mut().try_reserve(1)?;
        self.0.deferred.borrow_mut().push_back(deferred);
        Ok(())
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.0.core
    }

    pub(crate) fn timers(&self) -> &RefCell<ByIndex<timers::Slot<S>>> {
        &self.0.timers
    }

    #[cfg(unix)]
    pub(crate) fn sources(&self) -> &RefCell<ByIndex<Option<sources::Slot<S>>>> {
        &self.0.sources
    }

    pub(crate) fn channels(&self) -> &RefCell<channel::Channels<S>> {
        &self.0.channels
    }

    pub(crate) fn idles(&self) -> &RefCell<Idles<S>> {
        &self.0.idles
    }

    pub(crate) fn deferred(&self) -> &RefCell<VecDeque<Deferred<S>>> {
        &self.0.deferred
    }

    pub(crate) fn mail(&self) -> &Arc<Mail<S>> {
        &self.0.mail
    }
}

/// Drops what is doomed, one by one, each when the borrow has ended in which it was taken out.
struct DropDoomed<'a, S>(&'a Inner<S>);

impl<S> DropDoomed<'_, S> {
    /// `false` if there was nothing.
    fn drop_one(&self) -> bool {
        let Self(inner) = self;
        let task = inner.core.tasks.next_doomed();
        let idle = inner.idles.borrow_mut().next_doomed();
        let channel = inner.channels.borrow_mut().next_doomed();
        task.is_some() || idle.is_some() || channel.is_some()
    }
}

impl<S> Drop for DropDoomed<'_, S> {
    fn drop(&mut self) {
        while self.drop_one() {}
    }
}
