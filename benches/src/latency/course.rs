//! A course: timers with a fixed schedule, and a record of when each timer fired.
//!
//! ```text
//!   schedule    due            due + delay              + delay        kept here, even if a timer is late
//!   fired           └─ late ─┘             └ late ┘                     when the contender calls
//! ```
//!
//! The contender asks for the first deadline of each timer. When a timer has fired, the contender reports that and gets
//! the next deadline. CPU time and wake-ups count from the first timer that fires, so setting the timers is not
//! included.

use std::cell::{Cell, RefCell};
use std::io;
use std::time::{Duration, Instant};

use fastrand::Rng;
use hdrhistogram::Histogram;

use super::load::Descriptors;
use crate::clock::now_ns;
use crate::measure::{cpu_ns, voluntary_switches};

/// The greatest lag at the end of a course, in ns. A contender with a greater lag cannot catch up: each timer fires
/// once more, and the course ends.
const BEHIND_NS_MAX: u64 = 300_000_000;

/// The delay of a timer from one deadline to the next.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Pattern {
    Every {
        ns: u64,
    },
    /// After a random delay between the two bounds. All decades are equally likely.
    LogUniform {
        from_ns: u64,
        to_ns: u64,
    },
    /// After a random delay between the two bounds. All delays are equally likely.
    Uniform {
        from_ns: u64,
        to_ns: u64,
    },
}

impl Pattern {
    fn delay_ns(self, random: &mut Rng) -> u64 {
        match self {
            Self::Every { ns } => ns,
            Self::LogUniform { from_ns, to_ns } => {
                let ratio = to_ns as f64 / from_ns as f64;
                (from_ns as f64 * ratio.powf(random.f64())) as u64
            }
            Self::Uniform { from_ns, to_ns } => random.u64(from_ns..=to_ns),
        }
    }

    /// Returns a random time within the first period and before `before_ns`. So the timers are not all due together.
    fn first_ns(self, random: &mut Rng, before_ns: u64) -> u64 {
        let first_ns = match self {
            Self::Every { ns } => random.u64(1..=ns),
            other => other.delay_ns(random),
        };
        if first_ns < before_ns { first_ns } else { random.u64(0..before_ns) }
    }
}

/// The results of a contender.
#[derive(Clone)]
pub(super) struct Record {
    /// The lateness in ns, with an accuracy of a thousandth.
    pub(super) late_ns: Histogram<u64>,
    /// The number of timers that fired early, and the greatest time by which a timer was early.
    pub(super) early: u64,
    pub(super) early_ns_max: u64,
    pub(super) cpu_ns: u64,
    /// The number of times that the thread slept and was woken.
    pub(super) wakes: u64,
}

/// The CPU time and the wake-ups of the thread so far.
#[derive(Copy, Clone)]
struct Used {
    cpu_ns: u64,
    wakes: u64,
}

impl Used {
    fn so_far() -> Self {
        Self { cpu_ns: cpu_ns(), wakes: voluntary_switches().unwrap_or(0) }
    }
}

pub(super) struct Course {
    pattern: Pattern,
    random: RefCell<Rng>,
    // Indexed by the timer's number.
    due_ns: RefCell<Vec<u64>>,
    end_ns: u64,
    // The time at which a contender that is behind gives up.
    give_up_ns: u64,
    // The number of timers that will still fire.
    live: Cell<usize>,
    late_ns: RefCell<Histogram<u64>>,
    early: Cell<(u64, u64)>,
    started: Cell<Option<Used>>,
    descriptors: Option<Descriptors>,
}

impl Course {
    /// Makes a course that begins after `lead`, the time for setting the timers, and lasts for `duration`.
    pub(super) fn new(
        (timers, pattern): (usize, Pattern),
        [lead, duration]: [Duration; 2],
        seed: u64,
        descriptors: Option<Descriptors>,
    ) -> Self {
        let mut random = Rng::with_seed(seed);
        let start_ns = now_ns() + lead.as_nanos() as u64;
        let duration_ns = duration.as_nanos() as u64;
        let due_ns = (0..timers).map(|_| start_ns + pattern.first_ns(&mut random, duration_ns)).collect();
        Self {
            pattern,
            random: random.into(),
            due_ns: RefCell::new(due_ns),
            end_ns: start_ns + duration_ns,
            give_up_ns: start_ns + duration_ns + BEHIND_NS_MAX,
            live: timers.into(),
            late_ns: RefCell::new(empty()),
            early: Cell::default(),
            started: Cell::new(None),
            descriptors,
        }
    }

    pub(super) fn timers(&self) -> usize {
        self.due_ns.borrow().len()
    }

    /// The next time at which a timer is due.
    pub(super) fn due_ns(&self, timer: usize) -> u64 {
        self.due_ns.borrow()[timer]
    }

