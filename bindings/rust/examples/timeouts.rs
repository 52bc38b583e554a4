//! A million timeouts, as in a busy server: nearly all are cancelled and made again before they fire. The program
//! prints the cost of each step.
//!
//!     cargo run --release --example timeouts -p cogloop [-- COUNT]

use cogloop::{Error, Loop, Timer};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Server {
    timed_out: u32,
    early: u32,
    latest: Duration,
}

/// A timeout between half a second and a second, different for each request.
fn arm(events: &Loop<Server>, request: u32) -> Result<Timer, Error> {
    let timeout = Duration::from_micros(500_000 + u64::from(request.wrapping_mul(2_654_435_761) % 500_000));
    events.after(timeout, move |server, firing| {
        server.timed_out += 1;
        server.early += u32::from(firing.now() < firing.deadline());
        server.latest = server.latest.max(firing.late());
    })
}

/// Prints the cost of a step, and starts the clock again.
fn step(start: &mut Instant, what: &str, count: u32) {
    let each = start.elapsed() / count.max(1);
    println!("{what:34} {:>8.1} ms, {:>5} ns each", start.elapsed().as_secs_f64() * 1000.0, each.as_nanos());
    *start = Instant::now();
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u32 = std::env::args().nth(1).map_or(Ok(1_000_000), |argument| argument.parse())?;
    let mut events = Loop::new()?;
    let mut start = Instant::now();

    let mut timers = (0..count).map(|request| arm(&events, request)).collect::<Result<Vec<_>, _>>()?;
    step(&mut start, &format!("{count} timeouts armed"), count);

    // Nine of ten requests are answered in time. Their connections continue with a new timeout.
    let mut renewed = 0;
    for (request, timer) in (0..count).zip(&mut timers).filter(|(request, _)| request % 10 != 0) {
        renewed += u32::from(events.cancel(*timer));
        *timer = arm(&events, request)?;
    }
    step(&mut start, &format!("{renewed} cancelled and made again"), renewed);

    for timer in timers.iter().skip(1).step_by(2) {
        events.cancel(*timer);
    }
    let left = events.timer_count();
    step(&mut start, "every second one cancelled for good", count / 2);

    let mut server = Server::default();
    events.run(&mut server)?;
    let Server { timed_out, early, latest } = server;
    println!("{timed_out} timed out of {left}, {early} early, the latest {latest:?} late");
    Ok(())
}
