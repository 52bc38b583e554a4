//! A scheduler without an allocator: all of its timers and lists are arrays in the struct.
//!
//! The scheduler is meant for machines with few timers and little memory. It keeps the promises of the crate, with a
//! simpler wheel than [`Wheel`](crate::Wheel): no memory is read ahead, no slot cascades early, and an advance stops at
//! the first tick of every slot that holds timers.
//!
//! ```text
//!   level 3   [ ][ ][4][ ] …       16 slots of 4096 ticks
//!   level 2   [ ][3][ ][ ] …       16 slots of 256 ticks
//!   level 1   [ ][2][ ][ ] …       16 slots of 16 ticks
//!   level 0   [ ][ ][1][ ] …       16 slots of a tick
//!   far       5 ► 6 ► 7            timers that are later than the levels reach
//! ```
//!
//! The levels reach to the next multiple of 65,536 ticks. A later timer waits on the list `far`. When time reaches the
//! stretch of 65,536 ticks in which the earliest timer on `far` is due, all timers of this stretch move to the levels.

use core::num::NonZeroU64;

use crate::fired::{Fired, FiredValue};
use crate::fixed_lists::{Lists, NONE};
use crate::key::Key;
use crate::plan::Plan;
use crate::room::NoRoom;
use crate::ticks::Resolution;

#[derive(Clone, Debug)]
struct Entry<T> {
    plan: Plan,
    /// The generation of the entry's place; odd while the place holds a timer.
    generation: u32,
    value: Option<T>,
}

/// A store of at most `N` one-shot and repeating timers that allocates nothing, with `LEVELS` levels of `SLOTS` slots.
/// It has the most important functions of [`Scheduler`](crate::Scheduler), but cannot pause a timer.
///
/// Adding, cancelling and moving a timer take O(1). The exception is a timer that is overdue when it is added or moved:
/// it is sorted into the list of overdue timers. With 32 timers that carry a word, and four levels of sixteen slots,
/// the scheduler takes less than 4 KB.
///
/// ```
/// use cogloop_engine::{FixedScheduler, Missed, NoRoom, Plan};
///
/// let mut scheduler = FixedScheduler::<&str, 2>::new(1.try_into()?);
/// scheduler.try_add(Plan::every(10, 10.try_into()?, Missed::Skip), "blink")?;
/// let sleep = scheduler.try_add(Plan::once(1_000_000), "sleep")?;
/// assert_eq!(scheduler.try_add(Plan::once(5), "more"), Err(NoRoom::Full));
///
/// assert_eq!(scheduler.next_deadline(), Some(10)); // sleep until then
/// scheduler.advance(10);
/// assert_eq!(scheduler.pop().map(|fired| *fired.value), Some("blink"));
/// assert_eq!((scheduler.next_deadline(), scheduler.cancel(sleep)), (Some(20), Some("sleep")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FixedScheduler<T, const N: usize, const SLOTS: usize = 16, const LEVELS: usize = 4> {
    resolution: Resolution,
    /// The time that `advance` has reached.
    now: u64,
    lists: Lists<Entry<T>, N, SLOTS, LEVELS>,
    /// The first free node. Its `next` leads to the next free node.
    free: u16,
    len: u16,
}

impl<T, const N: usize, const SLOTS: usize, const LEVELS: usize> FixedScheduler<T, N, SLOTS, LEVELS> {
    /// Makes an empty scheduler at time 0 with ticks of `resolution` units.
    #[must_use]
    pub fn new(resolution: NonZeroU64) -> Self {
        let entry = || Entry { plan: Plan::once(0), generation: 0, value: None };
        let free = if N > 0 { 0 } else { NONE };
        Self { resolution: Resolution(resolution), now: 0, lists: Lists::new(entry), free, len: 0 }
    }

    /// The time that [`FixedScheduler::advance`] has reached.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The number of timers: pending ones, and due ones that were not popped yet.
    pub fn len(&self) -> usize {
        self.len.into()
    }

    /// Whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a timer. If its deadline has passed, the timer is due at the next [`FixedScheduler::advance`]. But if the
    /// deadline is after the start of the current tick, the timer is due when that tick ends.
    ///
    /// # Errors
    /// When there are `N` timers already, or the generations of every free place are used up.
    pub fn try_add(&mut self, plan: Plan, value: T) -> Result<Key, NoRoom> {
        let index = self.free;
        let Some(node) = self.lists.nodes.get_mut(usize::from(index)) else { return Err(NoRoom::Full) };
        self.free = node.next;
        self.len += 1;
        let generation = node.entry.generation + 1;
        node.entry = Entry { plan, generation, value: Some(value) };
        self.lists.arm(index, plan.tick(self.resolution));
        Ok(Key::new(index.into(), generation))
    }

