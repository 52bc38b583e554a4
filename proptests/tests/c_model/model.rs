//! The model: a simple implementation of what docs/c.md and the header describe.
//!
//! ```text
//!   turn:  idle and prepare hooks ──► wait ──► check hooks ──► timers, by deadline, then arming ──► watches ──► posts
//! ```

mod ends;
mod turn;

use crate::program::{Call, EDGE, EXACT, Event, HandleRef, NEVER, PIPES, Planned, Program, Target};
use cogloop_engine::Missed;
use cogloop_proptests::turn_share::TurnShare;
use std::collections::VecDeque;
use std::iter::successors;
use std::num::NonZeroU64;

/// The number of calls that one call of a program may lead to, through callbacks. A call that needs more counts as
/// endless.
const CALLS_MAX: usize = 500;
/// A higher limit, for a call that has ended in the library. In the library's order the model may need more calls than
/// in the orders that [`Model::ends`] has tried.
const CALLS_MAX_KNOWN: usize = 100 * CALLS_MAX;

const OK: i32 = 0;
const ARGUMENT: i32 = -1;
const STALE: i32 = -2;
const THREAD: i32 = -3;
const RUNNING: i32 = -4;
const LIMIT: i32 = -5;
const UNSUPPORTED: i32 = -7;

/// The call would wait or continue for ever, so it is not tried on the library.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Endless;

type Run<T = ()> = Result<T, Endless>;

#[derive(Clone, Debug)]
struct Timer {
    of: usize,
    /// The scheduled time and the order of arming. `None` if the timer is paused or stopped; `left_ns` of a paused
    /// timer has the remaining time.
    armed: Option<(u64, u64)>,
    left_ns: Option<u64>,
    /// Whether the timer is stopped, and does not end, when it has fired.
    is_kept: bool,
    is_referenced: bool,
    period: Option<(NonZeroU64, Missed)>,
    slack_ns: u64,
    body: usize,
    tells_end: bool,
    is_live: bool,
}

impl Timer {
    /// The time at which the timer fires, rounded up to a tick. Without slack it is the scheduled time. With slack,
    /// take the greatest power of ten that is not above the slack. Among the multiples of that power within the slack,
    /// the time is the multiple that is divisible by the highest power of two.
    fn moment(&self, known: &Loop, scheduled_ns: u64) -> u64 {
        let powers_of_ten = successors(Some(1_u64), |power| power.checked_mul(10));
        let unit_ns = powers_of_ten.take_while(|&power| power <= self.slack_ns).last().unwrap_or(1);
        let last = scheduled_ns.saturating_add(self.slack_ns) / unit_ns;
        let mut rounded_ns = (0..u64::BITS).rev().map(|bits| (last >> bits << bits) * unit_ns);
        known.deadline(rounded_ns.find(|&ns| ns >= scheduled_ns).unwrap_or(scheduled_ns))
    }
}

#[derive(Clone, Debug)]
struct Watch {
    of: usize,
    pipe: usize,
    reads: bool,
    mode: i32,
    /// Whether the watch was reported and is silent for now.
    is_silent: bool,
    is_referenced: bool,
    body: usize,
    tells_end: bool,
    is_live: bool,
}

impl Watch {
    fn is_wanted(&self) -> bool {
        self.is_live && self.reads && !self.is_silent
    }
}

#[derive(Clone, Debug)]
struct Hook {
    of: usize,
    when: i32,
    body: usize,
    is_live: bool,
}

/// A timer or watch whose callback runs.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Serving {
    Timer(usize),
    Watch(usize),
}

