//! Runs a program on the crate.

use crate::program::{
    Action, Body, ELAPSED, End, Event, Limits, LogEntry, MESSAGES, NONE, Operation, Program, REFUSED, RunResult, Step,
};
use crate::watched::Place;
use cogloop::{Error, Firing, Handle, Idle, Interval, Loop, Mode, Options, Receiver, Remote, Sender, Task, Timer};
use futures_core::Stream;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The state of the loop, which counts calls.
type State = u64;
pub(crate) type Verdict = Result<ControlFlow<()>, Box<dyn std::error::Error + Send + Sync>>;

thread_local! {
    /// The world is a thread-local, because posts are `Send` and cannot hold the world.
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

fn world() -> Rc<World> {
    WORLD.with_borrow(|world| world.clone()).expect("a world while its program runs")
}

struct World {
    handle: Handle<State>,
    start: Instant,
    log: RefCell<Vec<LogEntry>>,
    timers: RefCell<Vec<Timer>>,
    tasks: RefCell<Vec<Option<Task<()>>>>,
    senders: RefCell<Vec<Option<Sender<u64>>>>,
    receivers: RefCell<Vec<Option<Receiver<u64>>>>,
    idles: RefCell<Vec<Idle>>,
    watched: Place,
    remotes: RefCell<Vec<Option<Remote<State>>>>,
    channels: Cell<usize>,
    posts: Cell<usize>,
    messages: Cell<u64>,
}

fn duration(ns: u64) -> Duration {
    Duration::from_nanos(ns)
}

/// The next number of a kind.
fn next<T: Copy + From<u8> + std::ops::Add<Output = T>>(counter: &Cell<T>) -> T {
    let number = counter.get();
    counter.set(number + T::from(1));
    number
}

fn take<T>(table: &RefCell<Vec<Option<T>>>, n: usize) -> Option<T> {
    let mut table = table.borrow_mut();
    let length = table.len();
    table.get_mut(n.checked_rem(length)?)?.take()
}

/// Logs that a task's future was dropped.
struct Guard(usize);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(world) = WORLD.with_borrow(|world| world.clone()) {
            world.note(Event::Dropped { task: self.0 });
        }
    }
}

/// A receiver that a step uses. It is put back at the end of the step.
struct BorrowedReceiver {
    place: usize,
    receiver: Option<Receiver<u64>>,
}

impl BorrowedReceiver {
    fn get(&mut self) -> &mut Receiver<u64> {
        self.receiver.as_mut().expect("the receiver is here until this is dropped")
    }
}

impl Drop for BorrowedReceiver {
    fn drop(&mut self) {
        if let Some(world) = WORLD.with_borrow(|world| world.clone()) {
            world.receivers.borrow_mut()[self.place] = self.receiver.take();
        }
    }
}

impl World {
    fn note(&self, what: Event) {
        let now_ns = (self.handle.now() - self.start).as_nanos() as u64;
        self.log.borrow_mut().push((now_ns, what));
    }

    fn answer(&self, answer: u64) {
        self.note(Event::Answer(answer));
    }

    fn timer(&self, n: usize) -> Option<Timer> {
        let timers = self.timers.borrow();
        timers.get(n.checked_rem(timers.len())?).copied()
    }

    fn with_timer(&self, n: usize, f: impl FnOnce(Timer) -> bool) {
        if let Some(timer) = self.timer(n) {
            self.answer(f(timer).into());
        }
    }

    fn add_timer(&self, added: Result<Timer, Error>) {
        match added {
            Ok(timer) => self.timers.borrow_mut().push(timer),
            Err(_) => self.answer(REFUSED),
        }
    }

