//! Programs: the operations on a loop from outside, in callbacks and in tasks, and the events that both sides log.

use cogloop::{Missed, Mode};
use proptest::collection::vec;
use proptest::prelude::*;

/// An action that is possible everywhere. A number names the n-th object of its kind, modulo the number of objects.
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
        /// The interval's own slack, which is 0 for an exact interval; `None` for the loop's slack.
        slack_ns: Option<u64>,
        body: Body,
    },
    /// A timer for a time of the loop, which may have passed.
    At {
        at_ns: u64,
        body: Body,
    },
    Cancel(usize),
    Reschedule(usize, u64),
    RescheduleAt(usize, u64),
    Remaining(usize),
    IsActive(usize),
    Pause(usize),
    Resume(usize),
    Unref(usize),
    Ref(usize),
    Spawn(Vec<Step>),
    DropTask(usize),
    Detach(usize),
    IsFinished(usize),
    /// An idle callback, which is called in each turn without other work.
    Idle(Body),
    CancelIdle(usize),
    /// A channel; `None` is the default capacity.
    Channel(Option<usize>, Body),
    Send(usize),
    CloneSender(usize),
    DropSender(usize),
    IsClosed(usize),
    /// A channel for futures, without a loop.
    Pair(usize),
    TryRecv(usize),
    DropReceiver(usize),
    /// Watches an object. There is only one descriptor for futures at a time, because the kernel chooses the order of
    /// several ready descriptors.
    Watch(Watched),
    /// A source instead of a watched object: a pipe whose callback tries to read a byte.
    Source(Mode, Body),
    /// A call on the last source that was made.
    OnSource(OnSource),
    /// Makes the object ready: by one of two signals, the end of the child, or a byte.
    MakeReady(bool),
    DropWatched,
    Remote {
        is_counted: bool,
    },
    Post(usize, Body),
    DropRemote(usize),
    Advance(u64),
    Stop,
    Clear,
}

#[derive(Copy, Clone, Debug)]
pub(crate) enum OnSource {
    SetInterest(bool),
    Interest,
    Drained,
    MarkReady,
    SetReferenced(bool),
}

/// The objects with a descriptor for which a future can wait.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Watched {
    Signals,
    Child,
    Pipe,
    /// A source, which is not for futures.
    Source(Mode),
}

/// The actions of a callback, and how it ends.
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

/// A step of a task. A task runs its steps one after another.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Act(Action),
    Sleep(u64),
    /// Sleeps until a time of the loop, which may have passed.
    SleepUntil(u64),
    /// A sleep that is reset before it is awaited.
    Reset(u64, u64),
    Yield,
    With {
        actions: Vec<Action>,
        panics: bool,
    },
    /// A time limit, and the duration of the sleep inside it.
    Timeout(u64, u64),
    /// The first of two sleeps. The other sleep is dropped.
    Select(u64, u64),
    Ticks {
        period_ns: u64,
        missed: Missed,
        count: usize,
    },
    Join(usize),
    /// Waits for room in a channel.
    Send(usize),
    /// Waits for a message, as a `Stream` if the flag is set.
    Recv(usize, bool),
    /// Waits for the watched object: for a signal, for the end of a child, or for a byte. With the flag, a signal is
    /// awaited as a `Stream`. Without the flag, a byte is not read: the step waits only until the pipe is ready.
    Await(bool),
    /// Another step with a time limit. The step is dropped when the time is over.
    Limited(u64, Box<Step>),
    Panic,
}

/// An operation from outside.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Act(Action),
    Poll,
    RunFor(u64),
    RunUntil(u64),
    NextTimeout,
    Run,
    BlockOn(Vec<Step>),
}