#[derive(Clone, Debug, Default)]
struct Loop {
    tick_ns: u64,
    slack_ns: u64,
    timers_max: usize,
    served_max: usize,
    now_ns: u64,
    turn_ns: u64,
    /// The numbers of the due timers, each with its order of arming.
    due: VecDeque<(usize, u64)>,
    posts: VecDeque<usize>,
    is_woken: bool,
    is_running: bool,
    is_stopped: bool,
    is_freed: bool,
    /// Whether the loop belongs to no thread.
    is_released: bool,
    /// The number of walks that are visiting the loop's timers and watches.
    walks: usize,
    /// The time of the last reading. Delays count from it if `is_cached`.
    cached_ns: u64,
    is_cached: bool,
    is_kept_alive: bool,
    turns: u64,
    timer_calls: u64,
    watch_calls: u64,
    post_calls: u64,
    late_ns_max: u64,
    serving: Option<Serving>,
    /// The end event of the timer or watch whose callback is running. `Some` if it has ended in that callback.
    deferred_end: Option<Event>,
    timers_share: TurnShare,
    watches_share: TurnShare,
}

const POLICIES: [Missed; 3] = [Missed::Skip, Missed::Burst, Missed::Delay];

/// The default length of a tick.
const TICK_NS: u64 = 1_000;

impl Loop {
    /// The first tick that is not before the scheduled time. A timer reports this time as its deadline, and without
    /// slack it fires then.
    fn deadline(&self, scheduled_ns: u64) -> u64 {
        if scheduled_ns == NEVER { NEVER } else { scheduled_ns.next_multiple_of(self.tick_ns) }
    }

    /// The time from which delays count.
    fn start_ns(&self) -> u64 {
        if self.is_cached { self.cached_ns } else { self.now_ns }
    }

    /// The start of the tick that contains `ns`.
    fn begun(&self, ns: u64) -> u64 {
        ns / self.tick_ns * self.tick_ns
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    bodies: Vec<Vec<Call>>,
    loops: Vec<Loop>,
    timers: Vec<Timer>,
    watches: Vec<Watch>,
    /// The watches in the order in which their handles were given out. This is not the order of `watches`: a watch that
    /// replaces an older one is made before the older one ends, and its handle is given out afterwards.
    watch_handles: Vec<usize>,
    hooks: Vec<Hook>,
    bytes: [usize; PIPES],
    armings: u64,
    calls_left: usize,
    /// The number of running callbacks whose order the library chooses.
    in_open_order: usize,
    log: Vec<Event>,
    /// The events that this call has had in the library, as far as their order is not specified.
    order: VecDeque<Event>,
    /// Whether the last item is taken first if the library's order is not known.
    is_reversed: bool,
}

fn has_open_order(event: &Event) -> bool {
    use Event::{Ready, TimerEnded, VisitedTimer, VisitedWatch, WatchEnded};
    matches!(event, Ready { .. } | TimerEnded { .. } | WatchEnded { .. } | VisitedTimer { .. } | VisitedWatch { .. })
}

impl Model {
    pub(crate) fn new(program: &Program) -> Self {
        Self {
            bodies: program.bodies.clone(),
            loops: Vec::new(),
            timers: Vec::new(),
            watches: Vec::new(),
            watch_handles: Vec::new(),
            hooks: Vec::new(),
            bytes: [0; PIPES],
            armings: 0,
            calls_left: 0,
            in_open_order: 0,
            log: Vec::new(),
            order: VecDeque::new(),
            is_reversed: false,
        }
    }

    /// Returns the events of a call, or an error if the call would never end. In three cases the order is not
    /// specified, and the model follows the library: for several ready descriptors, in a walk, and for the ends when a
    /// loop is freed. The library also chooses which ready descriptors a turn leaves to the next turn.
    pub(crate) fn call(&mut self, call: &Call, mut order: VecDeque<Event>) -> Run<Vec<Event>> {
        order.retain(has_open_order);
        (self.calls_left, self.order) = (CALLS_MAX_KNOWN, order);
        self.act(call)?;
        Ok(std::mem::take(&mut self.log))
    }

    /// Whether the call ends in one order and also in the opposite one.
    pub(crate) fn ends(&self, call: &Call) -> bool {
        [false, true].into_iter().all(|is_reversed| {
            let order = VecDeque::new();
            let mut tried = Self { calls_left: CALLS_MAX, order, is_reversed, ..self.clone() };
            tried.act(call).is_ok()
        })
    }