    fn act(&self, action: &Action) {
        let handle = &self.handle;
        match action {
            Action::After { delay_ns, body } => {
                self.add_timer(handle.after(duration(*delay_ns), self.fire_next(body)));
            }
            Action::Every { first_ns, period_ns, missed, slack_ns, body } => {
                let interval = Interval::new(duration(*period_ns)).first(duration(*first_ns)).missed(*missed);
                let interval = slack_ns.map_or(interval, |ns| interval.slack(duration(ns)));
                self.add_timer(handle.every(interval, self.fire_next(body)));
            }
            Action::At { at_ns, body } => {
                self.add_timer(handle.at(self.instant(*at_ns), self.fire_next(body)));
            }
            Action::Cancel(n) => self.with_timer(*n, |timer| handle.cancel(timer)),
            Action::Reschedule(n, ns) => self.with_timer(*n, |timer| handle.reschedule(timer, duration(*ns))),
            Action::RescheduleAt(n, ns) => {
                self.with_timer(*n, |timer| handle.reschedule_at(timer, self.instant(*ns)));
            }
            Action::Remaining(n) => {
                let Some(timer) = self.timer(*n) else { return };
                self.answer(handle.remaining(timer).map_or(NONE, |left| left.as_nanos() as u64));
            }
            Action::IsActive(n) => self.with_timer(*n, |timer| handle.is_active(timer)),
            Action::Pause(n) => self.with_timer(*n, |timer| handle.pause(timer).unwrap()),
            Action::Resume(n) => self.with_timer(*n, |timer| handle.resume(timer)),
            Action::Unref(n) => self.with_timer(*n, |timer| handle.unref_timer(timer).unwrap()),
            Action::Ref(n) => self.with_timer(*n, |timer| handle.ref_timer(timer)),
            Action::Spawn(steps) => self.spawn(steps),
            Action::DropTask(n) => drop(take(&self.tasks, *n)),
            Action::Detach(n) => _ = take(&self.tasks, *n).map(Task::detach),
            Action::IsFinished(n) => self.is_finished(*n),
            Action::Idle(body) => self.add_idle(body),
            Action::CancelIdle(n) => self.cancel_idle(*n),
            Action::Channel(capacity, body) => self.add_channel(*capacity, body),
            Action::Send(n) => self.send(*n),
            Action::CloneSender(n) => {
                if let Some(sender) = self.sender(*n) {
                    self.senders.borrow_mut().push(Some(sender));
                }
            }
            Action::DropSender(n) => drop(take(&self.senders, *n)),
            Action::IsClosed(n) => self.is_closed(*n),
            Action::Pair(capacity) => self.add_pair(*capacity),
            Action::TryRecv(n) => self.try_recv(*n),
            Action::DropReceiver(n) => drop(take(&self.receivers, *n)),
            Action::Watch(kind) => self.watched.watch(handle, *kind),
            Action::Source(mode, body) => self.add_source(*mode, body),
            Action::OnSource(what) => {
                if let Some(answer) = self.watched.on_source(handle, *what) {
                    self.answer(answer);
                }
            }
            Action::MakeReady(which) => self.watched.make_ready(handle, *which),
            Action::DropWatched => self.watched.drop_object(handle),
            Action::Remote { is_counted } => {
                let remote = handle.remote();
                self.remotes.borrow_mut().push(Some(if *is_counted { remote } else { remote.unref() }));
            }
            Action::Post(n, body) => self.post(*n, body),
            Action::DropRemote(n) => drop(take(&self.remotes, *n)),
            Action::Advance(ns) => assert!(handle.advance(duration(*ns))),
            Action::Stop => handle.stop(),
            Action::Clear => self.clear(),
        }
    }

