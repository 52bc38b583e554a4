//! Compares the event loop with its model, in random use on virtual time and a scripted kernel. After every operation
//! both give the same answers, and the audit passes. The kernel wakes early and late, and refuses calls or fails. It
//! also reports removed descriptors, unobserved directions, and more events than a batch holds. The user pulls a part
//! of a batch and goes on.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::LazyLock;

use cogloop_io::backend::EVENTS_MAX;
use cogloop_io::scripted::{Call, ScriptedBackend, Step};
use cogloop_io::{Event, EventLoop, Interest, Key, Token, VirtualClock, Wait};
use cogloop_proptests::loop_model::LoopModel;
use cogloop_proptests::wheel_model::Id;
use proptest::prelude::*;

const RESOLUTION_NS: u64 = 1_000;
const DESCRIPTORS: usize = 6;
const EIO: i32 = 5;
const ENOMEM: i32 = 12;

/// A share: the time that a turn has for one kind (timers or descriptors) if the loop also has the other kind. After
/// this time the turn may leave the rest to the next turn.
const SHARE_NS: u64 = 10_000_000;

/// A descriptor that stays open for the rest of the process, as the loop requires.
fn descriptor(n: usize) -> BorrowedFd<'static> {
    static FILES: LazyLock<Vec<File>> =
        LazyLock::new(|| (0..DESCRIPTORS).map(|_| File::open("/dev/null").expect("/dev/null opens")).collect());
    FILES[n % DESCRIPTORS].as_fd()
}

#[derive(Clone, Debug)]
enum Operation {
    AddTimer { delay_ns: u64 },
    AddTimerAt { deadline_ns: u64 },
    Cancel(usize),
    Reschedule(usize, u64),
    Observe(usize, u8),
    Refused(usize),
    SetInterest(usize, u8),
    RefusedInterest(usize, u8),
    Remove(usize),
    Mark(usize, u8),
    Turn { wait: Wait, kernel: Kernel },
    PullTimers(usize),
    PullReady(usize),
    Pass { ns: u64 },
    Clear,
}

#[derive(Clone, Debug)]
enum Kernel {
    /// The wait lasts for exactly its timeout, and reports nothing.
    Exact,
    /// The wait returns after `after_ns`, with events for the n-th tokens ever given out.
    Report {
        after_ns: u64,
        events: Vec<(usize, u8)>,
    },
    /// Like `Report`, but the wait first reports more events of unknown tokens than a batch holds.
    Overflow {
        after_ns: u64,
        events: Vec<(usize, u8)>,
    },
    Fail(i32),
}

fn interest(bits: u8) -> Interest {
    [Interest::NONE, Interest::READ, Interest::WRITE, Interest::READ | Interest::WRITE][usize::from(bits % 4)]
}

fn operation() -> impl Strategy<Value = Operation> {
    let ns = || prop_oneof![0..10_000u64, 0..50_000_000u64, 0..1u64 << 50, Just(0)];
    let wait = prop_oneof![3 => Just(Wait::Block), 1 => Just(Wait::Poll), 1 => ns().prop_map(Wait::AtMost)];
    let events = || prop::collection::vec((0..40usize, 0..4u8), 0..6);
    let kernel = prop_oneof![
        4 => Just(Kernel::Exact),
        3 => (0..20_000_000u64, events()).prop_map(|(after_ns, events)| Kernel::Report { after_ns, events }),
        1 => (0..20_000_000u64, events()).prop_map(|(after_ns, events)| Kernel::Overflow { after_ns, events }),
        1 => prop_oneof![Just(EIO), Just(ENOMEM)].prop_map(Kernel::Fail),
    ];
    prop_oneof![
        6 => ns().prop_map(|delay_ns| Operation::AddTimer { delay_ns }),
        2 => ns().prop_map(|deadline_ns| Operation::AddTimerAt { deadline_ns }),
        3 => (0..60usize).prop_map(Operation::Cancel),
        3 => (0..60usize, ns()).prop_map(|(n, at)| Operation::Reschedule(n, at)),
        4 => (0..DESCRIPTORS, 0..4u8).prop_map(|(n, bits)| Operation::Observe(n, bits)),
        1 => (0..DESCRIPTORS).prop_map(Operation::Refused),
        2 => (0..40usize, 0..4u8).prop_map(|(n, bits)| Operation::SetInterest(n, bits)),
        1 => (0..40usize, 0..4u8).prop_map(|(n, bits)| Operation::RefusedInterest(n, bits)),
        3 => (0..40usize).prop_map(Operation::Remove),
        2 => (0..40usize, 0..4u8).prop_map(|(n, bits)| Operation::Mark(n, bits)),
        8 => (wait, kernel).prop_map(|(wait, kernel)| Operation::Turn { wait, kernel }),
        5 => (1..8usize).prop_map(Operation::PullTimers),
        5 => (1..8usize).prop_map(Operation::PullReady),
        2 => (0..5_000_000u64).prop_map(|ns| Operation::Pass { ns }),
        1 => Just(Operation::Clear),
    ]
}

