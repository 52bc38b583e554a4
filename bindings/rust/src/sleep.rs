//! Time for futures: sleeping and ticking.

use crate::core::{Core, Kind};
use crate::handle::Handle;
use crate::{Error, Interval, Missed};
use cogloop_io::{Key, Plan};
use std::fmt;
use std::future::{Future, poll_fn};
use std::num::NonZeroU64;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Whether a [`WakeTimer`] keeps its timer in the wheel after the timer has fired.
trait Keeping {
    /// The slack of a timer that is kept.
    fn slack_ns(&self) -> Option<u64>;
}

/// For [`Sleep`], which does not keep its timer.
struct Once;

/// For [`Ticks`], which keeps its timer. So arming the timer again cannot exceed the limit of timers. To the wheel such
/// a timer is an interval with an endless period.
struct Kept {
    slack_ns: u64,
}

impl Keeping for Once {
    fn slack_ns(&self) -> Option<u64> {
        None
    }
}

impl Keeping for Kept {
    fn slack_ns(&self) -> Option<u64> {
        Some(self.slack_ns)
    }
}

/// A timer of the wheel that wakes a future.
struct WakeTimer<K: Keeping> {
    core: Rc<Core>,
    deadline_ns: u64,
    keeping: K,
    key: Option<Key>,
}

impl<K: Keeping> WakeTimer<K> {
    /// Makes a timer and arms it.
    fn new(core: &Rc<Core>, deadline_ns: u64, keeping: K) -> Result<Self, Error> {
        core.check_open()?;
        let mut timer = Self { core: Rc::clone(core), deadline_ns, keeping, key: None };
        timer.arm()?;
        Ok(timer)
    }

    fn arm(&mut self) -> Result<(), Error> {
        let mut events = self.core.events.borrow_mut();
        let slack_ns = self.keeping.slack_ns();
        let period = slack_ns.map(|_| NonZeroU64::MAX);
        let slack = slack_ns.unwrap_or_else(|| events.slack_ns());
        let plan = Plan { deadline: self.deadline_ns, period, missed: Missed::Skip, slack };
        let added = match period.is_some() || self.deadline_ns > events.now_ns() {
            true => events.try_add_planned(plan, Kind::Sleep),
            // A timer with a delay of 0 fires in the next turn. Rounding the deadline up to a tick could delay the
            // timer further.
            false => events.try_add_timer(0, Kind::Sleep),
        };
        let key = added.map_err(Error::refused)?;
        if let Err(refused) = self.core.sleepers.try_grow(key.index()) {
            events.cancel_timer(key);
            return Err(refused.into());
        }
        self.key = Some(key);
        Ok(())
    }

    fn set(&mut self, deadline_ns: u64) -> Result<(), Error> {
        self.deadline_ns = deadline_ns;
        let is_moved = self.key.is_some_and(|key| self.core.events.borrow_mut().reschedule_timer_at(key, deadline_ns));
        if is_moved { Ok(()) } else { self.core.check_open().and_then(|()| self.arm()) }
    }

    fn is_waiting(&self) -> bool {
        let events = self.core.events.borrow();
        self.key.is_some_and(|key| match self.keeping.slack_ns() {
            Some(_) => events.deadline_ns(key) == Some(events.round_up_ns(self.deadline_ns)),
            None => events.timer(key).is_some(),
        })
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        if !self.is_waiting() {
            if self.core.now_ns() >= self.deadline_ns {
                return Poll::Ready(Ok(()));
            }
            // The timer is gone before its deadline, so the loop was cleared.
            self.core.check_open()?;
            self.arm()?;
        }
        if let Some(key) = self.key {
            self.core.sleepers.put(key, cx.waker());
        }
        Poll::Pending
    }
}

impl<K: Keeping> Drop for WakeTimer<K> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        if self.core.events.borrow_mut().cancel_timer(key).is_some() {
            let _waker = self.core.sleepers.take(key);
        }
    }
}

impl Core {
    pub(crate) fn wake_sleeper(&self, key: Key) {
        if let Some(waker) = self.sleepers.take(key) {
            waker.wake();
        }
    }
}