#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) timers: usize,
    pub(crate) tasks: usize,
    pub(crate) posts: usize,
    pub(crate) callbacks: usize,
    /// The slack of timers that have none of their own.
    pub(crate) slack_ns: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) limits: Limits,
    pub(crate) operations: Vec<Operation>,
}

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
    /// The callback of a source, and whether there was a byte.
    Ready {
        has_read: bool,
    },
    /// The state that `with` found.
    Visited {
        state: u64,
    },
    /// The answer to the n-th step of a task.
    Stepped {
        task: usize,
        step: usize,
        answer: u64,
    },
    /// The future of a task was dropped.
    Dropped {
        task: usize,
    },
    Message {
        channel: usize,
        message: Option<u64>,
    },
    /// An idle callback was called. The loop chooses the order of several.
    Idled {
        idle: usize,
    },
    /// The answer of an action.
    Answer(u64),
    Ended(RunResult),
    Counts {
        timers: usize,
        tasks: usize,
    },
}

/// The answer of an action or a step that was refused. This constant and the next two are answers that are not a number
/// or a time.
pub(crate) const REFUSED: u64 = 99;
/// The answer if there is no such timer, or no message, now or ever.
pub(crate) const NONE: u64 = 98;
/// The answer of a step whose time limit has passed.
pub(crate) const ELAPSED: u64 = 97;
/// The answer for message number 0. The answer for message `n` is this number plus `n`.
pub(crate) const MESSAGES: u64 = 1_000;

#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum RunResult {
    Done,
    Left(bool),
    Stopped,
    Failed,
    Panicked,
}

/// An event with the loop's time.
pub(crate) type LogEntry = (u64, Event);

fn ns() -> impl Strategy<Value = u64> {
    let ms = |range: std::ops::Range<u64>| range.prop_map(|ms| ms * 1_000_000);
    prop_oneof![2 => Just(0), 6 => ms(1..6), 3 => ms(1..40), 1 => (1..5_000_000u64).prop_map(|us| us / 1000 * 1000)]
}

fn missed() -> impl Strategy<Value = Missed> {
    prop_oneof![Just(Missed::Skip), Just(Missed::Burst), Just(Missed::Delay)]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Level), Just(Mode::Edge), Just(Mode::OneShot)]
}

fn on_source() -> impl Strategy<Value = OnSource> {
    prop_oneof![
        2 => prop::bool::weighted(0.7).prop_map(OnSource::SetInterest),
        1 => Just(OnSource::Interest),
        2 => Just(OnSource::Drained),
        2 => Just(OnSource::MarkReady),
        2 => any::<bool>().prop_map(OnSource::SetReferenced),
    ]
}

/// Few programs use a child, because a child is slow.
fn watched() -> impl Strategy<Value = Watched> {
    prop_oneof![10 => Just(Watched::Signals), 10 => Just(Watched::Pipe), 1 => Just(Watched::Child)]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![12 => Just(End::Continue), 3 => Just(End::Break), 1 => Just(End::Fail), 1 => Just(End::Panic)]
}