    fn note(&mut self, event: Event) {
        if self.order.front() == Some(&event) {
            self.order.pop_front();
        }
        self.log.push(event);
    }

    /// Takes the item whose event comes next in the library. If there is none, takes the first or the last item.
    fn take_next<T>(&self, list: &mut Vec<T>, event_of: impl Fn(&Self, &T) -> Event) -> Option<T> {
        let next = list.iter().position(|item| self.order.front() == Some(&event_of(self, item)));
        let unknown = if self.is_reversed { list.len().saturating_sub(1) } else { 0 };
        (!list.is_empty()).then(|| list.remove(next.unwrap_or(unknown)))
    }

    fn code(&mut self, code: i32) {
        self.note(Event::Code(code));
    }

    fn log_output(&mut self, output: u64) {
        self.code(OK);
        self.note(Event::Output(output));
    }

    /// The live loop that a handle names, or the error code if there is none.
    fn loop_of(&self, name: HandleRef) -> Result<usize, i32> {
        let n = self.loop_of_any_thread(name)?;
        if self.loops[n].is_released { Err(THREAD) } else { Ok(n) }
    }

    /// Like [`Self::loop_of`], for calls that any thread may make.
    fn loop_of_any_thread(&self, name: HandleRef) -> Result<usize, i32> {
        let n = nth(name, self.loops.len())?;
        if self.loops[n].is_freed { Err(STALE) } else { Ok(n) }
    }

    fn timer_of(&self, name: HandleRef) -> Result<usize, i32> {
        self.part(name, self.timers.len(), |n| (self.timers[n].of, self.timers[n].is_live))
    }

    fn watch_of(&self, name: HandleRef) -> Result<usize, i32> {
        let watch_of_handle = |n: usize| &self.watches[self.watch_handles[n]];
        let found = self.part(name, self.watch_handles.len(), |n| (watch_of_handle(n).of, watch_of_handle(n).is_live));
        found.map(|n| self.watch_handles[n])
    }

    fn hook_of(&self, name: HandleRef) -> Result<usize, i32> {
        self.part(name, self.hooks.len(), |n| (self.hooks[n].of, self.hooks[n].is_live))
    }

    /// The live object that `name` names, among `count` objects. `state` returns the loop of an object, and whether the
    /// object is live. The loop's thread is checked before the object: a forged handle still names a loop.
    fn part(&self, name: HandleRef, count: usize, state: impl Fn(usize) -> (usize, bool)) -> Result<usize, i32> {
        let named = if let HandleRef::Forged(n) = name { HandleRef::Nth(n) } else { name };
        let n = nth(named, count)?;
        let (of, is_live) = state(n);
        if self.loops[of].is_released {
            return Err(THREAD);
        }
        if is_live && matches!(name, HandleRef::Nth(_)) { Ok(n) } else { Err(STALE) }
    }

    fn adopt(&mut self, n: usize, call: &Call) {
        let known = &mut self.loops[n];
        let (was_released, now_ns) = (known.is_released, known.now_ns);
        known.is_released &= matches!(call, Call::Visit(_));
        match call {
            _ if !was_released => self.code(THREAD),
            Call::Visit(_) => self.log_output(now_ns),
            _ => self.code(OK),
        }
    }

    fn watch_handle(&self, watch: usize) -> Option<usize> {
        self.watch_handles.iter().position(|&known| known == watch)
    }

    fn body_in_open_order(&mut self, body: usize) -> Run {
        self.in_open_order += 1;
        self.body(body)?;
        self.in_open_order -= 1;
        Ok(())
    }

    fn body(&mut self, body: usize) -> Run {
        for call in self.bodies[body].clone() {
            self.act(&call)?;
        }
        Ok(())
    }

