//! Programs of calls of cogloop.h, from outside and in callbacks, and the events that both sides log.

use proptest::collection::vec;
use proptest::prelude::*;

/// A handle for a call.
#[derive(Copy, Clone, Debug)]
pub(crate) enum HandleRef {
    /// The n-th handle that was given out, modulo the number of handles. It may be stale.
    Nth(usize),
    Zero,
    /// The n-th handle with another generation, which was never given out.
    Forged(usize),
    /// A handle of a loop that belongs to another thread.
    Foreign,
}

#[derive(Clone, Debug)]
pub(crate) enum Call {
    New {
        resolution_ns: u64,
        timers_max: u32,
        served_max: u32,
        /// Whether delays count from the time of the last reading.
        is_cached: bool,
        /// The slack of timers whose plan sets none.
        slack_ns: u64,
    },
    Free(HandleRef),
    Release(HandleRef),
    Adopt(HandleRef),
    /// Another thread adopts the loop, reads its clock, and releases it.
    Visit(HandleRef),
    /// Calls `cog_loop_after_fork`. There was no fork, so the call has nothing to do.
    AfterFork(HandleRef),
    Run(HandleRef),
    RunOnce(HandleRef, u64),
    Step(HandleRef),
    Stop(HandleRef),
    Post(HandleRef, usize),
    Wake(HandleRef),
    Now(HandleRef),
    NowCached(HandleRef),
    UpdateNow(HandleRef),
    KeepAlive(HandleRef, bool),
    Advance(HandleRef, u64),
    Stats(HandleRef),
    NextTimeout(HandleRef),
    Pollable(HandleRef),
    /// Converts this time of the loop to the time of day.
    WallTime(HandleRef, u64),
    /// Visits all timers and watches, and runs a body at each visit.
    Walk(HandleRef, usize),
    /// Adds a hook. The number that says when the hook runs may be invalid.
    Hook(HandleRef, i32, usize),
    RemoveHook(HandleRef),
    After(HandleRef, u64, usize),
    At(HandleRef, u64, usize),
    /// The period may be 0, and the policy may be invalid.
    Every(HandleRef, u64, i32, usize),
    /// A stopped timer that stays when it has fired.
    NewTimer(HandleRef, usize),
    /// A timer by plan. The period may be 0, and the policy may be invalid.
    Add(HandleRef, Planned, usize),
    Callback(HandleRef),
    SetCallback(HandleRef, usize),
    /// Whether a function is called at the end of the timer. It runs the body that is the timer's `ctx`.
    OnEnd(HandleRef, bool),
    Deadline(HandleRef),
    Cancel(HandleRef),
    Reschedule(HandleRef, u64),
    StopTimer(HandleRef),
    Pause(HandleRef),
    Resume(HandleRef),
    Remaining(HandleRef),
    Ref(HandleRef),
    Unref(HandleRef),
    /// Watches one of a few pipes for reading. The callback reads a byte and runs a body.
    ///
    /// The mode may be invalid.
    Watch(HandleRef, usize, i32, usize),
    Remove(HandleRef),
    /// The directions may be invalid.
    Set(HandleRef, i32),
    WatchCallback(HandleRef),
    SetWatchCallback(HandleRef, usize),
    Drained(HandleRef, i32),
    OnEndOfWatch(HandleRef, bool),
    Conditions(HandleRef),
    RefWatch(HandleRef),
    UnrefWatch(HandleRef),
    Write(usize),
    Read(usize),
}

/// The kind of object on which a call acts, and its handle.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Target {
    /// The call makes a loop, or uses only a pipe.
    Nothing,
    Loop(HandleRef),
    /// Any thread may make the call.
    LoopOfAnyThread(HandleRef),
    Hook(HandleRef),
    Timer(HandleRef),
    Watch(HandleRef),
}

/// The fields of `cog_plan`.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) delay_ns: u64,
    pub(crate) period_ns: u64,
    pub(crate) slack_ns: u64,
    pub(crate) missed: u32,
}