struct Machine {
    real: EventLoop<Id>,
    model: LoopModel,
    clock: VirtualClock,
    kernel: ScriptedBackend,
    keys: Vec<Key>,
    /// All tokens ever given out. Operations also use stale ones.
    tokens: Vec<Token>,
    /// Tokens for which the kernel has refused to drop a direction. The kernel may go on reporting that direction. Then
    /// the loop asks the kernel again to drop it.
    undropped: Vec<Token>,
    /// The numbers of timers and descriptors that were pulled in this turn.
    timers_pulled: usize,
    descriptors_pulled: usize,
}

impl Machine {
    fn new() -> Self {
        let clock = VirtualClock::new();
        let kernel = ScriptedBackend::new(clock.clone());
        let real = EventLoop::from_parts(Box::new(clock.clone()), Box::new(kernel.clone()), RESOLUTION_NS).unwrap();
        let (keys, tokens, undropped, timers_pulled, descriptors_pulled) = Default::default();
        let model = LoopModel::new(RESOLUTION_NS);
        Self { real, model, clock, kernel, keys, tokens, undropped, timers_pulled, descriptors_pulled }
    }

    fn apply(&mut self, operation: &Operation) {
        let now_ns = self.real.now_ns();
        match *operation {
            Operation::AddTimer { delay_ns } => {
                let id = self.keys.len() as Id;
                self.keys.push(self.real.add_timer(delay_ns, id));
                self.model.timers.insert(id, self.model.delay_tick(now_ns, delay_ns));
                assert!(self.real.deadline_ns(self.keys[id as usize]) >= Some(now_ns / RESOLUTION_NS * RESOLUTION_NS));
            }
            Operation::AddTimerAt { deadline_ns } => {
                let id = self.keys.len() as Id;
                self.keys.push(self.real.add_timer_at(deadline_ns, id));
                self.model.timers.insert(id, self.model.deadline_tick(deadline_ns));
            }
            Operation::Cancel(n) => {
                let Some(&key) = self.keys.get(n) else { return };
                assert_eq!(self.real.cancel_timer(key).is_some(), self.model.timers.cancel(n as Id));
            }
            Operation::Reschedule(n, at) => {
                let Some(&key) = self.keys.get(n) else { return };
                let tick = self.model.deadline_tick(at);
                assert_eq!(self.real.reschedule_timer_at(key, at), self.model.timers.reschedule(n as Id, tick));
            }
            Operation::Observe(n, bits) => {
                let token = self.real.add_descriptor(descriptor(n), interest(bits)).unwrap();
                assert!(!self.tokens.contains(&token), "{token:?} was given out before");
                self.tokens.push(token);
                self.model.observe(descriptor(n).as_raw_fd(), token, interest(bits));
            }
            Operation::Refused(n) => {
                self.kernel.refuse(ENOMEM);
                let refused = self.real.add_descriptor(descriptor(n), Interest::READ);
                assert_eq!(refused.unwrap_err().raw_os_error(), Some(ENOMEM));
            }
            Operation::SetInterest(n, bits) => {
                let Some(&token) = self.tokens.get(n) else { return };
                let done = self.real.set_interest(token, interest(bits)).is_ok();
                assert_eq!(done, self.model.set_interest(token, interest(bits)));
                self.undropped.retain(|&other| other != token);
            }
            Operation::RefusedInterest(n, bits) => {
                let Some(&token) = self.tokens.get(n) else { return };
                // A stale token does not reach the kernel.
                if let Some(before) = self.real.interest(token) {
                    self.kernel.refuse(ENOMEM);
                    let (changed, new) = (self.real.set_interest(token, interest(bits)), interest(bits));
                    // Directions are dropped even if the kernel refuses.
                    if before != new && before.contains(new) {
                        changed.unwrap();
                        assert!(self.model.set_interest(token, new));
                        self.undropped.push(token);
                    } else {
                        assert_eq!(changed.unwrap_err().raw_os_error(), Some(ENOMEM));
                    }
                    assert_eq!(self.real.interest(token), self.model.interest(token));
                }
            }
            Operation::Remove(n) => {
                let Some(&token) = self.tokens.get(n) else { return };
                assert_eq!(self.real.remove_descriptor(token).is_ok(), self.model.remove(token));
            }
            Operation::Mark(n, bits) => {
                let Some(&token) = self.tokens.get(n) else { return };
                self.real.mark_ready(token, interest(bits));
                self.model.mark(token, interest(bits));
            }
            Operation::Turn { wait, ref kernel } => self.turn(wait, kernel),
            Operation::PullTimers(count) => self.pull_timers(count),
            Operation::PullReady(count) => self.pull_ready(count),
            Operation::Pass { ns } => self.clock.advance_ns(ns),
            Operation::Clear => {
                self.real.clear();
                self.model = LoopModel::new(RESOLUTION_NS);
                self.model.timers.advance(self.real.turn_ns() / RESOLUTION_NS);
            }
        }
    }