/// A future that completes at its deadline, made by [`Handle::sleep`]. If the loop is dropped earlier, the future
/// completes with [`Error::Closed`]. Dropping the future takes its timer out of the wheel at once.
///
/// ```
/// use std::time::Duration;
///
/// let mut events = cogloop::Loop::<()>::simulated()?;
/// let sleep = events.sleep(Duration::from_secs(60))?;
/// assert_eq!(events.timer_count(), 1);
/// drop(sleep);
/// assert_eq!(events.timer_count(), 0);
/// # Ok::<(), cogloop::Error>(())
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep(WakeTimer<Once>);

impl Sleep {
    /// The deadline. `None` if it is beyond the range of the standard library's clock.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let events = cogloop::Loop::<()>::simulated()?;
    /// let sleep = events.sleep(Duration::from_secs(60))?;
    /// assert_eq!(sleep.deadline(), Some(events.now() + Duration::from_secs(60)));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.0.core.instant(self.0.deadline_ns)
    }

    /// Sets a new deadline, `delay` from now, even if the sleep has completed already.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::<()>::simulated()?;
    /// let (mut sleep, start) = (events.sleep(Duration::from_secs(60))?, events.now());
    /// sleep.reset(Duration::from_secs(90))?;
    /// events.block_on(&mut (), sleep)??;
    /// assert_eq!(events.now() - start, Duration::from_secs(90));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Only if the sleep needs a new timer, because it had completed or the loop was cleared: [`Error::Limit`],
    /// [`Error::Memory`], [`Error::Closed`].
    pub fn reset(&mut self, delay: Duration) -> Result<(), Error> {
        let deadline_ns = self.0.core.ns_after(delay);
        self.0.set(deadline_ns)
    }
}

impl Future for Sleep {
    /// [`Error::Closed`] if the loop was dropped before the deadline. After a [`clear`](Handle::clear) the sleep makes
    /// a new timer and goes on waiting. If there is no room for that timer: [`Error::Limit`] or [`Error::Memory`].
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sleep(until {} ns)", self.0.deadline_ns)
    }
}

/// An interval for futures, made by [`Handle::interval`]. Dropping it takes its timer out of the wheel at once.
///
/// ```
/// use cogloop::{Interval, Loop, Missed};
/// use std::time::Duration;
///
/// let mut events = Loop::<()>::simulated()?;
/// let second = Duration::from_secs(1);
/// let mut ticks = events.interval(Interval::new(second).first(Duration::ZERO).missed(Missed::Delay))?;
/// let late = events.block_on(&mut (), async { ticks.tick().await })??.late;
/// assert!(late < second);
/// # Ok::<(), cogloop::Error>(())
/// ```
#[must_use = "an interval that is dropped has no more ticks"]
#[doc(alias = "Interval")]
pub struct Ticks {
    timer: WakeTimer<Kept>,
    period_ns: NonZeroU64,
    policy: Missed,
}

/// One tick of [`Ticks`].
///
/// ```
/// use std::time::Duration;
///
/// let mut events = cogloop::Loop::<()>::simulated()?;
/// let mut ticks = events.interval(Duration::from_secs(1))?;
/// events.advance(Duration::from_millis(2500));
/// let tick = events.block_on(&mut (), async { ticks.tick().await })??;
/// assert_eq!((tick.late, tick.missed), (Duration::from_millis(1500), 1));
/// assert_eq!(tick.deadline + tick.late, events.now());
/// # Ok::<(), cogloop::Error>(())
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub struct Tick {
    /// The deadline, rounded up to the loop's resolution.
    pub deadline: Instant,
    /// The time since the deadline.
    pub late: Duration,
    /// The number of later ticks that have also passed and are skipped. Always 0 unless the policy is [`Missed::Skip`].
    pub missed: u64,
}

