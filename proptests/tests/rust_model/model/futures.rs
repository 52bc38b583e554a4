//! Tasks, and the future of `block_on`. Each is a list of steps, and waits for the current step.

use super::watched::Wait;
use super::{Break, Model, Run, TURNS_MAX, Waiter, pick, pick_mut};
use crate::program::{Action, ELAPSED, Event, MESSAGES, NONE, Program, REFUSED, RunResult, Step};
use cogloop::Missed;
use std::collections::VecDeque;
use std::num::NonZeroU64;

#[derive(Clone, Debug)]
pub(super) struct Future {
    name: usize,
    steps: VecDeque<Step>,
    done: usize,
    waiting: Waiting,
}

/// A timer and its deadline.
type Sleep = (u64, u64);

#[derive(Clone, Debug)]
enum Waiting {
    Nothing,
    Yield {
        is_over: bool,
    },
    Sleep(Sleep),
    Visit(usize),
    Timeout {
        inner: Sleep,
        limit: Sleep,
    },
    Select(Sleep, Sleep),
    Ticks {
        sleep: Sleep,
        period_ns: u64,
        missed: Missed,
        left: usize,
        sum: u64,
    },
    /// The timer for the limit of a timeout was refused, so the answer comes at once.
    Refused,
    Await {
        flag: bool,
        wait: Wait,
    },
    /// A receiver, by its number.
    Recv(usize),
    Limited {
        inner: Box<Waiting>,
        limit: Sleep,
    },
    Join(usize),
    Send {
        channel: usize,
        message: u64,
    },
}

/// How a step begins.
enum Begun {
    /// The step has nothing to wait for.
    Answer(u64),
    Waiting(Waiting),
}

/// The progress of a task, or of a visit (a call of `with`).
#[derive(Copy, Clone, Debug)]
pub(super) enum Join {
    Waiting(Option<Waiter>),
    Done,
    Cancelled,
}

#[derive(Clone, Debug)]
pub(super) struct Visit {
    actions: Vec<Action>,
    panics: bool,
    pub(super) join: usize,
}

impl Model {
    pub(super) fn act_on_tasks(&mut self, action: &Action) {
        match action {
            Action::Spawn(steps) => self.spawn(steps),
            Action::DropTask(n) => self.drop_task_handle(*n),
            Action::Detach(n) => _ = self.take_handle(*n),
            Action::IsFinished(n) => {
                if let Some(true) = pick(&self.handles, *n) {
                    let is_finished = !matches!(self.joins[n % self.handles.len()], Join::Waiting(_));
                    self.note(Event::Answer(is_finished.into()));
                }
            }
            _ => unreachable!("{action:?} is not for tasks"),
        }
    }

    pub(super) fn spawn(&mut self, steps: &[Step]) {
        let name = self.handles.len();
        let is_allowed = self.tasks.len() < self.limits.tasks;
        self.handles.push(is_allowed);
        self.joins.push(Join::Waiting(None));
        if !is_allowed {
            self.note(Event::Dropped { task: name });
            self.note(Event::Answer(REFUSED));
            return;
        }
        self.tasks.insert(name, Some(Future::new(name, steps)));
        self.wake(Waiter::Task(name));
    }

    /// Takes the handle of a task, if the program holds it. Returns the task's number.
    pub(super) fn take_handle(&mut self, n: usize) -> Option<usize> {
        let is_held = pick_mut(&mut self.handles, n)?;
        std::mem::take(is_held).then(|| n % self.handles.len())
    }

    pub(super) fn drop_task_handle(&mut self, n: usize) {
        if let Some(task) = self.take_handle(n) {
            self.cancel_task(task);
        }
    }

    /// Cancels a task. A task that is being polled is dropped after the poll.
    fn cancel_task(&mut self, task: usize) {
        if let Some(Some(future)) = self.tasks.remove(&task) {
            self.drop_future(future);
        }
    }

    fn drop_future(&mut self, mut future: Future) {
        self.leave(&mut future);
        if future.name == Program::ROOT {
            return;
        }
        self.note(Event::Dropped { task: future.name });
        self.end_join(future.name, Join::Cancelled);
    }

    /// Drops everything that the current step waits for.
    fn leave(&mut self, future: &mut Future) {
        self.drop_waiting(std::mem::replace(&mut future.waiting, Waiting::Nothing));
    }