    fn turn(&mut self, wait: Wait, kernel: &Kernel) {
        let mut reported: Vec<(Token, Interest)> = Vec::new();
        match kernel {
            Kernel::Exact => {}
            Kernel::Fail(errno) => self.kernel.push(Step::Fail(*errno)),
            Kernel::Report { after_ns, events } | Kernel::Overflow { after_ns, events } => {
                for &(n, bits) in events {
                    // A kernel names a registration at most once in a batch.
                    let token = self.tokens.get(n).filter(|token| !reported.iter().any(|(other, _)| other == *token));
                    reported.extend(token.map(|&token| (token, interest(bits))));
                }
                let late = if matches!(kernel, Kernel::Overflow { .. }) { 0..2 * EVENTS_MAX as u64 } else { 0..0 };
                let late = late.map(|index| (Token::from_bits(u64::MAX << 32 | index).unwrap(), interest(3)));
                let events = late.chain(reported.iter().copied());
                let events = events.map(|(token, ready)| Event::new(token, ready)).collect();
                self.kernel.push(Step::Report { after_ns: *after_ns, events });
            }
        }

        let patience = self.model.patience_ns(self.real.now_ns());
        drop(self.kernel.take_calls());
        let outcome = self.real.turn(wait);

        let timeout = match wait {
            Wait::Block => patience,
            Wait::Poll => Some(0),
            Wait::AtMost(limit_ns) => Some(patience.map_or(limit_ns, |patience| patience.min(limit_ns))),
        };
        let mut calls = self.kernel.take_calls();
        assert_eq!(calls.pop(), Some(Call::Wait(timeout)), "one wait of exactly the right length");
        for call in calls {
            let Call::Modify(_, wanted, token) = call else { panic!("{call:?} in a turn") };
            assert!(self.undropped.contains(&token), "{call:?}, but the kernel has dropped all that it was to drop");
            assert_eq!(self.real.interest(token), Some(wanted));
            self.undropped.retain(|&other| other != token);
        }
        let errno = outcome.err().and_then(|error| error.raw_os_error());
        assert_eq!(errno, if let Kernel::Fail(errno) = kernel { Some(*errno) } else { None });
        assert_eq!(self.real.turn_ns(), self.real.now_ns());
        self.model.turn(self.real.turn_ns(), &reported);
        (self.timers_pulled, self.descriptors_pulled) = Default::default();
    }

    /// Whether one kind has used up its share of a turn, counted from the start of the turn.
    fn is_beyond_share(&self) -> bool {
        self.real.now_ns() - self.real.turn_ns() >= SHARE_NS
    }

    fn pull_timers(&mut self, count: usize) {
        for _ in 0..count {
            let is_shared = self.real.descriptors() > 0 && self.is_beyond_share();
            let pulled = self.real.next_expired();
            if pulled.is_none() && is_shared && self.timers_pulled > 0 {
                return;
            }
            let expected = self.model.timers.pop_expired();
            let seen = pulled.map(|timer| (timer.deadline_ns / RESOLUTION_NS, timer.value));
            assert_eq!(seen, expected);
            let Some(timer) = pulled else { return };
            self.timers_pulled += 1;
            assert!(timer.deadline_ns <= self.real.turn_ns(), "{timer:?} at {}", self.real.turn_ns());
            assert_eq!(timer.key, self.keys[timer.value as usize]);
        }
    }

    fn pull_ready(&mut self, count: usize) {
        for _ in 0..count {
            let (must, may) = (self.model.must_be_ready(), self.model.may_be_ready());
            let is_shared = self.real.timers() > 0 && self.is_beyond_share();
            let pulled = self.real.next_ready().map(|pulled| (pulled.token, pulled.ready));
            self.model.pulled(pulled);
            let Some(pulled) = pulled else {
                let is_left = is_shared && self.descriptors_pulled > 0;
                assert!(is_left || must.is_empty(), "{must:?} was reported, but cannot be pulled");
                return;
            };
            assert!(may.contains(&pulled), "{pulled:?} of {may:?}");
            self.descriptors_pulled += 1;
        }
    }

    fn check(&mut self) {
        self.real.audit();
        assert_eq!(self.real.timers(), self.model.timers.len());
        assert_eq!(self.real.descriptors(), self.model.descriptors());
        let next = self.model.timers.next_deadline().map(|tick| self.model.start_ns(tick));
        assert_eq!(self.real.next_deadline_ns(), next);
        for (id, &key) in (0..).zip(&self.keys) {
            assert_eq!(self.real.deadline_ns(key), self.model.deadline_ns(id), "the deadline of timer {id}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn the_event_loop_agrees_with_its_model(operations in prop::collection::vec(operation(), 1..150)) {
        let mut machine = Machine::new();
        for operation in &operations {
            machine.apply(operation);
            machine.check();
        }
    }
}
