//! The model: a simple implementation of what docs/rust.md describes, for a loop on virtual time. Timers, tasks and
//! channels are in plain collections of the standard library.
//!
//! ```text
//!   turn:  posts ──► visits ──► timers ──► the descriptor ──► channels and tasks that were woken
//!                                                              nothing served? ──► idle callbacks
//! ```
//!
//! A visit is a call of `with`: a future passes a closure, and a later turn calls the closure with the user's state.

mod channels;
mod futures;
mod timers;
mod watched;

use crate::program::{Action, Body, End, Event, Limits, LogEntry, NONE, Operation, REFUSED, RunResult};
use cogloop_proptests::turn_share::TurnShare;
use futures::{Future, Join, Visit};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use timers::Timer;
use watched::Descriptor;

/// The limit of turns in one operation. An operation that ends needs fewer.
const TURNS_MAX: usize = 1_000;
/// The limit of actions in one operation. Intervals that make intervals would grow without bound.
const ACTIONS_MAX: usize = 1_000;

/// The future or channel that a wake is for.
#[derive(Copy, Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Waiter {
    Root,
    Task(usize),
    Channel(usize),
}

/// Why a run is aborted.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Break {
    Failed,
    Panicked,
    /// The operation would wait or continue for ever, so it is not tried on the real loop.
    Endless,
}

type Run<T = ()> = Result<T, Break>;

#[derive(Clone, Debug)]
struct Channel {
    body: Body,
    is_running: bool,
}

/// The messages of a channel, which its senders share.
#[derive(Clone, Debug)]
struct Queue {
    messages: VecDeque<u64>,
    capacity: usize,
    senders: usize,
    is_closed: bool,
    /// The messages that wait for room, each with the future that sends it.
    waiting: VecDeque<(u64, Waiter)>,
    /// The messages for which there is room now.
    granted: BTreeSet<u64>,
    /// For a channel for futures: the future that polled the channel last.
    receiver: Option<Waiter>,
}

/// A receiver of a channel for futures.
#[derive(Copy, Clone, Debug)]
struct Receiver {
    queue: usize,
    /// Whether the receiver is in its place: no step uses it, and it was not dropped.
    is_here: bool,
}

