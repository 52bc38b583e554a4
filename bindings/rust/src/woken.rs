//! The list of tasks and channels that were woken, in the order of waking. Each task and channel has its entry from the
//! start, so a wake needs no memory. Any entry leaves the list in constant time.

use crate::Error;
use crate::linked_slab::LinkedSlab;
use crate::slab::SlabKey;

/// A task, a channel, or the future of `block_on`.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Woken {
    /// The future of `block_on`.
    Root,
    Task(SlabKey),
    Channel(SlabKey),
}

#[derive(Debug)]
struct Entry {
    who: Woken,
    /// The number of the round in which the task or channel was woken.
    round: u32,
}

#[derive(Default, Debug)]
pub(crate) struct WokenList {
    list: LinkedSlab<Entry>,
    round: u32,
}

impl WokenList {
    /// Adds a task or channel that is not woken. Returns its key.
    pub(crate) fn try_add(&mut self, who: Woken) -> Result<SlabKey, Error> {
        self.list.try_add(Entry { who, round: 0 })
    }

    /// Appends a task or channel to the list, unless it is in the list already.
    pub(crate) fn wake(&mut self, key: SlabKey) {
        let round = self.round;
        if let Some(entry) = self.list.append(key) {
            entry.round = round;
        }
    }

    /// Takes a task or channel off the list, if it is there. Call when its wake has been handled, or does not matter
    /// any more.
    pub(crate) fn withdraw(&mut self, key: SlabKey) {
        self.list.withdraw(key);
    }

    /// Removes a task or channel for ever.
    pub(crate) fn remove(&mut self, key: SlabKey) {
        self.list.remove(key);
    }

    /// Starts a new round. Tasks and channels that are woken from now on are taken in the next round.
    pub(crate) fn begin_round(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Takes the first task or channel off the list and returns it. Returns `None` if the list is empty, or if its
    /// first task or channel was woken in this round.
    pub(crate) fn next(&mut self) -> Option<Woken> {
        let (key, entry) = self.list.first().filter(|(_, entry)| entry.round != self.round)?;
        let who = entry.who;
        self.list.withdraw(key);
        Some(who)
    }

    /// The length of the list.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Panics if the list and its entries disagree.
    pub(crate) fn audit(&self) {
        self.list.audit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::choices;
    use crate::slab::Slab;

    #[test]
    fn a_task_woken_in_a_round_comes_in_the_next_one_even_if_another_has_left() {
        let (mut list, mut names) = (WokenList::default(), Slab::default());
        let who = [(); 3].map(|()| Woken::Task(names.insert(())));
        let [first, second, third] = who.map(|who| list.try_add(who).unwrap());
        list.wake(first);
        list.wake(second);
        list.begin_round();
        assert_eq!(list.next(), Some(who[0]));
        list.wake(third);
        list.wake(first);
        list.remove(second);
        assert_eq!((list.next(), list.len()), (None, 2));
        list.begin_round();
        assert_eq!([list.next(), list.next(), list.next()], [Some(who[2]), Some(who[0]), None]);
    }

    /// Compares random additions, wakes, withdrawals and removals with plain lists.
    #[test]
    fn tasks_come_in_the_order_of_waking_each_once() {
        let (mut list, mut names) = (WokenList::default(), Slab::default());
        let (mut known, mut woken) = (Vec::new(), Vec::new());
        for choice in choices().take(20_000) {
            match choice % 8 {
                0 => {
                    let who = Woken::Task(names.insert(()));
                    known.push((list.try_add(who).unwrap(), who));
                }
                1..4 if !known.is_empty() => {
                    let (key, who) = known[choice / 8 % known.len()];
                    list.wake(key);
                    if !woken.contains(&who) {
                        woken.push(who);
                    }
                }
                4 if choice % 16 == 12 && !known.is_empty() => {
                    let (key, who) = known[choice / 16 % known.len()];
                    list.withdraw(key);
                    woken.retain(|&other| other != who);
                }
                4 if choice % 16 == 4 && !known.is_empty() => {
                    let (key, who) = known.swap_remove(choice / 16 % known.len());
                    list.remove(key);
                    woken.retain(|&other| other != who);
                }
                5.. => {
                    let first = (!woken.is_empty()).then(|| woken.remove(0));
                    list.begin_round();
                    assert_eq!(list.next(), first);
                }
                _ => {}
            }
            assert!(list.len() == woken.len() && list.list.places() <= known.len() + 600);
            list.audit();
        }
        let places = list.list.places();
        assert!(places < 2_000, "places are not used again: there are {places}");
    }
}