    fn act(&mut self, call: &Call) -> Run {
        self.calls_left = self.calls_left.checked_sub(1).ok_or(Endless)?;
        if self.in_open_order > 0 && call.may_wait_for_ever() {
            return Ok(());
        }
        if call.has_invalid_argument() {
            self.code(ARGUMENT);
            return Ok(());
        }
        let found = match call.target() {
            Target::Nothing => {
                self.act_alone(call);
                return Ok(());
            }
            Target::LoopOfAnyThread(name) => return self.act_from_any_thread(name, call),
            Target::Loop(name) => self.loop_of(name),
            Target::Hook(name) => self.hook_of(name),
            Target::Timer(name) => self.timer_of(name),
            Target::Watch(name) => self.watch_of(name),
        };
        match (found, call.target()) {
            (Err(code), _) => self.code(code),
            (Ok(timer), Target::Timer(_)) => return self.act_on_timer(timer, call),
            (Ok(watch), Target::Watch(_)) => return self.act_on_watch(watch, call),
            (Ok(hook), Target::Hook(_)) => {
                self.hooks[hook].is_live = false;
                self.code(OK);
            }
            (Ok(of), _) => return self.act_on_loop(of, call),
        }
        Ok(())
    }

    fn act_alone(&mut self, call: &Call) {
        match *call {
            Call::New { resolution_ns, timers_max, served_max, is_cached, slack_ns } => {
                let of = |limit: u32| if limit == 0 { usize::MAX } else { limit as usize };
                let tick_ns = if resolution_ns == 0 { TICK_NS } else { resolution_ns };
                let (timers_max, served_max) = (of(timers_max), of(served_max));
                self.loops.push(Loop { tick_ns, timers_max, served_max, is_cached, slack_ns, ..Loop::default() });
                self.code(OK);
            }
            Call::Write(pipe) => self.bytes[pipe] += 1,
            Call::Read(pipe) => self.bytes[pipe] = self.bytes[pipe].saturating_sub(1),
            _ => unreachable!("{call:?} acts on an object"),
        }
    }

    fn act_from_any_thread(&mut self, name: HandleRef, call: &Call) -> Run {
        let is_adoption = matches!(call, Call::Adopt(_) | Call::Visit(_));
        if matches!(name, HandleRef::Foreign) && !is_adoption {
            self.code(OK);
            return Ok(());
        }
        match self.loop_of_any_thread(name) {
            Err(code) => self.code(code),
            Ok(of) if is_adoption => self.adopt(of, call),
            Ok(of) => return self.act_on_loop(of, call),
        }
        Ok(())
    }

    fn act_on_watch(&mut self, n: usize, call: &Call) -> Run {
        let watch = &mut self.watches[n];
        match *call {
            Call::Remove(_) => self.end_watch(n)?,
            // A change of interest lets the watch report again, in each mode.
            Call::Set(_, directions) => (watch.reads, watch.is_silent) = (directions & 1 != 0, false),
            Call::Drained(_, directions) => watch.is_silent &= watch.mode != EDGE || directions & 1 == 0,
            Call::SetWatchCallback(_, body) => watch.body = body,
            Call::OnEndOfWatch(_, has_end_function) => watch.tells_end = has_end_function,
            Call::RefWatch(_) | Call::UnrefWatch(_) => watch.is_referenced = matches!(call, Call::RefWatch(_)),
            _ => {}
        }
        let watch = &self.watches[n];
        match call {
            Call::WatchCallback(_) => self.log_output(watch.body as u64),
            // The pipe's other end is open, and this end is for reading only.
            Call::Conditions(_) => self.log_output((self.bytes[watch.pipe] > 0).into()),
            _ => self.code(OK),
        }
        Ok(())
    }

