//! The queue of woken tasks, first in, first out. Woken tasks run before the loop asks the kernel again, so passing a
//! value from task to task needs neither a timer nor a system call.
//!
//! ```text
//!   next ◄── │ first │ … │ … │ last │ ◄── push → the entry's number, which the task keeps
//!                      ▲
//!                      └── move_to: the task has moved to another place in ALIVE, the list of tasks, or has ended
//! ```
//!
//! Two tasks that wake each other would never let a turn end. So [`Woken::begin_turn`] limits the number of tasks that
//! a turn runs. The next turn begins with the remaining tasks.

use std::collections::{TryReserveError, VecDeque};

/// The highest number of woken tasks that run in a turn. A turn by itself costs about as much as two tasks, so a higher
/// limit would save nothing.
const TURN_MAX: usize = 256;

/// A woken task, and the number of values with which it was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The task's place in ALIVE, or 0 if the task has ended since it was woken.
    pub(crate) place: u32,
    pub(crate) values: i32,
}

#[derive(Debug, Default)]
pub(crate) struct Woken {
    queue: VecDeque<Entry>,
    /// The number of entries whose task has ended.
    ended: usize,
    /// The number of the first entry. The numbers of entries wrap around.
    first: u32,
    /// The number of tasks that may still run in this turn.
    left: usize,
    /// Whether a task of the queue has run in this turn.
    has_run: bool,
    /// In a run of one turn: the number of the first entry that was not in the queue when the run began.
    late: u32,
    /// In a run of one turn: the number of tasks that were in the queue when the run began and are still there, minus
    /// `left`. In other runs it is `usize::MAX`.
    spare: usize,
}

impl Woken {
    /// Makes room for one more entry.
    ///
    /// # Errors
    ///
    /// There is no memory for the entry.
    #[inline]
    pub(crate) fn expect(&mut self) -> Result<(), TryReserveError> {
        self.queue.try_reserve(1)
    }

    /// Adds a task. Call [`expect`](Self::expect) first, which makes room. Returns the number of the task's entry.
    #[inline]
    pub(crate) fn push(&mut self, place: u32, values: i32) -> u32 {
        self.queue.push_back(Entry { place, values });
        self.first.wrapping_add(self.queue.len() as u32 - 1)
    }

    /// Call this when the task of an entry has moved to another place in ALIVE. The place 0 means that the task has
    /// ended.
    pub(crate) fn move_to(&mut self, number: u32, place: u32) {
        if let Some(entry) = self.queue.get_mut(number.wrapping_sub(self.first) as usize) {
            if place == 0 && entry.place != 0 {
                self.ended += 1;
                // A turn takes no entry from `late` on, so `first` is not beyond `late`.
                let is_late = number.wrapping_sub(self.first) >= self.late.wrapping_sub(self.first);
                match self.spare {
                    usize::MAX => {}
                    _ if is_late => {}
                    0 => self.left = self.left.saturating_sub(1),
                    _ => self.spare -= 1,
                }
            }
            entry.place = place;
        }
    }

