//! What the stories share: every backend in turn, and virtual time.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use cogloop::{Loop, Options};
use std::time::Duration;

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// Tells the story on each backend.
pub fn on_every_backend(story: impl Fn(&Options)) {
    for name in ["uring", "epoll", "select", "portable"] {
        let options = Options::new().backend(name);
        let taken = Loop::<()>::with_options(options.clone()).unwrap();
        assert_eq!(taken.backend().name, name, "{}", taken.backend().reason);
        println!("on {name}:");
        story(&options);
    }
}

/// A loop on virtual time, and what its callbacks write down.
pub fn simulated() -> Loop<Vec<u64>> {
    Loop::simulated().unwrap()
}

/// Runs the loop to its end.
pub fn log_of(events: &mut Loop<Vec<u64>>) -> Vec<u64> {
    let mut log = Vec::new();
    events.run(&mut log).unwrap();
    log
}