pub(crate) const PIPES: usize = 3;
pub(crate) const BODIES: usize = 6;
/// The modes of a watch.
pub(crate) const LEVEL: i32 = 0;
pub(crate) const EDGE: i32 = 1;
pub(crate) const ONE_SHOT: i32 = 2;
/// The number of valid values of the argument that says when a hook runs.
pub(crate) const HOOKS: i32 = 3;
pub(crate) const NEVER: u64 = u64::MAX;
/// `COG_EXACT`.
pub(crate) const EXACT: u64 = u64::MAX;
/// Reading, writing and urgent data. The pipes have no urgent data.
pub(crate) const ALL_DIRECTIONS: i32 = 7;

#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The bodies of callbacks, by the number that is passed as their `ctx`.
    pub(crate) bodies: Vec<Vec<Call>>,
    pub(crate) calls: Vec<Call>,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum Event {
    Code(i32),
    Output(u64),
    Fired {
        timer: Option<usize>,
        deadline_ns: u64,
        late_ns: u64,
        missed: u64,
        body: usize,
    },
    /// The callback of the n-th watch was called. The order of several ready watches depends on the backend.
    Ready {
        watch: Option<usize>,
        directions: i32,
        body: usize,
    },
    Hooked {
        body: usize,
    },
    /// The function that frees a `ctx` was called. When a loop is freed, the library chooses the order of these calls,
    /// as it chooses the order of a walk's visits.
    TimerEnded {
        body: usize,
    },
    WatchEnded {
        body: usize,
    },
    VisitedTimer {
        timer: Option<usize>,
    },
    VisitedWatch {
        watch: Option<usize>,
    },
    Posted {
        body: usize,
    },
    Discarded {
        body: usize,
    },
}

fn name() -> impl Strategy<Value = HandleRef> {
    prop_oneof![20 => (0..10usize).prop_map(HandleRef::Nth), 1 => Just(HandleRef::Zero), 1 => (0..10usize).prop_map(HandleRef::Forged), 1 => Just(HandleRef::Foreign)]
}

/// Most programs use one loop or two.
fn loop_name() -> impl Strategy<Value = HandleRef> {
    prop_oneof![20 => (0..3usize).prop_map(HandleRef::Nth), 1 => name()]
}

fn ns() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => Just(0),
        8 => (1..30u64).prop_map(|ms| ms * 1_000_000),
        2 => (1..5_000u64).prop_map(|us| us * 1000),
        1 => 1..5_000_000u64,
    ]
}

/// 0 is the resolution of a loop without options.
fn resolution() -> impl Strategy<Value = u64> {
    prop_oneof![4 => Just(0), 1 => Just(1), 1 => Just(1_000_000), 1 => Just(8_000_000)]
}

fn loop_slack() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0), 1 => ns()]
}

fn planned() -> impl Strategy<Value = Planned> {
    let delay = prop_oneof![20 => ns(), 1 => Just(NEVER)];
    let slack = prop_oneof![2 => Just(0), 4 => ns(), 1 => Just(EXACT)];
    (delay, prop_oneof![1 => Just(0), 2 => ns()], slack, 0..4u32)
        .prop_map(|(delay_ns, period_ns, slack_ns, missed)| Planned { delay_ns, period_ns, slack_ns, missed })
}

fn hook() -> impl Strategy<Value = i32> {
    prop_oneof![1 => Just(1), 2 => 2..=HOOKS, 1 => prop_oneof![9 => Just(HOOKS), 1 => Just(0), 1 => Just(HOOKS + 1)]]
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![4 => call_of_a_loop(), 4 => call_of_a_timer(), 2 => call_of_a_watch()]
}

fn never() -> impl Strategy<Value = u64> {
    prop_oneof![20 => ns(), 1 => Just(NEVER)]
}

fn body() -> impl Strategy<Value = usize> {
    0..BODIES
}