    /// Takes the next task that may run in this turn.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Entry> {
        while self.left > 0 {
            let entry = self.queue.pop_front()?;
            self.first = self.first.wrapping_add(1);
            if entry.place != 0 {
                self.left -= 1;
                self.has_run = true;
                return Some(entry);
            }
            self.ended -= 1;
        }
        None
    }

    /// Whether [`next`](Self::next) may return a task.
    #[inline]
    pub(crate) fn may_run(&self) -> bool {
        self.left > 0 && !self.is_empty()
    }

    /// Whether no task waits in the queue. The entries of tasks that have ended do not count.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.len() == self.ended
    }

    /// Whether a task has run since the turn began.
    #[inline]
    pub(crate) fn has_run(&self) -> bool {
        self.has_run
    }

    /// Begins a turn. At most `host_max` tasks may run, and at most [`TURN_MAX`]. `host_max` is the loop's limit for a
    /// turn.
    #[inline]
    pub(crate) fn begin_turn(&mut self, host_max: usize) {
        self.left = host_max.min(TURN_MAX);
        self.has_run = false;
        self.spare = usize::MAX;
    }

    /// Begins a run that has only one turn. Before that turn, only the tasks that are in the queue now run. If one of
    /// these tasks ends before it runs, no later task runs in its place.
    pub(crate) fn begin_one_turn(&mut self, host_max: usize) {
        let waiting = self.queue.len() - self.ended;
        self.begin_turn(host_max.min(waiting));
        self.late = self.first.wrapping_add(self.queue.len() as u32);
        self.spare = waiting - self.left;
    }

    /// Lets no further task run in this turn.
    pub(crate) fn end_turn(&mut self) {
        self.left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(woken: &mut Woken) -> Vec<u32> {
        std::iter::from_fn(|| woken.next().map(|entry| entry.place)).collect()
    }

    fn pushed(places: impl IntoIterator<Item = u32>) -> (Woken, Vec<u32>) {
        let mut woken = Woken::default();
        let push = |place| {
            woken.expect().unwrap();
            woken.push(place, 0)
        };
        let numbers = places.into_iter().map(push).collect();
        (woken, numbers)
    }

    #[test]
    fn the_task_that_is_woken_first_runs_first() {
        let (mut woken, _) = pushed([3, 1, 2]);
        assert!(!woken.may_run(), "before the turn");
        woken.begin_turn(usize::MAX);
        assert_eq!(all(&mut woken), [3, 1, 2]);
        assert!(woken.is_empty() && woken.has_run());
    }

    #[test]
    fn a_turn_runs_at_most_its_own_limit_and_at_most_the_hosts_limit() {
        let (mut woken, _) = pushed(1..=1000);
        woken.begin_turn(usize::MAX);
        assert_eq!(all(&mut woken).len(), TURN_MAX);
        woken.begin_turn(5);
        assert_eq!(all(&mut woken), (257..=261).collect::<Vec<_>>());
        woken.begin_one_turn(usize::MAX);
        woken.end_turn();
        assert!(woken.next().is_none() && !woken.has_run());
    }

    #[test]
    fn a_run_of_one_turn_runs_only_the_tasks_that_were_in_the_queue() {
        let (mut woken, _) = pushed([1, 2]);
        woken.begin_one_turn(usize::MAX);
        woken.push(3, 0);
        assert_eq!(all(&mut woken), [1, 2]);
        assert!(!woken.is_empty());
    }

    #[test]
    fn a_task_that_ends_before_it_runs_leaves_its_share_of_a_run_of_one_turn_to_no_later_task() {
        let (mut woken, numbers) = pushed([1, 2, 3]);
        woken.begin_one_turn(usize::MAX);
        woken.move_to(numbers[1], 0);
        let late = woken.push(4, 0);
        woken.push(5, 0);
        woken.move_to(late, 0);
        assert_eq!(all(&mut woken), [1, 3]);
        assert!(!woken.may_run() && !woken.is_empty());
        woken.begin_turn(usize::MAX);
        assert_eq!(all(&mut woken), [5]);
    }

    #[test]
    fn under_the_hosts_limit_a_task_that_ends_leaves_its_share_to_an_earlier_task_but_not_to_a_new_one() {
        let (mut woken, numbers) = pushed([1, 2, 3]);
        woken.begin_one_turn(2);
        woken.move_to(numbers[0], 0);
        woken.push(4, 0);
        assert_eq!(all(&mut woken), [2, 3]);
        woken.begin_one_turn(2);
        woken.end_turn();
        woken.move_to(numbers[2].wrapping_add(1), 0);
        assert!(woken.next().is_none() && woken.is_empty());
    }

    #[test]
    fn an_entry_follows_its_task_also_when_numbers_wrap_around() {
        let (mut woken, _) = pushed([]);
        woken.first = u32::MAX - 1;
        let numbers: Vec<_> = [1, 2, 3, 4].map(|place| woken.push(place, 0)).to_vec();
        woken.begin_turn(1);
        assert_eq!(woken.next().unwrap().place, 1);
        woken.move_to(numbers[0], 9);
        woken.move_to(numbers[1], 0);
        woken.move_to(numbers[2], 7);
        woken.begin_turn(usize::MAX);
        assert_eq!(all(&mut woken), [7, 4]);
    }
}
