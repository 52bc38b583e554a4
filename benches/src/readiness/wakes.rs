//! Two threads, each with a loop. They wake each other alternately.

use std::io;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use super::poller::Entry;
use crate::measure::cpu_ns;

type Waker = Box<dyn Fn() + Send>;

/// The cost of a wake-up.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Wakes {
    pub(crate) per_second: f64,
    /// The CPU time of both threads together.
    pub(crate) cpu_ns: f64,
}

/// One of the two threads.
struct Side<'a> {
    entry: &'a Entry,
    /// The rounds that the other thread and this thread have reached.
    theirs: &'a AtomicUsize,
    mine: &'a AtomicUsize,
    give: Sender<Waker>,
    take: Receiver<Waker>,
    start: &'a Barrier,
}

impl Side<'_> {
    /// Returns the CPU time and the elapsed time of all rounds, and the other thread's waker. The caller keeps the
    /// waker, because mio cancels a wake if its waker is dropped.
    fn run(self, rounds: usize, begins: bool) -> io::Result<(f64, f64, Waker)> {
        let mut poller = (self.entry.open)()?;
        let gone = |_| io::Error::other("the other thread is gone");
        self.give.send(poller.waker()?).map_err(|_| io::Error::other("the other thread is gone"))?;
        let wake_other = self.take.recv().map_err(gone)?;
        let wake = |round| {
            self.mine.store(round, Ordering::Release);
            wake_other();
        };
        self.start.wait();
        let (wall, cpu) = (Instant::now(), cpu_ns());
        for round in 1..=rounds {
            if begins {
                wake(round);
            }
            while self.theirs.load(Ordering::Acquire) < round {
                poller.take_turn(&mut |_| {})?;
            }
            if !begins {
                wake(round);
            }
        }
        Ok(((cpu_ns() - cpu) as f64, wall.elapsed().as_nanos() as f64, wake_other))
    }
}

pub(crate) fn wakes(entry: &Entry, rounds: usize) -> io::Result<Wakes> {
    // A contender that does not work fails here, before the other thread waits at the barrier.
    (entry.open)()?;
    let (one, other) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ((to_one, from_other), (to_other, from_one)) = (channel(), channel());
    let start = &Barrier::new(2);
    let here = Side { entry, theirs: &other, mine: &one, give: to_other, take: from_other, start };
    let there = Side { entry, theirs: &one, mine: &other, give: to_one, take: from_one, start };
    let (here, there) = thread::scope(|scope| {
        let there = scope.spawn(|| there.run(rounds, false));
        (here.run(rounds, true), there.join())
    });
    let (here_cpu_ns, wall_ns, _waker) = here?;
    let (there_cpu_ns, _, _waker) = there.map_err(|_| io::Error::other("the other thread panicked"))??;
    let wakes = 2.0 * rounds as f64;
    Ok(Wakes { per_second: wakes / (wall_ns / 1e9), cpu_ns: (here_cpu_ns + there_cpu_ns) / wakes })
}