    fn act_on_timer(&mut self, n: usize, call: &Call) -> Run {
        let timer = &mut self.timers[n];
        let (known, arming) = (&self.loops[timer.of], self.armings);
        let now_ns = known.now_ns;
        let left = |(scheduled_ns, _)| known.deadline(scheduled_ns).saturating_sub(now_ns);
        let left_ns = timer.armed.map(left).or(timer.left_ns);
        let deadline_ns = timer.armed.map_or(NEVER, |(scheduled_ns, _)| known.deadline(scheduled_ns));
        match *call {
            Call::Cancel(_) => {}
            Call::OnEnd(_, has_end_function) => timer.tells_end = has_end_function,
            Call::Reschedule(_, ns) => timer.armed = Some((known.start_ns().saturating_add(ns), arming)),
            Call::SetCallback(_, body) => timer.body = body,
            Call::Pause(_) => (timer.armed, timer.left_ns) = (None, left_ns),
            Call::StopTimer(_) => (timer.armed, timer.left_ns) = (None, None),
            Call::Resume(_) if timer.armed.is_none() => {
                timer.armed = left_ns.map(|left_ns| (now_ns.saturating_add(left_ns), arming));
            }
            Call::Ref(_) | Call::Unref(_) => timer.is_referenced = matches!(call, Call::Ref(_)),
            _ => {}
        }
        self.armings += 1;
        if matches!(call, Call::Cancel(_)) {
            self.end_timer(n)?;
        }
        match call {
            Call::Remaining(_) => {
                let left_ns = left_ns.filter(|&left_ns| now_ns.saturating_add(left_ns) != NEVER);
                self.log_output(left_ns.unwrap_or(NEVER));
            }
            Call::Deadline(_) => self.log_output(deadline_ns),
            Call::Callback(_) => self.log_output(self.timers[n].body as u64),
            _ => self.code(OK),
        }
        Ok(())
    }

    fn act_on_loop(&mut self, n: usize, call: &Call) -> Run {
        match *call {
            Call::Free(_) => self.free(n)?,
            Call::Release(_) => {
                let is_in_use = self.loops[n].is_running || self.loops[n].walks > 0;
                self.loops[n].is_released = !is_in_use;
                self.code(if is_in_use { RUNNING } else { OK });
                return Ok(());
            }
            Call::Walk(_, body) => {
                self.loops[n].walks += 1;
                self.walk(n, body)?;
                self.loops[n].walks -= 1;
            }
            Call::NextTimeout(_) => {
                let timeout_ns = self.next_timeout(n);
                self.log_output(timeout_ns);
                return Ok(());
            }
            Call::Pollable(_) => {
                self.code(UNSUPPORTED);
                return Ok(());
            }
            Call::Hook(_, when, body) => self.hooks.push(Hook { of: n, when, body, is_live: true }),
            Call::Run(_) | Call::RunOnce(..) | Call::Step(_) => return self.run(n, call),
            Call::Stop(_) => self.loops[n].is_stopped = true,
            Call::Post(_, body) => {
                self.loops[n].posts.push_back(body);
                self.loops[n].is_woken = true;
            }
            Call::Wake(_) => self.loops[n].is_woken = true,
            Call::Advance(_, ns) => self.loops[n].now_ns += ns,
            Call::UpdateNow(_) => self.loops[n].cached_ns = self.loops[n].now_ns,
            Call::KeepAlive(_, keeps) => self.loops[n].is_kept_alive = keeps,
            Call::Now(_) | Call::NowCached(_) => {
                let known = &self.loops[n];
                self.log_output(if matches!(call, Call::Now(_)) { known.now_ns } else { known.cached_ns });
                return Ok(());
            }
            Call::Stats(_) => {
                self.log_stats(n);
                return Ok(());
            }
            Call::After(..) | Call::At(..) | Call::Every(..) | Call::Add(..) | Call::NewTimer(..) => {
                return self.add_timer(n, call);
            }
            Call::Watch(_, pipe, mode, body) => self.add_watch(n, pipe, mode, body)?,
            _ => {}
        }
        self.code(OK);
        Ok(())
    }

