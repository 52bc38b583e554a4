//! Tests of random orders of the steps of several threads: arm, disarm, destroy, call back. A step is the work that a
//! thread does under the service's lock. A model knows which timers may be called and which have ended.

use std::collections::BTreeMap;
use std::ptr;

use super::*;
use crate::allocator::{Grant, with};

const TIMERS: usize = 5;
const RUNNERS: u64 = 3;
const MS: u64 = NS_PER_MS;

unsafe extern "C-unwind" fn nothing(_: *mut std::ffi::c_void) {}

fn timer(is_cyclic: bool) -> Mockit {
    Mockit::new(Some(nothing), 1, is_cyclic, ptr::null_mut(), None, false)
}

fn runner(number: u64) -> Runner {
    Runner::new(number).unwrap()
}

/// The model of a timer.
#[derive(Debug, Default)]
struct Known {
    may_be_called: bool,
    /// A thread destroys the timer, so no other thread may use it.
    is_doomed: bool,
    has_ended: bool,
}

struct World {
    random: u64,
    now_ns: u64,
    timers: Timers,
    /// The timers. The vector never grows, so the timers do not move.
    all: Vec<Mockit>,
    known: Vec<Known>,
    /// For each thread of the pool that runs a callback: the timer of the callback.
    running: BTreeMap<Runner, usize>,
    /// The threads that wait for the end of a callback: threads of the pool, and others.
    waiting: Vec<(Option<Runner>, usize)>,
    calls: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            now_ns: 0,
            timers: Timers::new(),
            all: (0..TIMERS).map(|number| timer(number % 3 != 0)).collect(),
            known: (0..TIMERS).map(|_| Known::default()).collect(),
            running: BTreeMap::new(),
            waiting: Vec::new(),
            calls: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    fn pointer(&mut self, number: usize) -> *mut Mockit {
        &raw mut self.all[number]
    }

    fn number(&mut self, timer: *mut Mockit) -> usize {
        (0..TIMERS).find(|&number| self.pointer(number) == timer).expect("the timer exists")
    }

    fn end(&mut self, number: usize) {
        assert!(!self.known[number].has_ended, "timer {number} ends twice");
        assert!(self.running.values().all(|&running| running != number), "timer {number} ends during its callback");
        self.known[number].has_ended = true;
    }

    fn destroy(&mut self, number: usize, me: Option<Runner>, goes_on: bool) {
        let timer = self.pointer(number);
        // SAFETY: the timer is in `all`.
        let ending = unsafe { self.timers.destroy(timer, me, goes_on) };
        let known = &mut self.known[number];
        (known.may_be_called, known.is_doomed) = (false, true);
        match ending {
            Ending::Now => self.end(number),
            Ending::Not => {}
            Ending::Wait => self.waiting.push((me, number)),
        }
    }

    fn step(&mut self) {
        let number = self.below(TIMERS as u64) as usize;
        let timer = self.pointer(number);
        let is_free = !self.known[number].is_doomed && !self.known[number].has_ended;
        let me = runner(self.below(RUNNERS) + 1);
        let is_waiting = self.waiting.iter().any(|&(who, _)| who == Some(me));
        match self.below(7) {
            0 | 1 if is_free => {
                let ms = self.below(4);
                // SAFETY: the timer is in `all`.
                unsafe { self.timers.arm(timer, self.now_ns, ms) }.unwrap();
                self.known[number].may_be_called = true;
            }
            2 if is_free => {
                // SAFETY: as above.
                unsafe { self.timers.disarm(timer) };
                self.known[number].may_be_called = false;
            }
            3 if is_free && self.below(16) == 0 => {
                let me = Some(me).filter(|me| self.running.contains_key(me) && !is_waiting);
                self.destroy(number, me, false);
            }
            4 => {
                self.now_ns += self.below(3) * MS;
                self.timers.expire(self.now_ns);
            }
            5 if !self.running.contains_key(&me) => self.take(me),
            6 if !is_waiting => self.finish(me),
            _ => {}
        }
    }

    fn take(&mut self, me: Runner) {
        let Some(job) = self.timers.take(me) else { return };
        let number = self.number(job.timer);
        assert!(!self.known[number].has_ended, "timer {number} is called after its end");
        assert!(!job.calls || self.known[number].may_be_called, "timer {number} may not be called now");
        assert!(self.running.values().all(|&running| running != number), "two callbacks of timer {number} at a time");
        self.running.insert(me, number);
        self.calls += u64::from(job.calls);
    }