fn call_of_a_loop() -> impl Strategy<Value = Call> {
    use Call::*;
    prop_oneof![
        1 => (
            resolution(),
            prop_oneof![3 => Just(0), 1 => 1..5u32],
            prop_oneof![3 => Just(0), 1 => 1..3u32],
            any::<bool>(),
            loop_slack(),
        ).prop_map(|(resolution_ns, timers_max, served_max, is_cached, slack_ns)| {
            New { resolution_ns, timers_max, served_max, is_cached, slack_ns }
        }),
        1 => loop_name().prop_map(Free),
        1 => loop_name().prop_map(Release),
        3 => loop_name().prop_map(Adopt),
        1 => prop_oneof![3 => loop_name().prop_map(Visit), 1 => loop_name().prop_map(AfterFork)],
        2 => loop_name().prop_map(Run),
        3 => (loop_name(), never()).prop_map(|(name, ns)| RunOnce(name, ns)),
        2 => loop_name().prop_map(Step),
        1 => loop_name().prop_map(Stop),
        4 => (loop_name(), body()).prop_map(|(name, body)| Post(name, body)),
        1 => loop_name().prop_map(Wake),
        1 => loop_name().prop_map(Now),
        1 => loop_name().prop_map(NowCached),
        1 => loop_name().prop_map(UpdateNow),
        1 => (loop_name(), any::<bool>()).prop_map(|(name, keeps)| KeepAlive(name, keeps)),
        2 => (loop_name(), ns()).prop_map(|(name, ns)| Advance(name, ns)),
        1 => loop_name().prop_map(Stats),
        1 => loop_name().prop_map(NextTimeout),
        1 => prop_oneof![
            2 => (loop_name(), never()).prop_map(|(name, ns)| WallTime(name, ns)),
            1 => loop_name().prop_map(Pollable),
        ],
        2 => (loop_name(), body()).prop_map(|(name, body)| Walk(name, body)),
        3 => (loop_name(), hook(), body()).prop_map(|(name, when, body)| Hook(name, when, body)),
        4 => name().prop_map(RemoveHook),
    ]
}

fn call_of_a_timer() -> impl Strategy<Value = Call> {
    use Call::*;
    prop_oneof![
        6 => (loop_name(), never(), body()).prop_map(|(name, ns, body)| After(name, ns, body)),
        3 => (loop_name(), never(), body()).prop_map(|(name, ns, body)| At(name, ns, body)),
        4 => (loop_name(), ns(), -1..5i32, body()).prop_map(|(name, ns, missed, body)| Every(name, ns, missed, body)),
        4 => (loop_name(), planned(), body()).prop_map(|(name, planned, body)| Add(name, planned, body)),
        4 => (loop_name(), body()).prop_map(|(name, body)| NewTimer(name, body)),
        1 => name().prop_map(Callback),
        1 => (name(), body()).prop_map(|(name, body)| SetCallback(name, body)),
        4 => (name(), prop::bool::weighted(0.8)).prop_map(|(name, has_end_function)| OnEnd(name, has_end_function)),
        1 => name().prop_map(Deadline),
        3 => name().prop_map(Cancel),
        4 => (name(), never()).prop_map(|(name, ns)| Reschedule(name, ns)),
        2 => name().prop_map(StopTimer),
        2 => name().prop_map(Pause),
        2 => name().prop_map(Resume),
        2 => name().prop_map(Remaining),
        1 => name().prop_map(Ref),
        1 => name().prop_map(Unref),
    ]
}

fn call_of_a_watch() -> impl Strategy<Value = Call> {
    use Call::*;
    let pipe = || 0..PIPES;
    let mode = prop_oneof![3 => Just(LEVEL), 2 => Just(EDGE), 2 => Just(ONE_SHOT), 1 => -1..4i32];
    prop_oneof![
        4 => (loop_name(), pipe(), mode, body()).prop_map(|(name, pipe, mode, body)| Watch(name, pipe, mode, body)),
        2 => (name(), prop_oneof![8 => Just(1), 1 => -1..10i32]).prop_map(|(name, directions)| Drained(name, directions)),
        2 => name().prop_map(Remove),
        2 => (name(), prop_oneof![8 => 0..2i32, 1 => -1..10i32]).prop_map(|(name, directions)| Set(name, directions)),
        1 => name().prop_map(WatchCallback),
        1 => (name(), body()).prop_map(|(name, body)| SetWatchCallback(name, body)),
        3 => (name(), prop::bool::weighted(0.8)).prop_map(|(name, has_end_function)| OnEndOfWatch(name, has_end_function)),
        1 => name().prop_map(Conditions),
        1 => name().prop_map(RefWatch),
        1 => name().prop_map(UnrefWatch),
        3 => pipe().prop_map(Write),
        2 => pipe().prop_map(Read),
    ]
}

