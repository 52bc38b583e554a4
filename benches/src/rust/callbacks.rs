//! The measurements of loops with callbacks, and the trait that these loops implement.

use std::cell::Cell;
use std::io;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use super::measure::{self, Figure, Stopwatch, Work};
use crate::measure::voluntary_switches;

pub(super) trait Callbacks: Sized {
    type Timer;

    fn new() -> io::Result<Self>;
    fn after(&mut self, delay: Duration, call: impl FnOnce() + 'static) -> io::Result<Self::Timer>;
    fn cancel(&mut self, timer: Self::Timer);
    /// Takes one turn, which waits until something happens.
    fn turn(&mut self) -> io::Result<()>;
    /// Returns a function that another thread may call. Each call makes `call` run on the loop's thread.
    fn poster(&mut self, call: impl Fn() + Clone + Send + 'static) -> io::Result<Box<dyn FnMut() + Send>>;
    /// Calls `call` whenever the socket is readable.
    fn observe(&mut self, socket: UnixStream, call: impl FnMut(&UnixStream) + 'static) -> io::Result<()>;
}

pub(super) fn pending<C: Callbacks>(work: Work) -> io::Result<Vec<Figure>> {
    let (delays, order) = measure::timeouts(work.timers);
    let mut events = C::new()?;
    let mut timers = Vec::with_capacity(work.timers);
    let inserting = Stopwatch::start();
    for delay in delays {
        timers.push(Some(events.after(delay, || {})?));
    }
    let (insert_ns, bytes) = (inserting.cpu_ns_for_one_of(work.timers), inserting.bytes_for_one_of(work.timers));
    let cancelling = Stopwatch::start();
    for index in order {
        timers[index].take().into_iter().for_each(|timer| events.cancel(timer));
    }
    Ok(measure::of_pending(insert_ns, bytes, cancelling.cpu_ns_for_one_of(work.timers)))
}

/// Sets a timeout and cancels it at once, while a number of other timeouts are pending. In a server, too, most timeouts
/// are cancelled.
pub(super) fn pairs<C: Callbacks>(work: Work) -> io::Result<Vec<Figure>> {
    let (mut events, mut pending, mut ns) = (C::new()?, 0, Vec::new());
    for crowd in measure::crowds(work) {
        let filling = Stopwatch::start();
        for (nth, delay) in measure::timeouts(crowd - pending).0.into_iter().enumerate() {
            events.after(delay, || {})?;
            if filling.is_enough(nth) {
                return Ok(measure::of_pairs(ns));
            }
        }
        pending = crowd;
        let (delays, _) = measure::timeouts(measure::pairs_count(work));
        let (watch, mut count) = (Stopwatch::start(), 0);
        while count < delays.len() && !watch.is_enough(count) {
            let timer = events.after(delays[count], || {})?;
            events.cancel(timer);
            count += 1;
        }
        ns.push(watch.cpu_ns_for_one_of(count));
    }
    Ok(measure::of_pairs(ns))
}

/// Sets timers with callbacks that count, and takes turns until all timers have fired.
fn count_all<C: Callbacks>(delays: &[Duration], wait: Duration) -> io::Result<(Stopwatch, u64)> {
    let mut events = C::new()?;
    let fired = Rc::new(Cell::new(0));
    for &delay in delays {
        let fired = Rc::clone(&fired);
        events.after(delay, move || fired.set(fired.get() + 1))?;
    }
    thread::sleep(wait);
    let (watch, wakes) = (Stopwatch::start(), voluntary_switches().unwrap_or(0));
    while fired.get() < delays.len() {
        events.turn()?;
    }
    Ok((watch, voluntary_switches().unwrap_or(0) - wakes))
}

pub(super) fn due<C: Callbacks>(work: Work) -> io::Result<Vec<Figure>> {
    let (delays, all) = measure::soon(work.timers);
    let (watch, _) = count_all::<C>(&delays, all)?;
    Ok(measure::of_due(watch.cpu_ns_for_one_of(work.timers)))
}

pub(super) fn sparse<C: Callbacks>(work: Work) -> io::Result<Vec<Figure>> {
    let count = measure::sparse_count(work);
    let (watch, wakes) = count_all::<C>(&measure::sparse(count), Duration::ZERO)?;
    Ok(measure::of_sparse(wakes as f64 / count as f64, watch.cpu_ns_for_one_of(count) / 1e3))
}

thread_local! {
    /// The number of posts that have reached this thread.
    static POSTED: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn posts<C: Callbacks>(work: Work) -> io::Result<Vec<Figure>> {
    let mut events = C::new()?;
    let mut post = events.poster(|| POSTED.set(POSTED.get() + 1))?;
    let watch = Stopwatch::start();
    let sender = thread::spawn(move || (0..work.posts).for_each(|_| post()));
    while POSTED.get() < work.posts {
        events.turn()?;
    }
    let figures = measure::of_posts(watch.millions_a_second(work.posts), watch.cpu_ns_for_one_of(work.posts));
    sender.join().map_err(|_| io::Error::other("the sender panicked"))?;
    Ok(figures)
}

pub(super) fn pingpong<C: Callbacks>(work: Work) -> io::Result<Vec<Figure>> {
    use std::io::{Read, Write};
    let mut events = C::new()?;
    let (one, other) = measure::sockets()?;
    let played = Rc::new(Cell::new(0));
    (&one).write_all(b"!")?;
    for socket in [one, other] {
        let played = Rc::clone(&played);
        events.observe(socket, move |mut socket| {
            let mut byte = [0];
            if socket.read(&mut byte).is_ok_and(|length| length == 1) {
                played.set(played.get() + 1);
                let _ = socket.write(&byte);
            }
        })?;
    }
    let watch = Stopwatch::start();
    while played.get() < work.rallies {
        events.turn()?;
    }
    Ok(measure::of_pingpong(watch.cpu_ns_for_one_of(work.rallies) / 1e3))
}
