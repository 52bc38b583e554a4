//! The standard library's heap. It cannot cancel, so a slab of generations is added.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::generations::{Generations, Ticket};
use crate::store::Store;

#[derive(Default)]
pub(crate) struct LazyHeap {
    heap: BinaryHeap<Reverse<(u64, Ticket)>>,
    generations: Generations,
}

impl Store for LazyHeap {
    const NAME: &'static str = "lazy-heap";
    const GIVES_UP: &'static str = "the order of equals, the memory of cancelled timers";
    type Handle = Ticket;

    fn new() -> Self {
        Self::default()
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> Ticket {
        let ticket = self.generations.issue(id);
        self.heap.push(Reverse((deadline, ticket)));
        ticket
    }

    #[inline(always)]
    fn cancel(&mut self, &mut ticket: &mut Ticket) {
        self.generations.redeem(ticket);
    }

    #[inline(always)]
    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        while let Some(&Reverse((deadline, ticket))) = self.heap.peek() {
            if deadline > now {
                return;
            }
            self.heap.pop();
            let Some(id) = self.generations.redeem(ticket) else { continue };
            if let Some(again) = fired(id) {
                self.insert(again, id);
            }
        }
    }

    #[inline(always)]
    fn next_deadline(&mut self) -> Option<u64> {
        while let Some(&Reverse((deadline, ticket))) = self.heap.peek() {
            if self.generations.is_current(ticket) {
                return Some(deadline);
            }
            self.heap.pop();
        }
        None
    }
}