impl Call {
    /// The object on which the call acts.
    pub(crate) fn target(&self) -> Target {
        match *self {
            Self::New { .. } | Self::Write(_) | Self::Read(_) => Target::Nothing,
            Self::Adopt(name) | Self::Visit(name) | Self::Post(name, _) | Self::Wake(name) => {
                Target::LoopOfAnyThread(name)
            }
            Self::Free(name) | Self::Release(name) | Self::AfterFork(name) | Self::KeepAlive(name, _) => {
                Target::Loop(name)
            }
            Self::Run(name) | Self::RunOnce(name, _) | Self::Step(name) | Self::Stop(name) => Target::Loop(name),
            Self::Now(name) | Self::NowCached(name) | Self::UpdateNow(name) => Target::Loop(name),
            Self::Advance(name, _) | Self::Stats(name) | Self::NextTimeout(name) => Target::Loop(name),
            Self::Pollable(name) | Self::WallTime(name, _) | Self::Walk(name, _) => Target::Loop(name),
            Self::After(name, ..) | Self::At(name, ..) | Self::Every(name, ..) | Self::Add(name, ..) => {
                Target::Loop(name)
            }
            Self::NewTimer(name, _) => Target::Loop(name),
            Self::Hook(name, ..) | Self::Watch(name, ..) => Target::Loop(name),
            Self::RemoveHook(name) => Target::Hook(name),
            Self::Callback(name) | Self::SetCallback(name, _) | Self::OnEnd(name, _) => Target::Timer(name),
            Self::Deadline(name) | Self::Remaining(name) => Target::Timer(name),
            Self::Cancel(name) | Self::Reschedule(name, _) | Self::StopTimer(name) => Target::Timer(name),
            Self::Pause(name) | Self::Resume(name) | Self::Ref(name) | Self::Unref(name) => Target::Timer(name),
            Self::WatchCallback(name) | Self::SetWatchCallback(name, _) | Self::OnEndOfWatch(name, _) => {
                Target::Watch(name)
            }
            Self::Remove(name) | Self::Set(name, _) | Self::Drained(name, _) => Target::Watch(name),
            Self::Conditions(name) | Self::RefWatch(name) | Self::UnrefWatch(name) => Target::Watch(name),
        }
    }

    /// Whether an argument other than a handle is invalid.
    pub(crate) fn has_invalid_argument(&self) -> bool {
        match *self {
            Self::Every(_, period_ns, missed, _) => period_ns == 0 || !(0..3).contains(&missed),
            Self::Add(_, planned, _) => planned.missed >= 3,
            Self::Watch(_, _, mode, _) => !(LEVEL..=ONE_SHOT).contains(&mode),
            Self::Drained(_, directions) | Self::Set(_, directions) => !(0..=ALL_DIRECTIONS).contains(&directions),
            Self::Hook(_, when, _) => !(1..=HOOKS).contains(&when),
            _ => false,
        }
    }

    /// Whether the call may wait for ever. If the library chooses the order of callbacks, these callbacks make no such
    /// call, because the model could not tell whether the call ends.
    pub(crate) fn may_wait_for_ever(&self) -> bool {
        matches!(self, Self::Run(_) | Self::RunOnce(_, NEVER))
    }
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
    let first = (resolution(), any::<bool>(), loop_slack()).prop_map(|(resolution_ns, is_cached, slack_ns)| {
        Call::New { resolution_ns, timers_max: 0, served_max: 0, is_cached, slack_ns }
    });
    (vec(vec(call(), 0..4), BODIES), first, vec(call(), 1..60)).prop_map(|(bodies, first, mut calls)| {
        calls.insert(0, first);
        Program { bodies, calls }
    })
}
