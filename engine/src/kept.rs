//! Kept timers, which are made once and then started and stopped again and again.
//!
//! ```text
//!                      reschedule
//!   add_kept ──► stopped ──────► armed ──► fires
//!                   ▲              │         │
//!                   └──── stop ────┴─────────┘         cancel ends the timer in each state
//! ```
//!
//! A server has a time-out for each connection, and sets it for each request. With a kept timer, setting the time-out
//! only moves the timer to another list. No place is taken or freed, the key stays the same, and the value is written
//! once.

use crate::extras::{Extra, Place};
use crate::key::Key;
use crate::plan::Plan;
use crate::room::NoRoom;
use crate::scheduler::{Job, Scheduler};

impl<T> Scheduler<T> {
    /// Adds a timer that is stopped. [`Scheduler::reschedule`] starts the timer, which then fires once, with this
    /// slack, and is stopped again. It keeps its key and its value until [`Scheduler::cancel`].
    ///
    /// ```
    /// let mut scheduler = cogloop_engine::Scheduler::<&str>::new(1.try_into()?);
    /// let timeout = scheduler.try_add_kept(0, "time-out")?;
    /// assert!(scheduler.reschedule(timeout, 10));
    /// assert!(scheduler.stop(timeout)); // the request was answered in time
    /// assert!(scheduler.reschedule(timeout, 20));
    /// scheduler.advance(20);
    /// assert_eq!(scheduler.pop().unwrap().value, "time-out");
    /// assert_eq!(scheduler.cancel(timeout), Some("time-out"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Scheduler::try_add`].
    pub fn try_add_kept(&mut self, slack: u64, value: T) -> Result<Key, NoRoom> {
        let extra = match slack {
            0 => Place::KEPT,
            _ => {
                let plan = Plan::once(u64::MAX).with_slack(slack);
                self.extras.try_put(Extra { plan, remaining: None, is_kept: true })?
            }
        };
        let added = self.wheel.try_insert_disarmed(Job { value, extra });
        if added.is_ok() {
            self.paused += 1;
        } else {
            self.extras.take(extra);
        }
        added
    }

    /// Stops a timer, due or not. The timer keeps its key, and has no deadline until [`Scheduler::reschedule`]. A
    /// paused timer loses the time that remained. Stopping a stopped timer changes nothing. Returns `false` if the
    /// timer has ended.
    #[inline(always)]
    pub fn stop(&mut self, key: Key) -> bool {
        if self.wheel.disarm(key) {
            self.paused += 1;
            return true;
        }
        self.stop_again(key)
    }

    #[cold]
    #[inline(never)]
    fn stop_again(&mut self, key: Key) -> bool {
        if let Some(extra) = self.extra_mut(key) {
            extra.remaining = None;
        }
        self.wheel.contains(key)
    }

    /// Whether the timer stays when it has fired for the last time.
    pub(crate) fn is_kept(&self, key: Key) -> bool {
        self.wheel.get(key).is_some_and(|job| job.extra == Place::KEPT)
            || self.extra(key).is_some_and(|extra| extra.is_kept)
    }
}
