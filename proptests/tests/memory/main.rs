//! Memory runs out, at each request in turn: an error, nothing half done, and all that needs no memory goes on.

mod allocator;
mod event_loop;
mod wheel;

use allocator::Grant;

/// Numbers that look random and are the same in each run, without memory.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % bound
    }
}

/// Runs a story with one more request granted each time, until all that it asks for is; then with each request but one.
fn at_each_request(mut story: impl FnMut(Grant) -> usize) -> usize {
    let enough = (0..100_000).find(|&count| story(Grant::Requests(count)) == 0).expect("it gets enough at last");
    for count in 0..enough {
        // A request that is tried again in another size makes some that are not made otherwise.
        story(Grant::AllBut(count));
    }
    enough
}