    /// The callback of the next timer.
    fn fire_next(&self, body: &Body) -> impl FnMut(&mut State, &Firing<'_, State>) -> Verdict + 'static + use<> {
        let (number, body) = (self.timers.borrow().len(), body.clone());
        move |state, firing| fire(number, state, firing, &body)
    }

    fn is_finished(&self, n: usize) {
        let tasks = self.tasks.borrow();
        let task = n.checked_rem(tasks.len()).and_then(|n| tasks[n].as_ref());
        task.inspect(|task| self.answer(task.is_finished().into()));
    }

    fn add_idle(&self, body: &Body) {
        let (idle, body) = (self.idles.borrow().len(), body.clone());
        let added = self.handle.idle(move |state: &mut State, _: &Handle<State>| {
            *state += 1;
            world().note(Event::Idled { idle });
            run(&body)
        });
        self.idles.borrow_mut().push(added.unwrap());
    }

    fn cancel_idle(&self, n: usize) {
        let idles = self.idles.borrow();
        let Some(&idle) = n.checked_rem(idles.len()).map(|n| &idles[n]) else { return };
        drop(idles);
        self.answer(self.handle.cancel(idle).into());
    }

    fn add_channel(&self, capacity: Option<usize>, body: &Body) {
        let (channel, body) = (next(&self.channels), body.clone());
        let serve = move |state: &mut State, _: &Handle<State>, message| {
            *state += 1;
            world().note(Event::Message { channel, message });
            run(&body)
        };
        let made = match capacity {
            Some(capacity) => self.handle.channel_with(capacity, serve),
            None => self.handle.channel(serve),
        };
        self.senders.borrow_mut().push(made.ok());
    }

    /// A channel for futures, without a loop.
    fn add_pair(&self, capacity: usize) {
        let (sender, receiver) = cogloop::channel(capacity).unwrap();
        next(&self.channels);
        self.senders.borrow_mut().push(Some(sender));
        self.receivers.borrow_mut().push(Some(receiver));
    }

    fn send(&self, n: usize) {
        let Some(sender) = self.sender(n) else { return };
        let refused = sender.try_send(next(&self.messages)).is_err();
        // The clone must not be the last sender.
        drop(sender);
        self.answer(if refused { REFUSED } else { 1 });
    }

    fn is_closed(&self, n: usize) {
        let Some(sender) = self.sender(n) else { return };
        let is_closed = sender.is_closed();
        drop(sender);
        self.answer(is_closed.into());
    }

    fn try_recv(&self, n: usize) {
        let Some(mut receiver) = self.borrow_receiver(n) else { return };
        let message = receiver.get().try_recv();
        self.answer(message.map_or(NONE, |message| MESSAGES + message));
    }

    fn add_source(&self, mode: Mode, body: &Body) {
        let body = body.clone();
        self.watched.add_source(&self.handle, mode, move |state, has_read| {
            *state += 1;
            world().note(Event::Ready { has_read });
            run(&body)
        });
    }

    fn clear(&self) {
        let before = self.log.borrow().len();
        self.handle.clear();
        // The loop chooses the order in which it drops its tasks.
        self.log.borrow_mut()[before..].sort();
    }

    fn instant(&self, ns: u64) -> Instant {
        self.start + duration(ns)
    }

    fn borrow_receiver(&self, n: usize) -> Option<BorrowedReceiver> {
        let count = self.receivers.borrow().len();
        let receiver = take(&self.receivers, n)?;
        Some(BorrowedReceiver { place: n % count, receiver: Some(receiver) })
    }

    fn sender(&self, n: usize) -> Option<Sender<u64>> {
        let senders = self.senders.borrow();
        senders.get(n.checked_rem(senders.len())?)?.clone()
    }

    fn post(&self, n: usize, body: &Body) {
        let remotes = self.remotes.borrow();
        let Some(Some(remote)) = n.checked_rem(remotes.len()).and_then(|n| remotes.get(n)) else { return };
        let (post, body) = (next(&self.posts), body.clone());
        let posted = remote.post(move |state, _| {
            *state += 1;
            world().note(Event::Posted { post });
            run(&body)
        });
        self.answer(if posted.is_err() { REFUSED } else { 1 });
    }

    fn spawn(&self, steps: &[Step]) {
        let number = self.tasks.borrow().len();
        let (guard, steps) = (Guard(number), steps.to_vec());
        let spawned = self.handle.spawn(async move {
            let guard = guard;
            follow(guard.0, steps).await;
        });
        match spawned {
            Ok(task) => self.tasks.borrow_mut().push(Some(task)),
            Err(_) => {
                self.tasks.borrow_mut().push(None);
                self.answer(REFUSED);
            }
        }
    }
}

fn fire(timer: usize, state: &mut State, firing: &Firing<'_, State>, body: &Body) -> Verdict {
    let world = world();
    *state += 1;
    let deadline_ns = (firing.deadline() - world.start).as_nanos() as u64;
    let late_ns = firing.late().as_nanos() as u64;
    world.note(Event::Fired { timer, deadline_ns, late_ns, missed: firing.missed() });
    run(body)
}

fn run(body: &Body) -> Verdict {
    body.actions.iter().for_each(|action| world().act(action));
    match body.end {
        End::Continue => Ok(ControlFlow::Continue(())),
        End::Break => Ok(ControlFlow::Break(())),
        End::Fail => Err("on purpose".into()),
        End::Panic => resume_unwind(Box::new("on purpose")),
    }
}

async fn follow(task: usize, steps: Vec<Step>) {
    let world = world();
    for (step, what) in steps.into_iter().enumerate() {
        let answer = world.step(what).await;
        world.note(Event::Stepped { task, step, answer });
    }
}

/// A future that is pending once.
async fn yield_now() {
    let mut is_over = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn first_of(one: impl Future, other: impl Future) -> u64 {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match (one.as_mut().poll(context), Poll::Pending::<()>) {
        (Poll::Ready(_), _) => Poll::Ready(1),
        (Poll::Pending, _) => other.as_mut().poll(context).map(|_| 2),
    })
    .await
}

impl World {
    /// The step is boxed, because it may contain another step.
    fn step(&self, step: Step) -> Pin<Box<dyn Future<Output = u64> + '_>> {
        Box::pin(self.take_step(step))
    }

