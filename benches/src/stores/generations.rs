//! A slab of generations, with which a store that cannot cancel timers gets a cancel function.
//!
//! The store holds a ticket for each timer. Cancelling makes the ticket stale. The code that later takes a stale ticket
//! out of the store drops it.

/// The store's entry for a timer.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct Ticket {
    index: u32,
    generation: u32,
}

#[derive(Default)]
pub(crate) struct Generations {
    places: Vec<Place>,
    free: Vec<u32>,
}

struct Place {
    id: u64,
    generation: u32,
}

impl Generations {
    #[inline(always)]
    pub(crate) fn issue(&mut self, id: u64) -> Ticket {
        if let Some(index) = self.free.pop() {
            let place = &mut self.places[index as usize];
            place.id = id;
            return Ticket { index, generation: place.generation };
        }
        self.places.push(Place { id, generation: 0 });
        Ticket { index: (self.places.len() - 1) as u32, generation: 0 }
    }

    #[inline(always)]
    pub(crate) fn is_current(&self, ticket: Ticket) -> bool {
        self.places[ticket.index as usize].generation == ticket.generation
    }

    /// Makes the ticket stale and returns the timer's id; `None` if it was stale already.
    #[inline(always)]
    pub(crate) fn redeem(&mut self, ticket: Ticket) -> Option<u64> {
        let place = &mut self.places[ticket.index as usize];
        if place.generation != ticket.generation {
            return None;
        }
        place.generation = place.generation.wrapping_add(1);
        self.free.push(ticket.index);
        Some(place.id)
    }
}
