//! Programs: what is done to a loop from outside, in callbacks and in tasks, and what both sides write down of it.

use cogloop::Missed;
use proptest::collection::vec;
use proptest::prelude::*;

/// What can be done anywhere. A number names the n-th of its kind that was made, modulo how many there are.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    After {
        delay_ns: u64,
        body: Body,
    },
    Every {
        first_ns: u64,
        period_ns: u64,
        missed: Missed,
        body: Body,
    },
    Cancel(usize),
    Reschedule(usize, u64),
    Pause(usize),
    Resume(usize),
    Unref(usize),
    Ref(usize),
    Spawn(Vec<Step>),
    DropTask(usize),
    Detach(usize),
    /// With a capacity of its own.
    Channel(Option<usize>, Body),
    Send(usize),
    CloneSender(usize),
    DropSender(usize),
    Remote {
        is_counted: bool,
    },
    Post(usize, Body),
    DropRemote(usize),
    Advance(u64),
    Stop,
    Clear,
}

/// What a callback does, and how it ends.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) actions: Vec<Action>,
    pub(crate) end: End,
}

#[derive(Copy, Clone, Debug)]
pub(crate) enum End {
    Continue,
    Break,
    Fail,
    Panic,
}

/// What a task does, one after the other.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Act(Action),
    Sleep(u64),
    Yield,
    With {
        actions: Vec<Action>,
        panics: bool,
    },
    /// A limit, and how long what it limits sleeps.
    Timeout(u64, u64),
    /// The first of two sleeps; the other one is dropped.
    Select(u64, u64),
    Ticks {
        period_ns: u64,
        missed: Missed,
        count: usize,
    },
    Join(usize),
    /// Waits for room in a channel.
    Send(usize),
    Panic,
}

/// From outside.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Act(Action),
    Poll,
    RunFor(u64),
    Run,
    BlockOn(Vec<Step>),
}

#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) timers: usize,
    pub(crate) tasks: usize,
    pub(crate) posts: usize,
    pub(crate) callbacks: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) limits: Limits,
    pub(crate) operations: Vec<Operation>,
}

/// What happened.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum Event {
    Fired {
        timer: usize,
        deadline_ns: u64,
        late_ns: u64,
        missed: u64,
    },
    Posted {
        post: usize,
    },
    /// The state, as `with` has found it.
    Visited {
        state: u64,
    },
    /// The answer to a task's n-th step.
    Stepped {
        task: usize,
        step: usize,
        answer: u64,
    },
    /// The future of a task is gone.
    Dropped {
        task: usize,
    },
    Message {
        channel: usize,
        message: Option<u64>,
    },
    /// Of an action.
    Answer(u64),
    Ended(RunResult),
    Counts {
        timers: usize,
        tasks: usize,
    },
}

pub(crate) const REFUSED: u64 = 99;

#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum RunResult {
    Done,
    Left(bool),
    Stopped,
    Failed,
    Panicked,
}

/// With the loop's time.
pub(crate) type LogEntry = (u64, Event);

fn ns() -> impl Strategy<Value = u64> {
    let ms = |range: std::ops::Range<u64>| range.prop_map(|ms| ms * 1_000_000);
    prop_oneof![2 => Just(0), 6 => ms(1..6), 3 => ms(1..40), 1 => (1..5_000_000u64).prop_map(|us| us / 1000 * 1000)]
}

fn missed() -> impl Strategy<Value = Missed> {
    prop_oneof![Just(Missed::Skip), Just(Missed::Burst), Just(Missed::Delay)]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![12 => Just(End::Continue), 3 => Just(End::Break), 1 => Just(End::Fail), 1 => Just(End::Panic)]
}

fn leaf() -> BoxedStrategy<Action> {
    let n = || 0..12usize;
    prop_oneof![
        3 => n().prop_map(Action::Cancel),
        2 => (n(), ns()).prop_map(|(n, ns)| Action::Reschedule(n, ns)),
        2 => n().prop_map(Action::Pause),
        2 => n().prop_map(Action::Resume),
        1 => n().prop_map(Action::Unref),
        1 => n().prop_map(Action::Ref),
        4 => n().prop_map(Action::DropTask),
        2 => n().prop_map(Action::Detach),
        6 => n().prop_map(Action::Send),
        1 => n().prop_map(Action::CloneSender),
        3 => n().prop_map(Action::DropSender),
        1 => any::<bool>().prop_map(|is_counted| Action::Remote { is_counted }),
        3 => n().prop_map(Action::DropRemote),
        2 => ns().prop_map(Action::Advance),
        1 => Just(Action::Stop),
        1 => prop_oneof![4 => Just(Action::Stop), 1 => Just(Action::Clear)],
    ]
    .boxed()
}

fn body(action: BoxedStrategy<Action>) -> impl Strategy<Value = Body> {
    (vec(action, 0..3), end()).prop_map(|(actions, end)| Body { actions, end })
}

fn steps(action: BoxedStrategy<Action>) -> BoxedStrategy<Vec<Step>> {
    let step = prop_oneof![
        4 => action.clone().prop_map(Step::Act),
        6 => ns().prop_map(Step::Sleep),
        2 => Just(Step::Yield),
        3 => (vec(action, 0..3), prop::bool::weighted(0.1)).prop_map(|(actions, panics)| Step::With { actions, panics }),
        3 => (ns(), ns()).prop_map(|(limit, sleep)| Step::Timeout(limit, sleep)),
        3 => (ns(), ns()).prop_map(|(one, other)| Step::Select(one, other)),
        2 => (1..10_000_000u64, missed(), 1..4usize).prop_map(|(ns, missed, count)| {
            Step::Ticks { period_ns: ns / 1000 * 1000 + 1_000_000, missed, count }
        }),
        2 => (0..12usize).prop_map(Step::Join),
        4 => (0..12usize).prop_map(Step::Send),
        1 => prop_oneof![1 => Just(Step::Panic), 3 => Just(Step::Yield)],
    ];
    vec(step, 0..5).boxed()
}

fn action() -> BoxedStrategy<Action> {
    leaf()
        .prop_recursive(3, 24, 4, |inner| {
            let inner = prop_oneof![leaf(), inner].boxed();
            prop_oneof![
                6 => leaf(),
                6 => (ns(), body(inner.clone())).prop_map(|(delay_ns, body)| Action::After { delay_ns, body }),
                3 => (ns(), 1..20u64, missed(), body(inner.clone())).prop_map(|(first_ns, ms, missed, body)| {
                    Action::Every { first_ns, period_ns: ms * 1_000_000, missed, body }
                }),
                6 => steps(inner.clone()).prop_map(Action::Spawn),
                3 => (prop::option::of(0..3usize), body(inner.clone()))
                    .prop_map(|(capacity, body)| Action::Channel(capacity, body)),
                3 => ((0..12usize), body(inner)).prop_map(|(n, body)| Action::Post(n, body)),
            ]
        })
        .boxed()
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
    let operation = prop_oneof![
        8 => action().prop_map(Operation::Act),
        2 => Just(Operation::Poll),
        4 => ns().prop_map(Operation::RunFor),
        1 => Just(Operation::Run),
        2 => steps(action()).prop_map(Operation::BlockOn),
    ];
    let limit = |least: usize| prop_oneof![3 => Just(usize::MAX), 1 => least..8];
    let limits = (limit(0), limit(0), limit(0), limit(1));
    let limits = limits.prop_map(|(timers, tasks, posts, callbacks)| Limits { timers, tasks, posts, callbacks });
    (limits, vec(operation, 1..40)).prop_map(|(limits, operations)| Program { limits, operations })
}