    async fn take_step(&self, step: Step) -> u64 {
        let handle = &self.handle;
        match step {
            Step::SleepUntil(ns) => match handle.sleep_until(self.instant(ns)) {
                Ok(sleep) => return sleep.await.map_or(REFUSED, |()| 0),
                Err(_) => return REFUSED,
            },
            Step::Reset(first_ns, second_ns) => {
                let Ok(mut sleep) = handle.sleep(duration(first_ns)) else { return REFUSED };
                sleep.reset(duration(second_ns)).unwrap();
                return sleep.await.map_or(REFUSED, |()| 0);
            }
            Step::Recv(n, is_stream) => {
                let Some(mut receiver) = self.borrow_receiver(n) else { return 3 };
                let message = if is_stream {
                    poll_fn(|cx| Pin::new(receiver.get()).poll_next(cx)).await
                } else {
                    receiver.get().recv().await
                };
                return message.map_or(NONE, |message| MESSAGES + message);
            }
            Step::Await(flag) => return self.watched.wait(flag).await.map_or(3, |waited| waited.unwrap_or(REFUSED)),
            Step::Limited(limit_ns, step) => {
                return match handle.timeout(duration(limit_ns), self.step(*step)).await {
                    Ok(answer) => answer,
                    Err(Error::Elapsed) => ELAPSED,
                    Err(_) => REFUSED,
                };
            }
            Step::Act(action) => self.act(&action),
            Step::Sleep(ns) => match handle.sleep(duration(ns)) {
                Ok(sleep) => return sleep.await.map_or(REFUSED, |()| 0),
                Err(_) => return REFUSED,
            },
            Step::Yield => yield_now().await,
            Step::With { actions, panics } => return self.visit(actions, panics).await,
            Step::Timeout(limit_ns, ns) => {
                let Ok(sleep) = handle.sleep(duration(ns)) else { return REFUSED };
                return match handle.timeout(duration(limit_ns), sleep).await {
                    Ok(slept) => slept.map_or(REFUSED, |()| 1),
                    Err(Error::Elapsed) => 2,
                    Err(_) => REFUSED,
                };
            }
            Step::Select(one_ns, other_ns) => {
                let Ok(one) = handle.sleep(duration(one_ns)) else { return REFUSED };
                let Ok(other) = handle.sleep(duration(other_ns)) else { return REFUSED };
                return first_of(one, other).await;
            }
            Step::Ticks { period_ns, missed, count } => {
                let Ok(mut ticks) = handle.interval(Interval::new(duration(period_ns)).missed(missed)) else {
                    return REFUSED;
                };
                let mut sum = 0;
                for _ in 0..count {
                    let Ok(tick) = ticks.tick().await else { return REFUSED };
                    assert!(tick.deadline + tick.late == handle.now());
                    sum += tick.late.as_nanos() as u64 + tick.missed;
                }
                return sum;
            }
            Step::Join(n) => match take(&self.tasks, n) {
                Some(task) => return if task.await.is_ok() { 1 } else { 2 },
                None => return 3,
            },
            Step::Send(n) => match self.sender(n) {
                Some(sender) => {
                    let sent = sender.send(next(&self.messages)).await;
                    return if sent.is_ok() { 1 } else { REFUSED };
                }
                None => return 3,
            },
            Step::Panic => resume_unwind(Box::new("on purpose")),
        }
        0
    }