fn leaf() -> BoxedStrategy<Action> {
    let n = || 0..12usize;
    prop_oneof![
        3 => n().prop_map(Action::Cancel),
        2 => (n(), ns()).prop_map(|(n, ns)| Action::Reschedule(n, ns)),
        1 => (n(), ns()).prop_map(|(n, ns)| Action::RescheduleAt(n, ns)),
        1 => n().prop_map(Action::Remaining),
        1 => n().prop_map(Action::IsActive),
        1 => n().prop_map(Action::IsFinished),
        2 => n().prop_map(Action::CancelIdle),
        1 => n().prop_map(Action::IsClosed),
        2 => (0..4usize).prop_map(Action::Pair),
        3 => n().prop_map(Action::TryRecv),
        1 => n().prop_map(Action::DropReceiver),
        4 => any::<bool>().prop_map(Action::MakeReady),
        1 => Just(Action::DropWatched),
        3 => on_source().prop_map(Action::OnSource),
        3 => watched().prop_map(Action::Watch),
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
        1 => ns().prop_map(Step::SleepUntil),
        1 => (ns(), ns()).prop_map(|(first, second)| Step::Reset(first, second)),
        2 => Just(Step::Yield),
        3 => (vec(action, 0..3), prop::bool::weighted(0.1)).prop_map(|(actions, panics)| Step::With { actions, panics }),
        3 => (ns(), ns()).prop_map(|(limit, sleep)| Step::Timeout(limit, sleep)),
        3 => (ns(), ns()).prop_map(|(one, other)| Step::Select(one, other)),
        2 => (1..10_000_000u64, missed(), 1..4usize).prop_map(|(ns, missed, count)| {
            Step::Ticks { period_ns: ns / 1000 * 1000 + 1_000_000, missed, count }
        }),
        2 => (0..12usize).prop_map(Step::Join),
        6 => (0..12usize).prop_map(Step::Send),
        10 => any::<bool>().prop_map(Step::Await),
        10 => ((0..12usize), any::<bool>()).prop_map(|(n, is_stream)| Step::Recv(n, is_stream)),
        1 => prop_oneof![1 => Just(Step::Panic), 3 => Just(Step::Yield)],
    ]
    .boxed();
    let limited = (ns(), step.clone()).prop_map(|(ns, step)| Step::Limited(ns, Box::new(step))).boxed();
    let twice = (ns(), limited.clone()).prop_map(|(ns, step)| Step::Limited(ns, Box::new(step))).boxed();
    vec(prop_oneof![6 => step, 3 => limited, 1 => twice], 0..5).boxed()
}

fn action() -> BoxedStrategy<Action> {
    leaf()
        .prop_recursive(3, 24, 4, |inner| {
            let inner = prop_oneof![leaf(), inner].boxed();
            prop_oneof![
                6 => leaf(),
                6 => (ns(), body(inner.clone())).prop_map(|(delay_ns, body)| Action::After { delay_ns, body }),
                2 => (ns(), body(inner.clone())).prop_map(|(at_ns, body)| Action::At { at_ns, body }),
                3 => (mode(), body(inner.clone())).prop_map(|(mode, body)| Action::Source(mode, body)),
                2 => (body(inner.clone()), prop::bool::weighted(0.8)).prop_map(|(Body { actions, end }, is_last)| {
                    let end = if is_last && matches!(end, End::Continue) { End::Break } else { end };
                    Action::Idle(Body { actions, end })
                }),
                3 => (ns(), 1..20u64, missed(), prop::option::weighted(0.2, ns()), body(inner.clone())).prop_map(
                    |(first_ns, ms, missed, slack_ns, body)| {
                        Action::Every { first_ns, period_ns: ms * 1_000_000, missed, slack_ns, body }
                    }
                ),
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
        1 => ns().prop_map(Operation::RunUntil),
        1 => Just(Operation::NextTimeout),
        1 => Just(Operation::Run),
        2 => steps(action()).prop_map(Operation::BlockOn),
    ];
    let limit = |least: usize| prop_oneof![3 => Just(usize::MAX), 1 => least..8];
    let slack = prop_oneof![1 => Just(0), 1 => ns()];
    let limits = (limit(0), limit(0), limit(0), limit(1), slack)
        .prop_map(|(timers, tasks, posts, callbacks, slack_ns)| Limits { timers, tasks, posts, callbacks, slack_ns });
    // Without these actions, most objects that a step names would not exist.
    let first = prop_oneof![
        3 => (0..4usize).prop_map(Action::Pair),
        1 => (prop::option::of(0..3usize), body(leaf())).prop_map(|(capacity, body)| Action::Channel(capacity, body)),
        1 => any::<bool>().prop_map(|is_counted| Action::Remote { is_counted }),
        3 => watched().prop_map(Action::Watch),
        2 => (mode(), body(leaf())).prop_map(|(mode, body)| Action::Source(mode, body)),
        2 => steps(leaf()).prop_map(Action::Spawn),
    ];
    (limits, vec(first.prop_map(Operation::Act), 0..6), vec(operation, 1..40)).prop_map(
        |(limits, mut operations, rest)| {
            operations.extend(rest);
            Program { limits, operations }
        },
    )
}