impl Queue {
    fn has_room(&self) -> bool {
        self.messages.len() + self.granted.len() < self.capacity
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    limits: Limits,
    now_ns: u64,
    /// The time at which the turn's wait ended.
    turn_ns: u64,
    log: Vec<LogEntry>,
    /// All timers, also those of sleeps. `timer_names` has the timers with callbacks.
    timers: BTreeMap<u64, Timer>,
    timer_names: Vec<u64>,
    timers_made: u64,
    /// Counts how often timers were armed.
    armings: u64,
    due: VecDeque<(u64, u64)>,
    /// The tasks by number; `None` while a task is polled.
    tasks: BTreeMap<usize, Option<Future>>,
    /// Whether the program holds the task's handle.
    handles: Vec<bool>,
    joins: Vec<Join>,
    visits: Vec<Join>,
    deferred: VecDeque<Visit>,
    channels: BTreeMap<usize, Channel>,
    queues: Vec<Queue>,
    senders: Vec<Option<usize>>,
    receivers: Vec<Receiver>,
    /// The idle callbacks, by number.
    idles: BTreeMap<usize, Body>,
    idles_made: usize,
    /// The order in which the real loop has called the idle callbacks in this operation; empty if it is not known.
    idle_order: VecDeque<usize>,
    messages: u64,
    watched: Option<Descriptor>,
    /// The number of watched objects so far.
    watches: u64,
    has_made_source: bool,
    timers_share: TurnShare,
    /// Whether each remote keeps the loop going; `None` if it was dropped.
    remotes: Vec<Option<bool>>,
    mail: VecDeque<(usize, Body)>,
    posts: usize,
    woken: VecDeque<Waiter>,
    batch: VecDeque<Waiter>,
    queued: BTreeSet<Waiter>,
    /// Whether a `block_on` runs.
    is_root_there: bool,
    is_root_woken: bool,
    /// Whether the future of `block_on` waits for a timer.
    is_root_asleep: bool,
    is_stopped: bool,
    state: u64,
    /// The number of actions in this operation.
    actions: usize,
}

impl Model {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            now_ns: 0,
            turn_ns: 0,
            log: Vec::new(),
            timers: BTreeMap::new(),
            timer_names: Vec::new(),
            timers_made: 0,
            armings: 0,
            due: VecDeque::new(),
            tasks: BTreeMap::new(),
            handles: Vec::new(),
            joins: Vec::new(),
            visits: Vec::new(),
            deferred: VecDeque::new(),
            channels: BTreeMap::new(),
            queues: Vec::new(),
            senders: Vec::new(),
            receivers: Vec::new(),
            idles: BTreeMap::new(),
            idles_made: 0,
            idle_order: VecDeque::new(),
            messages: 0,
            watched: None,
            watches: 0,
            has_made_source: false,
            timers_share: TurnShare::default(),
            remotes: Vec::new(),
            mail: VecDeque::new(),
            posts: 0,
            woken: VecDeque::new(),
            batch: VecDeque::new(),
            queued: BTreeSet::new(),
            is_root_there: false,
            is_root_woken: false,
            is_root_asleep: false,
            is_stopped: false,
            state: 0,
            actions: 0,
        }
    }

    fn note(&mut self, what: Event) {
        self.log.push((self.now_ns, what));
    }

    pub(crate) fn take_log(&mut self) -> Vec<LogEntry> {
        std::mem::take(&mut self.log)
    }

    /// Returns `None` if the operation would never end. `idle_order` is the order in which the real loop has called
    /// idle callbacks in this operation; it is empty before the real loop has run.
    pub(crate) fn apply(&mut self, operation: &Operation, idle_order: VecDeque<usize>) -> Option<()> {
        self.idle_order = idle_order;
        self.is_stopped &= matches!(operation, Operation::Act(_));
        self.actions = 0;
        let ended = match operation {
            Operation::Act(action) => {
                self.act(action);
                Ok(RunResult::Done)
            }
            Operation::Poll => self.turn(Some(0)).map(|()| RunResult::Left(!self.is_idle())),
            Operation::RunFor(ns) => self.run_to(self.now_ns + ns).map(|()| RunResult::Done),
            Operation::RunUntil(ns) => self.run_to(*ns).map(|()| RunResult::Done),
            Operation::NextTimeout => {
                let is_due = self.has_work() || self.has_due() || self.has_mark();
                let timeout = self.next_deadline().map(|next| next.saturating_sub(self.now_ns));
                self.note(Event::Answer(if is_due { 0 } else { timeout.unwrap_or(NONE) }));
                Ok(RunResult::Done)
            }
            Operation::Run => self.run_to_the_end().map(|()| RunResult::Done),
            Operation::BlockOn(steps) => self.block_on(steps),
        };
        let ended = match ended {
            Ok(ended) => ended,
            Err(Break::Failed) => RunResult::Failed,
            Err(Break::Panicked) => RunResult::Panicked,
            Err(Break::Endless) => return None,
        };
        self.note(Event::Ended(ended));
        self.note(Event::Counts { timers: self.timers.len(), tasks: self.tasks.len() });
        Some(())
    }

    fn run_to(&mut self, end_ns: u64) -> Run {
        for _ in 0..TURNS_MAX {
            let left_ns = end_ns.saturating_sub(self.now_ns);
            self.turn(Some(left_ns))?;
            if self.is_stopped || left_ns == 0 {
                return Ok(());
            }
        }
        Err(Break::Endless)
    }

    fn run_to_the_end(&mut self) -> Run {
        for _ in 0..TURNS_MAX {
            if self.is_stopped || self.is_idle() {
                return Ok(());
            }
            self.turn(None)?;
        }
        Err(Break::Endless)
    }

    fn is_idle(&self) -> bool {
        !self.has_work()
            && self.timers.values().all(|timer| !timer.keeps_the_loop())
            && self.tasks.is_empty()
            && self.channels.is_empty()
            && !self.remotes.contains(&Some(true))
            && !self.has_referenced_source()
    }

    fn has_work(&self) -> bool {
        let has_woken = self.batch.iter().chain(&self.woken).any(|&waiter| self.is_there(waiter));
        let has_visits = self.deferred.iter().any(|visit| self.is_wanted(visit));
        has_visits || has_woken || !self.mail.is_empty() || !self.idles.is_empty()
    }

    /// Waits for the first event, at most `most_ns`. Then serves everything that is due or ready, up to the limits.
    /// If nothing is served, calls the idle callbacks.
    fn turn(&mut self, most_ns: Option<u64>) -> Run {
        self.keep_mark();
        if !self.has_work() && !self.has_due() && self.ready().is_none() && !self.has_mark() {
            self.now_ns = match (self.next_deadline(), most_ns) {
                (Some(next), Some(most)) => next.max(self.now_ns).min(self.now_ns + most),
                (Some(next), None) => next.max(self.now_ns),
                (None, Some(most)) => self.now_ns + most,
                (None, None) => return Err(Break::Endless),
            };
        }
        self.turn_ns = self.now_ns;
        self.find_due();
        let ready = self.find_ready();
        let served = self.serve_posts()? + self.serve_timers()? + self.serve_descriptor(ready)? + self.serve_woken()?;
        if served == 0 { self.serve_idle() } else { Ok(()) }
    }

    /// Calls each idle callback that exists now, once.
    fn serve_idle(&mut self) -> Run {
        let mut round: Vec<_> = self.idles.keys().copied().collect();
        while !self.is_stopped {
            let next = self.idle_order.front().and_then(|next| round.iter().position(|idle| idle == next));
            let Some(idle) = next.map(|next| round.remove(next)).or_else(|| round.pop()) else { break };
            let Some(body) = self.idles.get(&idle).cloned() else { continue };
            self.idle_order.pop_front();
            self.state += 1;
            self.note(Event::Idled { idle });
            let ended = self.body(&body);
            if ended != Ok(true) {
                self.idles.remove(&idle);
            }
            ended?;
        }
        Ok(())
    }

    /// Serves posts and visits, and returns their number. The other parts of the turn also return how many they served.
    fn serve_posts(&mut self) -> Run<usize> {
        let mut served = 0;
        let (posts, visits) = (self.mail.len(), self.deferred.len());
        for _ in 0..posts.min(self.limits.callbacks) {
            if self.is_stopped {
                break;
            }
            let Some((post, body)) = self.mail.pop_front() else { break };
            self.state += 1;
            self.note(Event::Posted { post });
            self.body(&body)?;
            served += 1;
        }
        let mut left = self.limits.callbacks;
        for _ in 0..visits {
            if self.is_stopped || left == 0 {
                break;
            }
            let Some(visit) = self.deferred.pop_front() else { break };
            let is_wanted = self.is_wanted(&visit);
            left -= usize::from(is_wanted);
            self.visit(visit)?;
            served += usize::from(is_wanted);
        }
        Ok(served)
    }

    /// Serves the wakes that were queued when this part began. Wakes that an earlier turn left come first.
    fn serve_woken(&mut self) -> Run<usize> {
        self.batch.append(&mut self.woken);
        let (mut left, mut served) = (self.limits.callbacks, 0);
        while left > 0 && !self.is_stopped {
            let Some(waiter) = self.batch.pop_front() else { break };
            // A wake whose future or channel is gone does not count.
            let is_there = self.is_there(waiter);
            left -= usize::from(is_there);
            served += usize::from(is_there);
            match waiter {
                Waiter::Root => self.is_root_woken = true,
                Waiter::Task(task) => self.poll_task(task)?,
                Waiter::Channel(channel) => self.serve_channel(channel)?,
            }
        }
        Ok(served)
    }

    /// Drops the wakes of a waiter that has been served or is gone.
    fn forget_wakes(&mut self, waiter: Waiter) {
        self.queued.remove(&waiter);
        self.batch.retain(|&other| other != waiter);
        self.woken.retain(|&other| other != waiter);
    }

    fn is_there(&self, waiter: Waiter) -> bool {
        match waiter {
            Waiter::Root => self.is_root_there,
            Waiter::Task(task) => self.tasks.contains_key(&task),
            Waiter::Channel(channel) => self.channels.contains_key(&channel),
        }
    }

    fn serve_channel(&mut self, channel: usize) -> Run {
        let Some(served) = self.channels.get_mut(&channel).filter(|channel| !channel.is_running) else { return Ok(()) };
        served.is_running = true;
        self.queued.remove(&Waiter::Channel(channel));
        let body = served.body.clone();
        let left = self.queues[channel].messages.len().clamp(1, self.limits.callbacks);
        let ended = self.serve_messages(channel, &body, left);
        if ended == Ok(true) {
            let Some(served) = self.channels.get_mut(&channel) else { return Ok(()) };
            served.is_running = false;
            if !self.queues[channel].messages.is_empty() {
                self.wake(Waiter::Channel(channel));
            }
            return Ok(());
        }
        self.channels.remove(&channel);
        self.close_queue(channel);
        ended.map(drop)
    }

    /// Returns whether the channel continues.
    fn serve_messages(&mut self, channel: usize, body: &Body, left: usize) -> Run<bool> {
        for _ in 0..left {
            if let Some(message) = self.queues[channel].messages.pop_front() {
                self.grant(channel);
                let is_end = self.queues[channel].messages.is_empty() && self.queues[channel].senders == 0;
                if !self.message(channel, body, Some(message), is_end)? {
                    return Ok(false);
                }
            } else if self.queues[channel].senders == 0 {
                return self.message(channel, body, None, false).map(|_| false);
            }
            if self.is_stopped || !self.channels.contains_key(&channel) {
                break;
            }
        }
        Ok(true)
    }

    /// Calls the callback. `None` tells the callback that there will be no more messages. If `is_end`, `message` is the
    /// last one, and a callback that continues is called again with `None`. Returns whether the channel continues.
    fn message(&mut self, channel: usize, body: &Body, message: Option<u64>, is_end: bool) -> Run<bool> {
        self.state += 1;
        self.note(Event::Message { channel, message });
        let goes_on = self.body(body)?;
        if goes_on && is_end && self.channels.contains_key(&channel) {
            return self.message(channel, body, None, false).map(|_| false);
        }
        Ok(goes_on)
    }

    /// Runs a body. Returns whether its callback continues.
    fn body(&mut self, body: &Body) -> Run<bool> {
        self.actions += body.actions.len() + 1;
        if self.actions > ACTIONS_MAX {
            return Err(Break::Endless);
        }
        body.actions.iter().for_each(|action| self.act(action));
        match body.end {
            End::Continue => Ok(true),
            End::Break => Ok(false),
            End::Fail => Err(Break::Failed),
            End::Panic => Err(Break::Panicked),
        }
    }

    fn wake(&mut self, waiter: Waiter) {
        // A wake for a future that is gone has no effect.
        if self.is_there(waiter) && self.queued.insert(waiter) {
            self.woken.push_back(waiter);
        }
    }

    fn act(&mut self, action: &Action) {
        use Action as A;
        match action {
            A::After { .. }
            | A::Every { .. }
            | A::At { .. }
            | A::Cancel(_)
            | A::Reschedule(..)
            | A::RescheduleAt(..) => {
                self.act_on_timers(action);
            }
            A::Remaining(_) | A::IsActive(_) | A::Pause(_) | A::Resume(_) | A::Unref(_) | A::Ref(_) => {
                self.act_on_timers(action);
            }
            A::Spawn(_) | A::DropTask(_) | A::Detach(_) | A::IsFinished(_) => self.act_on_tasks(action),
            A::Idle(_) | A::CancelIdle(_) => self.act_on_idles(action),
            A::Channel(..) | A::Send(_) | A::CloneSender(_) | A::DropSender(_) | A::IsClosed(_) => {
                self.act_on_channels(action);
            }
            A::Pair(_) | A::TryRecv(_) | A::DropReceiver(_) => self.act_on_receivers(action),
            A::Watch(_) | A::Source(..) | A::OnSource(_) | A::MakeReady(_) | A::DropWatched => {
                self.act_on_descriptors(action);
            }
            A::Remote { .. } | A::Post(..) | A::DropRemote(_) => self.act_on_remotes(action),
            A::Advance(ns) => self.now_ns += ns,
            A::Stop => self.is_stopped = true,
            A::Clear => self.clear(),
        }
    }

    fn act_on_idles(&mut self, action: &Action) {
        match action {
            Action::Idle(body) => {
                self.idles.insert(self.idles_made, body.clone());
                self.idles_made += 1;
            }
            Action::CancelIdle(n) => {
                let Some(idle) = n.checked_rem(self.idles_made) else { return };
                let is_cancelled = self.idles.remove(&idle).is_some();
                self.note(Event::Answer(is_cancelled.into()));
            }
            _ => unreachable!("{action:?} is not for idle callbacks"),
        }
    }

    fn act_on_remotes(&mut self, action: &Action) {
        match action {
            Action::Remote { is_counted } => self.remotes.push(Some(*is_counted)),
            Action::Post(n, body) => {
                let Some(Some(_)) = pick(&self.remotes, *n) else { return };
                let (post, is_allowed) = (self.posts, self.mail.len() < self.limits.posts);
                self.posts += 1;
                if is_allowed {
                    self.mail.push_back((post, body.clone()));
                }
                self.note(Event::Answer(if is_allowed { 1 } else { REFUSED }));
            }
            Action::DropRemote(n) => _ = pick_mut(&mut self.remotes, *n).and_then(Option::take),
            _ => unreachable!("{action:?} is not for remotes"),
        }
    }

    fn clear(&mut self) {
        let before = self.log.len();
        self.timers.clear();
        self.due.clear();
        self.idles.clear();
        for channel in std::mem::take(&mut self.channels).into_keys() {
            self.close_queue(channel);
        }
        self.mail.clear();
        let visits = std::mem::take(&mut self.deferred);
        self.drop_all_tasks();
        visits.into_iter().for_each(|visit| self.end_visit(visit.join, Join::Cancelled));
        // If the future of `block_on` sleeps, it has to notice that its timer is gone.
        self.wake_the_root_that_sleeps();
        self.clear_watched();
        self.log[before..].sort();
    }
}

fn pick<T>(table: &[T], n: usize) -> Option<&T> {
    table.get(n.checked_rem(table.len())?)
}

fn pick_mut<T>(table: &mut [T], n: usize) -> Option<&mut T> {
    let length = table.len();
    table.get_mut(n.checked_rem(length)?)
}
