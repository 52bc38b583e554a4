//! Tests the loop on a kernel with faults. The kernel reports only some of the ready descriptors, and some that are not
//! ready. It returns early or late, names registrations that are gone, and fails for lack of memory.
//!
//! With all of these faults the loop keeps its promises. There is no event after a removal. No timer fires early, out
//! of order, or after it was cancelled. No descriptor that stays ready waits for ever. Time is virtual, so a loop that
//! hangs or spins exceeds a limit of turns.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::LazyLock;

use cogloop_io::scripted::{ScriptedBackend, Step};
use cogloop_io::{Clock, Event, EventLoop, Interest, Key, Token, VirtualClock, Wait};
use proptest::prelude::*;

const DESCRIPTORS: usize = 12;
const ENOMEM: i32 = 12;

fn descriptor(n: usize) -> BorrowedFd<'static> {
    static FILES: LazyLock<Vec<File>> =
        LazyLock::new(|| (0..DESCRIPTORS).map(|_| File::open("/dev/null").expect("/dev/null opens")).collect());
    FILES[n].as_fd()
}

#[derive(Clone, Debug)]
enum Operation {
    AddTimer(u64),
    Cancel(usize),
    Observe(usize, u8),
    /// The kernel has no memory for the registration.
    Refused(usize, u8),
    Remove(usize),
    /// From now on this descriptor is ready for these directions.
    BecomeReady(usize, u8),
    /// Time passes outside of the loop.
    Pass(u64),
    Turn(Fault),
}

#[derive(Clone, Debug)]
enum Fault {
    None,
    /// The wait returns before anything has happened, as after a signal.
    Early(u64),
    Late(u64),
    /// The wait reports only this many of the ready descriptors. The next wait continues with the others.
    ShortBatch(usize),
    /// The wait reports this descriptor, ready or not.
    Spurious(usize),
    /// The wait reports all descriptors that were removed so far.
    Stale,
    Fail,
}

fn interest(bits: u8) -> Interest {
    [Interest::NONE, Interest::READ, Interest::WRITE, Interest::READ | Interest::WRITE][usize::from(bits % 4)]
}

fn operation() -> impl Strategy<Value = Operation> {
    let n = || 0..DESCRIPTORS;
    let fault = prop_oneof![
        3 => Just(Fault::None),
        1 => (0..1_000_000u64).prop_map(Fault::Early),
        1 => (0..50_000_000u64).prop_map(Fault::Late),
        2 => (0..4usize).prop_map(Fault::ShortBatch),
        1 => n().prop_map(Fault::Spurious),
        1 => Just(Fault::Stale),
        1 => Just(Fault::Fail),
    ];
    prop_oneof![
        4 => prop_oneof![0..5_000u64, 0..30_000_000u64].prop_map(Operation::AddTimer),
        2 => (0..40usize).prop_map(Operation::Cancel),
        4 => (n(), 0..4u8).prop_map(|(n, bits)| Operation::Observe(n, bits)),
        1 => (n(), 0..4u8).prop_map(|(n, bits)| Operation::Refused(n, bits)),
        3 => n().prop_map(Operation::Remove),
        4 => (n(), 0..4u8).prop_map(|(n, bits)| Operation::BecomeReady(n, bits)),
        2 => (0..5_000_000u64).prop_map(Operation::Pass),
        8 => fault.prop_map(Operation::Turn),
    ]
}

struct Simulation {
    events: EventLoop<u64>,
    kernel: ScriptedBackend,
    clock: VirtualClock,
    ready: [Interest; DESCRIPTORS],
    observed: BTreeMap<usize, (Token, Interest)>,
    removed: Vec<Token>,
    timers: Vec<Key>,
    /// The timers that must still fire: number and deadline.
    armed: BTreeMap<u64, u64>,
    /// The descriptor with which the kernel continues after a short batch.
    next: usize,
}

impl Simulation {
    fn new() -> Self {
        let clock = VirtualClock::new();
        let kernel = ScriptedBackend::new(clock.clone());
        let events = EventLoop::from_parts(Box::new(clock.clone()), Box::new(kernel.clone()), 1_000).unwrap();
        let (observed, removed, timers, armed) = Default::default();
        Self { events, kernel, clock, ready: [Interest::NONE; DESCRIPTORS], observed, removed, timers, armed, next: 0 }
    }

    fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::AddTimer(delay_ns) => {
                let number = self.timers.len() as u64;
                self.armed.insert(number, self.events.now_ns() + delay_ns);
                self.timers.push(self.events.add_timer(delay_ns, number));
            }
            Operation::Cancel(n) => {
                let Some(&key) = self.timers.get(n) else { return };
                assert_eq!(self.events.cancel_timer(key), self.armed.remove(&(n as u64)).map(|_| n as u64));
            }
            Operation::Observe(n, bits) => {
                let token = self.events.add_descriptor(descriptor(n), interest(bits)).unwrap();
                let replaced = self.observed.insert(n, (token, interest(bits)));
                self.removed.extend(replaced.map(|(token, _)| token));
            }
            Operation::Refused(n, bits) => {
                self.kernel.refuse(ENOMEM);
                assert!(self.events.add_descriptor(descriptor(n), interest(bits)).is_err());
            }
            Operation::Remove(n) => {
                let Some((token, _)) = self.observed.remove(&n) else { return };
                self.events.remove_descriptor(token).unwrap();
                self.removed.push(token);
            }
            Operation::BecomeReady(n, bits) => self.ready[n] = interest(bits),
            Operation::Pass(ns) => self.clock.advance_ns(ns),
            Operation::Turn(ref fault) => drop(self.turn(fault)),
        }
        self.events.audit();
        assert_eq!(self.events.descriptors(), self.observed.len());
    }

    /// The events of all observed and ready descriptors. The events that the last short batch left out come first.
    fn truth(&self) -> Vec<(usize, Event)> {
        let order = (0..DESCRIPTORS).map(|n| (n + self.next) % DESCRIPTORS);
        let event = |n| {
            let &(token, interest) = self.observed.get(&n)?;
            let ready = self.ready[n] & interest;
            (!ready.is_empty()).then_some((n, Event::new(token, ready)))
        };
        order.filter_map(event).collect()
    }

    /// The step for the scripted kernel; `None` if the wait has nothing to report and takes its whole time.
    fn step(&mut self, fault: &Fault) -> Option<Step> {
        let mut truth = self.truth();
        let report = |after_ns, events| Some(Step::Report { after_ns, events });
        match *fault {
            Fault::Fail => return Some(Step::Fail(ENOMEM)),
            Fault::Early(after_ns) => return report(after_ns, Vec::new()),
            Fault::ShortBatch(length) => truth.truncate(length),
            _ => {}
        }
        self.next = truth.last().map_or(self.next, |(n, _)| n + 1);
        let mut events: Vec<_> = truth.into_iter().map(|(_, event)| event).collect();
        match *fault {
            Fault::Late(after_ns) => return report(after_ns, events),
            Fault::Spurious(n) => {
                let token = self.observed.get(&n).map(|(token, _)| *token);
                let is_new = |token: &Token| events.iter().all(|event| event.token != *token);
                let spurious = token.filter(is_new).map(|token| Event::new(token, interest(3)));
                events.extend(spurious);
            }
            Fault::Stale => {
                let stale = self.removed.iter().map(|&token| Event::new(token, interest(3)));
                events.splice(0..0, stale);
            }
            _ => {}
        }
        if events.is_empty() { None } else { report(0, events) }
    }

    /// Takes a turn and returns the tokens that it served.
    fn turn(&mut self, fault: &Fault) -> Vec<Token> {
        let step = self.step(fault);
        let reported = match &step {
            Some(Step::Report { events, .. }) => events.clone(),
            _ => Vec::new(),
        };
        step.into_iter().for_each(|step| self.kernel.push(step));
        let turned = self.events.turn(Wait::Block);
        assert_eq!(turned.is_err(), matches!(fault, Fault::Fail));
        assert_eq!(self.events.turn_ns(), self.clock.now_ns());

        let mut last = (0, 0);
        while let Some(timer) = self.events.next_expired() {
            let due_ns = self.armed.remove(&timer.value).expect("armed, not cancelled, and for the first time");
            assert!(due_ns <= self.events.turn_ns(), "{timer:?} is early");
            assert!(last < (timer.deadline_ns, timer.value + 1), "{timer:?} came after {last:?}");
            last = (timer.deadline_ns, timer.value + 1);
        }
        assert!(self.armed.values().all(|due_ns| due_ns + 1_000 > self.events.turn_ns()), "every due timer was served");

        let mut served = Vec::new();
        while let Some(ready) = self.events.next_ready() {
            let observed = self.observed.values().find(|(token, _)| *token == ready.token);
            let (_, interest) = observed.expect("observed, not removed");
            assert_eq!(ready.ready & *interest, ready.ready);
            assert!(reported.iter().any(|event| event.token == ready.token), "the kernel reported this descriptor");
            served.push(ready.token);
        }
        served
    }

    /// Ends the simulation. With batches of one event, every ready descriptor must be served. After that no descriptor
    /// is ready, and every timer must fire: one turn for each timer is enough.
    fn finish(mut self) {
        let mut waiting: Vec<_> = self.truth().into_iter().map(|(_, event)| event.token).collect();
        for _ in 0..waiting.len() {
            let served = self.turn(&Fault::ShortBatch(1));
            waiting.retain(|token| !served.contains(token));
        }
        assert_eq!(waiting, [], "descriptors that were ready all the time and were not served");
        self.ready = [Interest::NONE; DESCRIPTORS];
        for _ in 0..self.armed.len() {
            self.turn(&Fault::None);
        }
        assert!(self.armed.is_empty(), "a turn for each timer is enough");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    /// C01, C37, C48, C51, C56: the faults of this kernel break none of these promises.
    #[test]
    fn faults_of_the_kernel_lose_no_event_and_cause_no_hang(operations in prop::collection::vec(operation(), 1..150)) {
        let mut simulation = Simulation::new();
        for operation in &operations {
            simulation.apply(operation);
        }
        simulation.finish();
    }
}