    fn drop_waiting(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::Await { wait, .. } => self.end_await(wait),
            Waiting::Recv(receiver) => self.receivers[receiver].is_here = true,
            Waiting::Limited { inner, limit } => {
                self.drop_waiting(*inner);
                self.cancel(limit.0);
            }
            Waiting::Sleep(sleep) | Waiting::Ticks { sleep, .. } => _ = self.cancel(sleep.0),
            Waiting::Timeout { inner: one, limit: other } | Waiting::Select(one, other) => {
                self.cancel(one.0);
                self.cancel(other.0);
            }
            Waiting::Join(task) => self.cancel_task(task),
            Waiting::Send { channel, message } => self.end_sending(channel, message),
            // A visit that is still queued finds nothing to do.
            Waiting::Visit(visit) => self.visits[visit] = Join::Cancelled,
            Waiting::Nothing | Waiting::Yield { .. } | Waiting::Refused => {}
        }
    }

    fn end_join(&mut self, task: usize, end: Join) {
        if let Join::Waiting(waiter) = std::mem::replace(&mut self.joins[task], end) {
            waiter.into_iter().for_each(|waiter| self.wake(waiter));
        }
    }

    pub(super) fn end_visit(&mut self, visit: usize, end: Join) {
        if let Join::Waiting(waiter) = std::mem::replace(&mut self.visits[visit], end) {
            waiter.into_iter().for_each(|waiter| self.wake(waiter));
        }
    }

    /// Whether the future that asked for the visit still exists.
    pub(super) fn is_wanted(&self, visit: &Visit) -> bool {
        !matches!(self.visits[visit.join], Join::Cancelled)
    }

    pub(super) fn visit(&mut self, visit: Visit) -> Run {
        if !self.is_wanted(&visit) {
            return Ok(());
        }
        self.state += 1;
        self.note(Event::Visited { state: self.state });
        visit.actions.iter().for_each(|action| self.act(action));
        self.end_visit(visit.join, if visit.panics { Join::Cancelled } else { Join::Done });
        if visit.panics { Err(Break::Panicked) } else { Ok(()) }
    }

    pub(super) fn drop_all_tasks(&mut self) {
        // All tasks are removed before the first is dropped.
        let all = std::mem::take(&mut self.tasks);
        all.into_values().flatten().for_each(|future| self.drop_future(future));
    }

    pub(super) fn wake_the_root_that_sleeps(&mut self) {
        if self.is_root_asleep {
            self.wake(Waiter::Root);
        }
    }

    pub(super) fn poll_task(&mut self, task: usize) -> Run {
        let Some(mut future) = self.tasks.get_mut(&task).and_then(Option::take) else { return Ok(()) };
        self.queued.remove(&Waiter::Task(task));
        match self.poll(&mut future, Waiter::Task(task)) {
            Ok(false) => {
                // A task that was cancelled meanwhile is dropped now.
                match self.tasks.get_mut(&task) {
                    Some(place) => *place = Some(future),
                    None => self.drop_future(future),
                }
                Ok(())
            }
            ended => {
                self.note(Event::Dropped { task });
                // A future that waits for this task is woken.
                self.tasks.remove(&task);
                self.end_join(task, if ended.is_ok() { Join::Done } else { Join::Cancelled });
                ended.map(drop)
            }
        }
    }

    pub(super) fn block_on(&mut self, steps: &[Step]) -> Run<RunResult> {
        let mut future = Future::new(Program::ROOT, steps);
        (self.is_root_there, self.is_root_woken) = (true, true);
        let ended = self.drive(&mut future);
        self.is_root_asleep = false;
        if ended != Ok(RunResult::Done) {
            self.drop_future(future);
        }
        (self.is_root_there, self.is_root_woken) = (false, false);
        self.forget_wakes(Waiter::Root);
        ended
    }

    fn drive(&mut self, future: &mut Future) -> Run<RunResult> {
        for _ in 0..TURNS_MAX {
            if std::mem::take(&mut self.is_root_woken) {
                self.forget_wakes(Waiter::Root);
                if self.poll(future, Waiter::Root)? {
                    return Ok(RunResult::Done);
                }
                self.is_root_asleep = future.sleeps();
            }
            if self.is_stopped {
                return Ok(RunResult::Stopped);
            }
            self.turn(None)?;
        }
        Err(Break::Endless)
    }

    /// Returns whether the future is done.
    fn poll(&mut self, future: &mut Future, waiter: Waiter) -> Run<bool> {
        loop {
            if matches!(future.waiting, Waiting::Nothing) {
                let Some(step) = future.steps.pop_front() else { return Ok(true) };
                match self.begin(step)? {
                    Begun::Answer(answer) => {
                        self.stepped(future, answer);
                        continue;
                    }
                    Begun::Waiting(waiting) => future.waiting = waiting,
                }
            }
            let Some(answer) = self.ask(&mut future.waiting, waiter) else { return Ok(false) };
            self.leave(future);
            self.stepped(future, answer);
        }
    }

    fn stepped(&mut self, future: &mut Future, answer: u64) {
        self.note(Event::Stepped { task: future.name, step: future.done, answer });
        future.done += 1;
    }

    fn sleep(&mut self, ns: u64) -> Option<Sleep> {
        let deadline_ns = self.now_ns + ns;
        Some((self.add_sleep(deadline_ns, false)?, deadline_ns))
    }

    fn begin_timeout(&mut self, limit_ns: u64, ns: u64) -> Begun {
        let Some(inner) = self.sleep(ns) else { return Begun::Answer(REFUSED) };
        Begun::Waiting(match self.sleep(limit_ns) {
            Some(limit) => Waiting::Timeout { inner, limit },
            None => {
                self.cancel(inner.0);
                Waiting::Refused
            }
        })
    }

    fn begin_select(&mut self, one_ns: u64, other_ns: u64) -> Begun {
        let Some(one) = self.sleep(one_ns) else { return Begun::Answer(REFUSED) };
        match self.sleep(other_ns) {
            Some(other) => Begun::Waiting(Waiting::Select(one, other)),
            None => {
                self.cancel(one.0);
                Begun::Answer(REFUSED)
            }
        }
    }

    fn begin_limited(&mut self, limit_ns: u64, step: Step) -> Run<Begun> {
        let Some(limit) = self.sleep(limit_ns) else { return Ok(Begun::Answer(REFUSED)) };
        match self.begin(step) {
            Ok(Begun::Waiting(inner)) => Ok(Begun::Waiting(Waiting::Limited { inner: Box::new(inner), limit })),
            other => {
                self.cancel(limit.0);
                other
            }
        }
    }

    /// The sleep of a step that only sleeps; `None` if the limit refuses it.
    fn begin_sleep(&mut self, step: &Step) -> Option<Sleep> {
        match *step {
            Step::SleepUntil(ns) => Some((self.add_sleep(ns.max(self.now_ns), false)?, ns)),
            Step::Reset(first_ns, second_ns) => {
                let (id, _) = self.sleep(first_ns)?;
                let deadline_ns = self.now_ns + second_ns;
                self.reschedule(id, deadline_ns);
                Some((id, deadline_ns))
            }
            Step::Sleep(ns) => self.sleep(ns),
            _ => unreachable!("the step does more than sleep"),
        }
    }

    fn begin(&mut self, step: Step) -> Run<Begun> {
        Ok(Begun::Waiting(match step {
            Step::Act(action) => {
                self.act(&action);
                return Ok(Begun::Answer(0));
            }
            Step::Sleep(_) | Step::SleepUntil(_) | Step::Reset(..) => match self.begin_sleep(&step) {
                Some(sleep) => Waiting::Sleep(sleep),
                None => return Ok(Begun::Answer(REFUSED)),
            },
            Step::Yield => Waiting::Yield { is_over: false },
            Step::With { actions, panics } => {
                let join = self.visits.len();
                self.visits.push(Join::Waiting(None));
                self.deferred.push_back(Visit { actions, panics, join });
                Waiting::Visit(join)
            }
            Step::Timeout(limit_ns, ns) => return Ok(self.begin_timeout(limit_ns, ns)),
            Step::Select(one_ns, other_ns) => return Ok(self.begin_select(one_ns, other_ns)),
            Step::Ticks { period_ns, missed, count } => {
                let deadline_ns = self.now_ns + period_ns;
                let Some(id) = self.add_sleep(deadline_ns, true) else { return Ok(Begun::Answer(REFUSED)) };
                Waiting::Ticks { sleep: (id, deadline_ns), period_ns, missed, left: count, sum: 0 }
            }
            Step::Join(n) => match self.take_handle(n) {
                Some(task) => Waiting::Join(task),
                None => return Ok(Begun::Answer(3)),
            },
            Step::Send(n) => {
                let Some(Some(channel)) = pick(&self.senders, n).copied() else { return Ok(Begun::Answer(3)) };
                self.queues[channel].senders += 1;
                let message = self.messages;
                self.messages += 1;
                Waiting::Send { channel, message }
            }
            Step::Await(flag) => {
                if !self.begin_await() {
                    return Ok(Begun::Answer(3));
                }
                Waiting::Await { flag, wait: Wait::default() }
            }
            Step::Recv(n, _) => {
                let count = self.receivers.len();
                let receiver = pick_mut(&mut self.receivers, n).filter(|receiver| receiver.is_here);
                let Some(receiver) = receiver else { return Ok(Begun::Answer(3)) };
                receiver.is_here = false;
                Waiting::Recv(n % count)
            }
            Step::Limited(limit_ns, step) => return self.begin_limited(limit_ns, *step),
            Step::Panic => return Err(Break::Panicked),
        }))
    }

    /// The answer for which the step has waited; `None` if the step has to wait longer.
    fn ask(&mut self, waiting: &mut Waiting, waiter: Waiter) -> Option<u64> {
        match waiting {
            Waiting::Await { flag, wait } => self.ask_await(*flag, wait, waiter),
            &mut Waiting::Recv(receiver) => {
                let message = self.ask_to_recv(self.receivers[receiver].queue, waiter)?;
                Some(message.map_or(NONE, |message| MESSAGES + message))
            }
            Waiting::Limited { inner, limit } => {
                if let Some(answer) = self.ask(inner, waiter) {
                    return Some(answer);
                }
                self.ask_sleep(limit, false, waiter).map(|is_over| if is_over { ELAPSED } else { REFUSED })
            }
            Waiting::Nothing => None,
            Waiting::Refused => Some(REFUSED),
            &mut Waiting::Send { channel, message } => {
                self.ask_to_send(channel, message, waiter).map(|sent| if sent { 1 } else { REFUSED })
            }
            Waiting::Yield { is_over } => {
                if std::mem::replace(is_over, true) {
                    return Some(0);
                }
                self.wake(waiter);
                None
            }
            Waiting::Sleep(sleep) => self.ask_sleep(sleep, false, waiter).map(|slept| if slept { 0 } else { REFUSED }),
            Waiting::Visit(visit) => ask_join(&mut self.visits[*visit], waiter),
            Waiting::Join(task) => ask_join(&mut self.joins[*task], waiter),
            Waiting::Timeout { inner, limit } => {
                if let Some(slept) = self.ask_sleep(inner, false, waiter) {
                    return Some(if slept { 1 } else { REFUSED });
                }
                self.ask_sleep(limit, false, waiter).map(|is_over| if is_over { 2 } else { REFUSED })
            }
            Waiting::Select(one, other) => {
                if self.ask_sleep(one, false, waiter).is_some() {
                    return Some(1);
                }
                self.ask_sleep(other, false, waiter).map(|_| 2)
            }
            Waiting::Ticks { sleep, period_ns, missed, left, sum } => {
                while *left > 0 {
                    if !self.ask_sleep(sleep, true, waiter)? {
                        return Some(REFUSED);
                    }
                    let is_on_time = self.now_ns <= sleep.1 + self.limits.slack_ns;
                    let served_ns = if is_on_time { sleep.1 } else { self.now_ns };
                    let next = missed.next(sleep.1, NonZeroU64::new(*period_ns)?, served_ns);
                    *sum += self.now_ns - sleep.1 + next.missed;
                    sleep.1 = next.deadline;
                    if !self.reschedule(sleep.0, sleep.1)
                        && let Some(id) = self.add_sleep(sleep.1, true)
                    {
                        sleep.0 = id;
                    }
                    *left -= 1;
                }
                Some(*sum)
            }
        }
    }

    /// Asks whether a sleep is over. Sets the sleep again if `clear` has removed its timer. Returns `Some(false)` if
    /// there is no room for that timer.
    fn ask_sleep(&mut self, sleep: &mut Sleep, is_kept: bool, waiter: Waiter) -> Option<bool> {
        let is_waiting = if is_kept { self.is_set(sleep.0, sleep.1) } else { self.timers.contains_key(&sleep.0) };
        if !is_waiting {
            if self.now_ns >= sleep.1 {
                return Some(true);
            }
            let Some(id) = self.add_sleep(sleep.1, is_kept) else { return Some(false) };
            sleep.0 = id;
        }
        self.set_waiting(sleep.0, Some(waiter));
        None
    }
}

fn ask_join(join: &mut Join, waiter: Waiter) -> Option<u64> {
    match join {
        Join::Waiting(place) => {
            *place = Some(waiter);
            None
        }
        Join::Done => Some(1),
        Join::Cancelled => Some(2),
    }
}

impl Future {
    fn new(name: usize, steps: &[Step]) -> Self {
        Self { name, steps: steps.iter().cloned().collect(), done: 0, waiting: Waiting::Nothing }
    }

    fn sleeps(&self) -> bool {
        use Waiting::*;
        matches!(self.waiting, Sleep(_) | Timeout { .. } | Select(..) | Ticks { .. } | Limited { .. })
    }
}