    fn log_stats(&mut self, n: usize) {
        self.code(OK);
        let known = &self.loops[n];
        let timers = self.timers.iter().filter(|timer| timer.is_live && timer.of == n).count() as u64;
        let watches = self.watches.iter().filter(|watch| watch.is_live && watch.of == n).count() as u64;
        let calls = [known.turns, known.timer_calls, known.watch_calls, known.post_calls, known.late_ns_max];
        let counts = [timers, watches].into_iter().chain(calls);
        counts.for_each(|count| self.note(Event::Output(count)));
    }

    fn add_timer(&mut self, n: usize, call: &Call) -> Run {
        let known = &self.loops[n];
        let (start_ns, slack_of_loop_ns) = (known.start_ns(), known.slack_ns);
        match *call {
            // A timer without delay is due in the next turn.
            Call::After(_, 0, body) => self.arm(n, known.begun(start_ns), None, 0, body),
            Call::After(_, ns, body) => self.arm(n, start_ns.saturating_add(ns), None, slack_of_loop_ns, body),
            // A timer that is due in the next turn has no slack.
            Call::At(_, ns, body) if ns <= known.now_ns => self.arm(n, ns, None, 0, body),
            Call::At(_, ns, body) => self.arm(n, ns, None, slack_of_loop_ns, body),
            Call::Add(_, Planned { delay_ns, period_ns, slack_ns, missed }, body) => {
                let period = NonZeroU64::new(period_ns).map(|period| (period, POLICIES[missed as usize]));
                let slack_ns = match slack_ns {
                    0 => slack_of_loop_ns,
                    EXACT => 0,
                    slack_ns => slack_ns,
                };
                self.arm(n, start_ns.saturating_add(delay_ns), period, slack_ns, body)
            }
            Call::NewTimer(_, body) => {
                let known = self.timers.len();
                self.arm(n, NEVER, None, slack_of_loop_ns, body)?;
                self.timers[known..].iter_mut().for_each(|timer| (timer.armed, timer.is_kept) = (None, true));
                Ok(())
            }
            Call::Every(_, ns, missed, body) => {
                let period = NonZeroU64::new(ns).map(|ns| (ns, POLICIES[missed as usize]));
                self.arm(n, start_ns.saturating_add(ns), period, slack_of_loop_ns, body)
            }
            _ => unreachable!("{call:?} makes no timer"),
        }
    }

    fn add_watch(&mut self, n: usize, pipe: usize, mode: i32, body: usize) -> Run {
        let added = self.watches.len();
        let watch = Watch {
            of: n,
            pipe,
            reads: true,
            mode,
            is_silent: false,
            is_referenced: true,
            body,
            tells_end: false,
            is_live: true,
        };
        self.watches.push(watch);
        // If a number is watched again, the older watch becomes stale.
        let is_older = |watch: &Watch| watch.of == n && watch.pipe == pipe && watch.is_live;
        let older = self.watches[..added].iter().position(is_older);
        older.map_or(Ok(()), |older| self.end_watch(older))?;
        self.watch_handles.push(added);
        Ok(())
    }

    fn arm(
        &mut self,
        of: usize,
        scheduled_ns: u64,
        period: Option<(NonZeroU64, Missed)>,
        slack_ns: u64,
        body: usize,
    ) -> Run {
        let live = self.timers.iter().filter(|timer| timer.is_live && timer.of == of).count();
        if live >= self.loops[of].timers_max {
            self.code(LIMIT);
            return Ok(());
        }
        let armed = Some((scheduled_ns, self.armings));
        self.armings += 1;
        self.timers.push(Timer {
            of,
            armed,
            left_ns: None,
            is_kept: false,
            is_referenced: true,
            period,
            slack_ns,
            body,
            tells_end: false,
            is_live: true,
        });
        self.code(OK);
        Ok(())
    }
}

/// The index that a handle names among `count` objects, or the error code if it names no object.
fn nth(name: HandleRef, count: usize) -> Result<usize, i32> {
    match name {
        HandleRef::Nth(n) => n.checked_rem(count).ok_or(STALE),
        HandleRef::Zero | HandleRef::Forged(_) => Err(STALE),
        HandleRef::Foreign => Err(THREAD),
    }
}