    /// Cancels a timer, due or not, and returns its value; `None` if the timer has ended already.
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        let index = self.find(key)?;
        self.lists.unlink(index);
        self.release(index)
    }

    /// Sets a timer's next deadline. The period of a repeating timer counts from the new deadline. Returns `false` if
    /// the timer has ended.
    pub fn reschedule(&mut self, key: Key, deadline: u64) -> bool {
        let Some(index) = self.find(key) else { return false };
        let plan = &mut self.entry_mut(index).plan;
        plan.deadline = deadline;
        let plan = *plan;
        self.lists.unlink(index);
        self.lists.arm(index, plan.tick(self.resolution));
        true
    }

    /// The timer's next deadline, without its slack, rounded up to the resolution. `None` if the timer has ended.
    pub fn deadline(&self, key: Key) -> Option<u64> {
        Some(self.resolution.round_up(self.entry(self.find(key)?).plan.deadline))
    }

    /// The timer's value.
    pub fn get(&self, key: Key) -> Option<&T> {
        self.entry(self.find(key)?).value.as_ref()
    }

    /// The timer's value, mutable.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let index = self.find(key)?;
        self.entry_mut(index).value.as_mut()
    }

    /// The key, next deadline and value of all timers, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, u64, &T)> {
        let entries = self.lists.nodes.iter().map(|node| &node.entry);
        (0..).zip(entries).filter_map(|(index, entry)| {
            let value = entry.value.as_ref()?;
            Some((Key::new(index, entry.generation), self.resolution.round_up(entry.plan.deadline), value))
        })
    }

    /// Advances time to `now`. Timers that are due wait for [`FixedScheduler::pop`]. If `now` is earlier than the time
    /// already reached, time stays where it is, and only overdue timers become due.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        let target = self.resolution.tick(self.now);
        self.lists.advance(target);
    }

    /// Takes the next timer that is due, in the order of deadlines, then of insertion. For a timer with slack the time
    /// that was chosen within the slack counts instead of the deadline. A repeating timer is armed again at once, as
    /// its policy says, and the result borrows its value. The timer does not fire again before the next
    /// [`FixedScheduler::advance`].
    pub fn pop(&mut self) -> Option<Fired<FiredValue<'_, T>>> {
        let index = self.lists.expired.first;
        let node = self.lists.nodes.get(usize::from(index))?;
        let (mut plan, tick) = (node.entry.plan, node.tick);
        let key = Key::new(index.into(), node.entry.generation);
        let deadline = plan.reported(self.resolution, tick);
        let late = self.now.saturating_sub(deadline);
        self.lists.unlink(index);
        let (value, missed) = match plan.next(self.resolution, deadline, self.now) {
            Some(next) => {
                plan.deadline = next.deadline;
                self.lists.arm(index, plan.tick(self.resolution));
                let entry = self.entry_mut(index);
                entry.plan = plan;
                (FiredValue::Repeats(entry.value.as_mut()?), next.missed)
            }
            None => (FiredValue::Ended(self.release(index)?), 0),
        };
        Some(Fired { key, deadline, late, missed, value })
    }

    /// The exact time at which the caller should wake. At this time the next timer fires; its slack and the rounding to
    /// the resolution are included. If a timer is due already, the result is not after [`FixedScheduler::now`]. `None`
    /// if no timer will ever be due.
    ///
    /// The call visits the timers of the first slot that is not empty, or those on the list `far` if all slots are
    /// empty.
    pub fn next_deadline(&self) -> Option<u64> {
        if self.lists.expired.first != NONE || self.lists.overdue.first != NONE {
            return Some(self.resolution.start(self.lists.tick));
        }
        let (place, _) = self.lists.next_place()?;
        let tick = self.lists.ticks(place).min()?;
        self.resolution.is_reached(tick).then(|| self.resolution.start(tick))
    }

    fn find(&self, key: Key) -> Option<u16> {
        let node = self.lists.nodes.get(key.index() as usize)?;
        (node.entry.generation == key.generation()).then_some(key.index() as u16)
    }

    fn entry(&self, index: u16) -> &Entry<T> {
        &self.lists.nodes[usize::from(index)].entry
    }

    fn entry_mut(&mut self, index: u16) -> &mut Entry<T> {
        &mut self.lists.nodes[usize::from(index)].entry
    }

    /// Frees the place of a timer that is on no list. A place whose generations are used up is not used again.
    fn release(&mut self, index: u16) -> Option<T> {
        let node = &mut self.lists.nodes[usize::from(index)];
        node.entry.generation = node.entry.generation.wrapping_add(1);
        self.len -= 1;
        if node.entry.generation != 0 {
            node.next = core::mem::replace(&mut self.free, index);
        }
        node.entry.value.take()
    }
}