impl Ticks {
    /// Waits for the next tick; completes at once if its deadline has passed. Dropping the future loses no tick.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::<()>::simulated()?;
    /// let (mut ticks, start) = (events.interval(Duration::from_secs(1))?, events.now());
    /// events.block_on(&mut (), async {
    ///     for second in 1..=3 {
    ///         assert_eq!(ticks.tick().await?.deadline, start + Duration::from_secs(second));
    ///     }
    ///     Ok::<_, cogloop::Error>(())
    /// })??;
    /// assert_eq!(events.now() - start, Duration::from_secs(3));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`] if the loop was dropped before the tick's deadline; after a [`clear`](Handle::clear), the
    /// errors of [`Handle::interval`].
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// [`tick`](Self::tick) for a future of your own.
    ///
    /// # Errors
    /// Those of [`tick`](Self::tick).
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Result<Tick, Error>> {
        std::task::ready!(self.timer.poll(cx))?;
        let now_ns = self.timer.core.now_ns();
        let plan = Plan::every(self.timer.deadline_ns, self.period_ns, self.policy);
        let (next, told_ns) = {
            let events = self.timer.core.events.borrow();
            let next = events.follow(&plan.with_slack(self.timer.keeping.slack_ns), now_ns);
            (next, events.round_up_ns(plan.deadline))
        };
        let Some(next) = next else { return Poll::Pending };
        // The timer was kept, so this fails only if the loop was cleared or dropped. Then the next poll tries again.
        let _ = self.timer.set(next.deadline);
        let late = Duration::from_nanos(now_ns.saturating_sub(told_ns));
        Poll::Ready(Ok(Tick { deadline: self.timer.core.past_instant(told_ns), late, missed: next.missed }))
    }
}

impl fmt::Debug for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticks(every {} ns, next at {} ns)", self.period_ns, self.timer.deadline_ns)
    }
}

/// Time for futures.
impl<S> Handle<S> {
    /// Returns a future that completes when `delay` has passed since this call, not since the future's first poll. With
    /// a delay of zero it completes in the next turn.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::time::Duration;
    ///
    /// let mut events = Loop::simulated()?;
    /// let (handle, start) = (events.handle(), events.now());
    /// events.block_on(&mut (), async {
    ///     handle.sleep(Duration::from_secs(60))?.await?;
    ///     assert_eq!(handle.now() - start, Duration::from_secs(60));
    ///     Ok::<_, cogloop::Error>(())
    /// })??;
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::Memory`], [`Error::Closed`].
    pub fn sleep(&self, delay: Duration) -> Result<Sleep, Error> {
        Ok(Sleep(WakeTimer::new(self.core(), self.core().ns_after(delay), Once)?))
    }

    /// Returns a future that completes at `when`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::<()>::simulated()?;
    /// let when = events.now() + Duration::from_secs(60);
    /// let sleep = events.sleep_until(when)?;
    /// events.block_on(&mut (), sleep)??;
    /// assert_eq!(events.now(), when);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::Memory`], [`Error::Closed`].
    pub fn sleep_until(&self, when: Instant) -> Result<Sleep, Error> {
        Ok(Sleep(WakeTimer::new(self.core(), self.core().ns_of(when), Once)?))
    }

    /// Returns ticks for a future, with the policies of [`every`](Self::every) for missed ticks. A tick wakes the loop
    /// only while a future waits for it.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::time::Duration;
    ///
    /// let mut events = Loop::simulated()?;
    /// let handle = events.handle();
    /// let missed = events.block_on(&mut (), async {
    ///     let mut ticks = handle.interval(Duration::from_secs(1))?;
    ///     ticks.tick().await?;
    ///     handle.sleep(Duration::from_millis(3500))?.await?; // 2, 3 and 4 pass; 2 is late, 3 and 4 are skipped
    ///     Ok::<_, cogloop::Error>(ticks.tick().await?.missed)
    /// })??;
    /// assert_eq!(missed, 2);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ZeroPeriod`], [`Error::Limit`], [`Error::Memory`], [`Error::Closed`].
    pub fn interval(&self, interval: impl Into<Interval>) -> Result<Ticks, Error> {
        let interval = interval.into();
        let period_ns = interval.period_ns()?;
        let first_ns = self.core().ns_after(interval.first.unwrap_or(interval.period));
        let slack_ns = interval.slack_ns(self.core().events.borrow().slack_ns());
        let timer = WakeTimer::new(self.core(), first_ns, Kept { slack_ns })?;
        Ok(Ticks { timer, period_ns, policy: interval.missed })
    }
}