    async fn visit(&self, actions: Vec<Action>, panics: bool) -> u64 {
        let visited = self.handle.with(move |state, _| {
            *state += 1;
            world().note(Event::Visited { state: *state });
            actions.iter().for_each(|action| world().act(action));
            if panics {
                resume_unwind(Box::new("on purpose"));
            }
        });
        if visited.await.is_ok() { 1 } else { 2 }
    }
}

fn outcome<T>(caught: std::thread::Result<Result<T, Error>>, done: impl FnOnce(T) -> RunResult) -> RunResult {
    match caught {
        Ok(Ok(value)) => done(value),
        Ok(Err(Error::Stopped)) => RunResult::Stopped,
        Ok(Err(_)) => RunResult::Failed,
        Err(_) => RunResult::Panicked,
    }
}

/// The real loop. Its program runs operation by operation.
pub(crate) struct LoopUnderTest {
    events: Option<Loop<State>>,
    world: Rc<World>,
    state: State,
    compared: usize,
}

impl LoopUnderTest {
    pub(crate) fn new(limits: &Limits) -> Self {
        let options = Options::new().backend("select").simulated().max_timers(limits.timers).max_tasks(limits.tasks);
        let options = options.max_posts(limits.posts).max_callbacks_per_turn(limits.callbacks);
        let options = options.slack(duration(limits.slack_ns));
        let events = Loop::with_options(options).unwrap();
        let world = Rc::new(World {
            handle: events.handle(),
            start: events.now(),
            log: RefCell::default(),
            timers: RefCell::default(),
            tasks: RefCell::default(),
            senders: RefCell::default(),
            receivers: RefCell::default(),
            idles: RefCell::default(),
            watched: Place::default(),
            remotes: RefCell::default(),
            channels: Cell::default(),
            posts: Cell::default(),
            messages: Cell::default(),
        });
        WORLD.set(Some(Rc::clone(&world)));
        Self { events: Some(events), world, state: 0, compared: 0 }
    }

    pub(crate) fn apply(&mut self, operation: &Operation) {
        let (events, state) = (self.events.as_mut().unwrap(), &mut self.state);
        let zero = Some(Duration::ZERO);
        let ended = match operation {
            Operation::Act(action) => {
                self.world.act(action);
                RunResult::Done
            }
            Operation::Poll => outcome(catch_unwind(AssertUnwindSafe(|| events.turn(state, zero))), RunResult::Left),
            Operation::RunFor(ns) => {
                outcome(catch_unwind(AssertUnwindSafe(|| events.run_for(state, duration(*ns)))), |()| RunResult::Done)
            }
            Operation::RunUntil(ns) => {
                let when = self.world.instant(*ns);
                outcome(catch_unwind(AssertUnwindSafe(|| events.run_until(state, when))), |()| RunResult::Done)
            }
            Operation::NextTimeout => {
                let timeout = events.next_timeout().unwrap();
                self.world.answer(timeout.map_or(NONE, |timeout| timeout.as_nanos() as u64));
                RunResult::Done
            }
            Operation::Run => outcome(catch_unwind(AssertUnwindSafe(|| events.run(state))), |()| RunResult::Done),
            Operation::BlockOn(steps) => {
                let future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(follow(Program::ROOT, steps.clone()));
                outcome(catch_unwind(AssertUnwindSafe(|| events.block_on(state, future))), |()| RunResult::Done)
            }
        };
        self.world.note(Event::Ended(ended));
        self.world.note(Event::Counts { timers: events.timer_count(), tasks: events.task_count() });
        events.audit();
    }

    /// The events since the last call.
    pub(crate) fn take_log(&mut self) -> Vec<LogEntry> {
        let log = self.world.log.borrow();
        let take_log = log[self.compared..].to_vec();
        self.compared = log.len();
        take_log
    }
}

/// Drops everything that keeps the loop alive.
impl Drop for LoopUnderTest {
    fn drop(&mut self) {
        self.events = None;
        WORLD.set(None);
        for task in self.world.tasks.take() {
            drop(task);
        }
        self.world.watched.drop_object(&self.world.handle);
        drop((self.world.senders.take(), self.world.receivers.take(), self.world.remotes.take()));
    }
}