    fn finish(&mut self, me: Runner) {
        let Some(number) = self.running.remove(&me) else { return };
        let timer = self.pointer(number);
        if self.timers.finish(timer) {
            self.end(number);
        }
        for (me, number) in std::mem::take(&mut self.waiting) {
            self.destroy(number, me, true);
        }
    }

    /// Destroys all remaining timers and lets every callback return. Checks that all timers have ended.
    fn wind_up(&mut self) {
        for number in 0..TIMERS {
            if !self.known[number].is_doomed && !self.known[number].has_ended {
                self.destroy(number, None, false);
            }
        }
        for _ in 0..100 {
            self.now_ns += 10 * MS;
            self.timers.expire(self.now_ns);
            for me in (1..=RUNNERS).map(runner) {
                if !self.running.contains_key(&me) {
                    self.take(me);
                }
                if self.waiting.iter().all(|&(who, _)| who != Some(me)) {
                    self.finish(me);
                }
            }
        }
        assert!(self.waiting.is_empty(), "threads wait for each other: {:?}", self.waiting);
        assert!(self.running.is_empty() && !self.timers.has_queued() && self.timers.flights.is_empty());
        let ended = self.known.iter().filter(|known| known.has_ended).count();
        assert_eq!(ended, TIMERS, "{:?}", self.known);
    }
}

#[test]
fn a_timer_is_called_only_while_armed_and_ends_once_in_every_order_of_steps() {
    let mut calls = 0;
    for seed in 1..=2000 {
        let mut world = World::new(seed);
        for _ in 0..300 {
            world.step();
        }
        world.wind_up();
        calls += world.calls;
    }
    assert!(calls > 15_000, "{calls} calls are too few to have shown anything");
}

#[test]
fn an_interval_is_called_once_for_each_deadline_however_late() {
    let mut timers = Timers::new();
    let mut interval = timer(true);
    let pointer = &raw mut interval;
    // SAFETY: the timer lives as long as `timers` refers to it.
    unsafe { timers.arm(pointer, 0, 10) }.unwrap();
    let mut calls = 0;
    for now_ms in [10, 19, 20, 75, 75, 76, 100] {
        // Like the timer thread, this expires timers as long as the next deadline has passed.
        while timers.next_deadline() <= now_ms * MS {
            timers.expire(now_ms * MS);
            while timers.take(runner(1)).is_some_and(|job| job.calls) {
                calls += 1;
                assert!(!timers.finish(pointer));
            }
        }
        assert_eq!(calls, now_ms / 10, "at {now_ms} ms");
    }
    // SAFETY: as above.
    assert_eq!(unsafe { timers.destroy(pointer, None, false) }, Ending::Now);
}

/// The timer thread goes on without memory. Due timers wait until there is memory.
#[test]
fn timers_that_are_due_without_memory_are_served_later() {
    let mut timers = Timers::new();
    let mut all: Vec<_> = (0..300).map(|number| timer(number % 3 == 0)).collect();
    for each in &mut all {
        // SAFETY: the timer does not move, and has not ended.
        unsafe { timers.arm(each, 0, 10) }.unwrap();
    }
    let mut begun = 0;
    for requests in 0.. {
        let refused = with(Grant::Requests(requests), || timers.expire(10 * MS)).1;
        while let Some(job) = timers.take(runner(1)) {
            assert!(job.calls);
            begun += 1;
            // The end of a callback needs no memory.
            let _ = with(Grant::Requests(0), || timers.finish(job.timer));
        }
        if refused == 0 {
            break;
        }
        assert!(timers.next_deadline() <= 10 * MS, "the timers that were not served are not due any more");
    }
    assert_eq!(begun, 300);
}

#[test]
fn arming_without_memory_is_an_error_and_does_not_change_the_timer() {
    let mut timers = Timers::new();
    let mut all: Vec<_> = (0..2000).map(|_| timer(true)).collect();
    let mut armed = 0;
    for (number, each) in all.iter_mut().enumerate() {
        let key = each.key();
        let grant = if number % 7 == 0 { Grant::Requests(0) } else { Grant::All };
        // SAFETY: the timer does not move, and has not ended.
        match with(grant, || unsafe { timers.arm(each, 0, 10) }).0 {
            Ok(_) => armed += 1,
            Err(_) => assert_eq!(each.key(), key),
        }
    }
    assert!(armed > 0 && armed < 2000, "{armed}");
    // There is memory again. The refused timers can be armed, and the others can be armed again.
    for each in &mut all {
        // SAFETY: as above.
        unsafe { timers.arm(each, 0, 10) }.unwrap();
    }
    assert_eq!(timers.scheduler.len(), 2000);
}