    /// The contender calls this when a timer has fired. Returns the time at which the timer is due again, or `None` if
    /// it does not fire again.
    pub(super) fn fired(&self, timer: usize) -> Option<u64> {
        let now_ns = now_ns();
        if self.started.get().is_none() {
            self.started.set(Some(Used::so_far()));
        }
        let due_ns = &mut self.due_ns.borrow_mut()[timer];
        match now_ns.checked_sub(*due_ns) {
            Some(late_ns) => self.late_ns.borrow_mut().saturating_record(late_ns),
            None => {
                let (count, most_ns) = self.early.get();
                self.early.set((count + 1, most_ns.max(*due_ns - now_ns)));
                self.late_ns.borrow_mut().saturating_record(0);
            }
        }
        *due_ns += self.pattern.delay_ns(&mut self.random.borrow_mut());
        if *due_ns < self.end_ns && now_ns < self.give_up_ns {
            return Some(*due_ns);
        }
        self.live.set(self.live.get() - 1);
        None
    }

    pub(super) fn is_over(&self) -> bool {
        self.live.get() == 0
    }

    /// Returns the descriptors that the contender must observe for reading, besides its timers.
    pub(super) fn descriptors(&self) -> Option<&Descriptors> {
        self.descriptors.as_ref()
    }

    /// Ends the course and returns its results. Must be called in the thread that ran the course.
    pub(super) fn record(self) -> io::Result<Record> {
        let nothing = || io::Error::other("no timer fired");
        let (before, now) = (self.started.get().ok_or_else(nothing)?, Used::so_far());
        let (early, early_ns_max) = self.early.get();
        Ok(Record {
            late_ns: self.late_ns.into_inner(),
            early,
            early_ns_max,
            cpu_ns: now.cpu_ns - before.cpu_ns,
            wakes: now.wakes - before.wakes,
        })
    }
}

/// An empty histogram for times up to a minute, in ns.
pub(super) fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds that are right")
}

/// Converts the kernel's time to instants of the standard library. An instant cannot be made from a number, so each is
/// made from a known instant.
#[derive(Copy, Clone)]
pub(super) struct Instants {
    ns: u64,
    instant: Instant,
}

impl Instants {
    /// Reads the kernel's clock and then the standard library's clock.
    pub(super) fn now() -> Self {
        loop {
            let (ns, instant) = (now_ns(), Instant::now());
            if now_ns() - ns < 1_000 {
                return Self { ns, instant };
            }
        }
    }

    pub(super) fn at(self, ns: u64) -> Instant {
        self.instant + Duration::from_nanos(ns.saturating_sub(self.ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(timers: usize, pattern: Pattern, duration: Duration) -> Course {
        Course::new((timers, pattern), [Duration::ZERO, duration], 1, None)
    }

    #[test]
    fn late_firing_does_not_move_the_schedule() {
        let mut course = course(1, Pattern::Every { ns: 1_000 }, Duration::from_micros(10));
        course.give_up_ns = u64::MAX;
        let first_ns = course.due_ns(0);
        while now_ns() < first_ns + 50_000 {}
        let times: Vec<_> = std::iter::from_fn(|| course.fired(0)).collect();
        assert!(times.iter().zip(1..).all(|(&due_ns, nth)| due_ns == first_ns + nth * 1_000), "{times:?}");
        assert!(course.is_over() && times.len() >= 8);
        let record = course.record().unwrap();
        assert_eq!((record.early, record.late_ns.len()), (0, times.len() as u64 + 1));
        assert!(record.late_ns.min() >= 40_000, "the last was due at 10 µs");
    }

    #[test]
    fn early_timers_are_counted() {
        let course = course(1, Pattern::Every { ns: 3_600_000_000_000 }, Duration::from_secs(3_600));
        assert_eq!(course.fired(0), None);
        let record = course.record().unwrap();
        assert_eq!((record.early, record.late_ns.max()), (1, 0));
        assert!(record.early_ns_max > 0);
    }

    #[test]
    fn random_delays_lie_between_their_bounds() {
        let mut random = Rng::with_seed(3);
        for pattern in
            [Pattern::LogUniform { from_ns: 100, to_ns: 10_000 }, Pattern::Uniform { from_ns: 100, to_ns: 10_000 }]
        {
            let mut delays: Vec<_> = (0..1_000).map(|_| pattern.delay_ns(&mut random)).collect();
            delays.sort_unstable();
            assert!(delays[0] >= 100 && delays[999] <= 10_000, "{pattern:?}");
            let middle = if matches!(pattern, Pattern::Uniform { .. }) { 4_500..5_500 } else { 700..1_400 };
            assert!(middle.contains(&delays[500]), "{pattern:?}: {}", delays[500]);
        }
    }
}
