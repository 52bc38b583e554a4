//! Timers: the wheel's, with nanoseconds for ticks.

use super::EventLoop;
use crate::Key;

/// A timer that was due, as it leaves the loop.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct ExpiredTimer<T> {
    /// Its key; already stale.
    pub key: Key,
    /// Its deadline, rounded up to the loop's resolution. A period counts from here, so that it does not drift.
    pub deadline_ns: u64,
    /// What it was added with.
    pub value: T,
}

impl<T: Default> EventLoop<T> {
    /// Arms a timer that is due `delay_ns` from now; now is a fresh reading of the clock, so time spent since the turn
    /// began counts. Saturates at `u64::MAX`.
    ///
    /// The deadline is rounded up to the loop's resolution, except that a delay of 0 is due in the very next turn.
    pub fn add_timer(&mut self, delay_ns: u64, value: T) -> Key {
        let now_ns = self.now_ns();
        let deadline = match delay_ns {
            0 => self.resolution.tick(now_ns),
            _ => self.resolution.deadline_tick(now_ns.saturating_add(delay_ns)),
        };
        self.wheel.insert(deadline, value)
    }

    /// Arms a timer that is due at `deadline_ns`, rounded up to the loop's resolution. One in the past is due in the next
    /// turn; one in the last, unfinished tick of `u64` never comes.
    pub fn add_timer_at(&mut self, deadline_ns: u64, value: T) -> Key {
        self.wheel.insert(self.resolution.deadline_tick(deadline_ns), value)
    }

    /// Takes a timer back, even one that is due in this turn and was not pulled yet. `None` for a stale key.
    pub fn cancel_timer(&mut self, key: Key) -> Option<T> {
        self.wheel.cancel(key)
    }

    /// Gives a timer a new deadline; the key stays. One that is due in this turn and was not pulled yet is taken back.
    /// `false` for a stale key.
    pub fn reschedule_timer_at(&mut self, key: Key, deadline_ns: u64) -> bool {
        self.wheel.reschedule(key, self.resolution.deadline_tick(deadline_ns))
    }

    /// A timer's deadline, rounded up to the loop's resolution. `None` for a stale key.
    pub fn deadline_ns(&self, key: Key) -> Option<u64> {
        self.wheel.deadline(key).map(|tick| self.resolution.start_ns(tick))
    }

    /// The value of a timer. `None` for a stale key.
    pub fn timer(&self, key: Key) -> Option<&T> {
        self.wheel.get(key)
    }

    /// The value of a timer, to change. `None` for a stale key.
    pub fn timer_mut(&mut self, key: Key) -> Option<&mut T> {
        self.wheel.get_mut(key)
    }

    /// How many timers there are: armed, or due and not pulled yet.
    pub fn timers(&self) -> usize {
        self.wheel.len()
    }

    /// Every timer's key, deadline in nanoseconds, and value; in no particular order.
    pub fn iter_timers(&self) -> impl Iterator<Item = (Key, u64, &T)> {
        self.wheel.iter().map(|(key, tick, value)| (key, self.resolution.start_ns(tick), value))
    }

    /// The earliest deadline, exact; not after [`turn_ns`](Self::turn_ns) while due timers wait to be pulled.
    pub fn next_deadline_ns(&mut self) -> Option<u64> {
        self.wheel.next_deadline().map(|tick| self.resolution.start_ns(tick))
    }

    /// The next timer that was due when this turn began, in the order of deadlines, then of arming.
    pub fn next_expired(&mut self) -> Option<ExpiredTimer<T>> {
        let expired = self.wheel.pop_expired()?;
        let deadline_ns = self.resolution.start_ns(expired.deadline);
        Some(ExpiredTimer { key: expired.key, deadline_ns, value: expired.value })
    }
}
