//! Tests in which memory runs out, at each request in turn. The result must be an error, and nothing may be half done.
//! Code that needs no memory must work.

mod allocator;
mod event_loop;
mod recording;
mod wheel;

use allocator::Grant;

/// Numbers that look random and are the same in each run. Making them needs no memory.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % bound
    }
}

/// Runs `story` again and again, with one more granted request each time, until all are granted. Then runs it with each
/// single request refused.
fn at_each_request(mut story: impl FnMut(Grant) -> usize) -> usize {
    let enough =
        (0..100_000).find(|&count| story(Grant::Requests(count)) == 0).expect("with enough memory the story succeeds");
    for count in 0..enough {
        // Code may repeat a refused request with another size. Then requests follow that do not occur otherwise.
        story(Grant::AllBut(count));
    }
    enough
}
