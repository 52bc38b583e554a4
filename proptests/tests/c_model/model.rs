//! What docs/c.md and the header say, the dumb way.
//!
//! ```text
//!   turn:  timers, by deadline, then by arming ──► watches ──► posts
//! ```

use crate::program::{Call, NEVER, Name, PIPES, Planned, Program, What};
use crate::share::Share;
use cogloop_engine::{Missed, Next};
use std::collections::VecDeque;
use std::num::NonZeroU64;

const TURNS_MAX: usize = 500;
const CALLS_MAX: usize = 500;

const OK: i32 = 0;
const ARGUMENT: i32 = -1;
const STALE: i32 = -2;
const RUNNING: i32 = -4;
const LIMIT: i32 = -5;

/// It would wait or go on for ever: nothing to try on the library.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Endless;

type Run<T = ()> = Result<T, Endless>;

#[derive(Clone, Debug)]
struct Timer {
    of: usize,
    /// Its scheduled time, and how it was armed; `None`: paused, with so much left.
    armed: Option<(u64, u64)>,
    left_ns: u64,
    is_referenced: bool,
    period: Option<(NonZeroU64, Missed)>,
    slack_ns: u64,
    body: usize,
    is_live: bool,
}

impl Timer {
    /// When it fires: of the times within its slack the one that the highest power of two divides, so that timers meet.
    fn moment(&self, known: &Loop, scheduled_ns: u64) -> u64 {
        let last_ns = scheduled_ns.saturating_add(self.slack_ns);
        if scheduled_ns == 0 || scheduled_ns == last_ns {
            return known.deadline(scheduled_ns);
        }
        let powers = (0..u64::BITS).rev().map(|bits| last_ns >> bits << bits);
        known.deadline(powers.into_iter().find(|&ns| ns >= scheduled_ns).unwrap_or(last_ns))
    }
}

#[derive(Clone, Debug)]
struct Watch {
    of: usize,
    pipe: usize,
    reads: bool,
    is_referenced: bool,
    is_live: bool,
}

#[derive(Clone, Debug, Default)]
struct Loop {
    tick_ns: u64,
    timers_max: usize,
    served_max: usize,
    now_ns: u64,
    turn_ns: u64,
    /// By number of the timer, and how it was armed.
    due: VecDeque<(usize, u64)>,
    posts: VecDeque<usize>,
    is_woken: bool,
    is_running: bool,
    is_stopped: bool,
    is_freed: bool,
    /// The time of the last reading, and whether delays count from it.
    cached_ns: u64,
    is_cached: bool,
    is_kept_alive: bool,
    turns: u64,
    timer_calls: u64,
    watch_calls: u64,
    post_calls: u64,
    late_ns_max: u64,
    timers_share: Share,
    watches_share: Share,
}

const POLICIES: [Missed; 3] = [Missed::Skip, Missed::Burst, Missed::Delay];

/// The length of a tick where nothing else is said.
const TICK_NS: u64 = 1_000;

impl Loop {
    /// A deadline is the first tick that is not before the scheduled time. It is when a timer fires, and what it is told.
    fn deadline(&self, scheduled_ns: u64) -> u64 {
        if scheduled_ns == NEVER { NEVER } else { scheduled_ns.next_multiple_of(self.tick_ns) }
    }

    /// The start of delays.
    fn start_ns(&self) -> u64 {
        if self.is_cached { self.cached_ns } else { self.now_ns }
    }

    /// The tick that has begun.
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
    bytes: [usize; PIPES],
    armings: u64,
    calls: usize,
    log: Vec<What>,
    /// The pipes that the library has served in this call.
    order: VecDeque<usize>,
}

impl Model {
    pub(crate) fn new(program: &Program) -> Self {
        let (loops, timers, watches, log) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (bodies, order) = (program.bodies.clone(), VecDeque::new());
        Self { bodies, loops, timers, watches, bytes: [0; PIPES], armings: 0, calls: 0, log, order }
    }

    /// What happens in a call; an error if it would never end. Of several descriptors that are ready at once the order is
    /// open, and so is which of them a turn leaves to the next one: the model goes by what the library has served.
    pub(crate) fn call(&mut self, call: &Call, order: VecDeque<usize>) -> Run<Vec<What>> {
        (self.calls, self.order) = (0, order);
        self.act(call)?;
        Ok(std::mem::take(&mut self.log))
    }

    fn code(&mut self, code: i32) {
        self.log.push(What::Code(code));
    }

    fn told(&mut self, output: u64) {
        self.code(OK);
        self.log.push(What::Output(output));
    }

    fn loop_of(&self, name: Name) -> Option<usize> {
        let Name::Nth(n) = name else { return None };
        n.checked_rem(self.loops.len()).filter(|&n| !self.loops[n].is_freed)
    }

    fn timer_of(&self, name: Name) -> Option<usize> {
        let Name::Nth(n) = name else { return None };
        n.checked_rem(self.timers.len()).filter(|&n| self.timers[n].is_live)
    }

    fn watch_of(&self, name: Name) -> Option<usize> {
        let Name::Nth(n) = name else { return None };
        n.checked_rem(self.watches.len()).filter(|&n| self.watches[n].is_live)
    }

    fn body(&mut self, body: usize) -> Run {
        for call in self.bodies[body].clone() {
            self.act(&call)?;
        }
        Ok(())
    }

    fn act(&mut self, call: &Call) -> Run {
        self.calls += 1;
        if self.calls > CALLS_MAX {
            return Err(Endless);
        }
        match *call {
            Call::New { resolution_ns, timers_max, served_max, is_cached } => {
                let of = |limit: u32| if limit == 0 { usize::MAX } else { limit as usize };
                let tick_ns = if resolution_ns == 0 { TICK_NS } else { resolution_ns };
                let (timers_max, served_max) = (of(timers_max), of(served_max));
                self.loops.push(Loop { tick_ns, timers_max, served_max, is_cached, ..Loop::default() });
                self.code(OK);
            }
            Call::Write(pipe) => self.bytes[pipe] += 1,
            Call::Read(pipe) => self.bytes[pipe] = self.bytes[pipe].saturating_sub(1),
            Call::Every(_, period_ns, missed, _) if period_ns == 0 || !(0..3).contains(&missed) => self.code(ARGUMENT),
            Call::Add(_, planned, _) if planned.missed >= 3 => self.code(ARGUMENT),
            Call::Free(name)
            | Call::Run(name)
            | Call::RunOnce(name, _)
            | Call::Step(name)
            | Call::Stop(name)
            | Call::Post(name, _)
            | Call::Wake(name)
            | Call::Now(name)
            | Call::NowCached(name)
            | Call::UpdateNow(name)
            | Call::KeepAlive(name, _)
            | Call::Add(name, ..)
            | Call::Advance(name, _)
            | Call::Stats(name)
            | Call::After(name, ..)
            | Call::At(name, ..)
            | Call::Every(name, ..)
            | Call::Watch(name, ..) => match self.loop_of(name) {
                Some(of) => return self.act_on_loop(of, call),
                None => self.code(STALE),
            },
            Call::Remove(name) | Call::Set(name, _) | Call::RefWatch(name) | Call::UnrefWatch(name) => {
                let watch = self.watch_of(name).map(|n| &mut self.watches[n]);
                let is_live = watch.is_some();
                if let Some(watch) = watch {
                    match *call {
                        Call::Remove(_) => watch.is_live = false,
                        Call::Set(_, reads) => watch.reads = reads,
                        _ => watch.is_referenced = matches!(call, Call::RefWatch(_)),
                    }
                }
                self.code(if is_live { OK } else { STALE });
            }
            Call::Callback(name)
            | Call::SetCallback(name, _)
            | Call::Deadline(name)
            | Call::Cancel(name)
            | Call::Reschedule(name, _)
            | Call::Pause(name)
            | Call::Resume(name)
            | Call::Remaining(name)
            | Call::Ref(name)
            | Call::Unref(name) => match self.timer_of(name) {
                Some(timer) => self.act_on_timer(timer, call),
                None => self.code(STALE),
            },
        }
        Ok(())
    }

    fn act_on_timer(&mut self, n: usize, call: &Call) {
        let timer = &mut self.timers[n];
        let (known, arming) = (&self.loops[timer.of], self.armings);
        let now_ns = known.now_ns;
        let left = |(scheduled_ns, _)| known.deadline(scheduled_ns).saturating_sub(now_ns);
        let left_ns = timer.armed.map_or(timer.left_ns, left);
        let deadline_ns = timer.armed.map_or(NEVER, |(scheduled_ns, _)| known.deadline(scheduled_ns));
        match *call {
            Call::Cancel(_) => timer.is_live = false,
            Call::Reschedule(_, ns) => timer.armed = Some((known.start_ns().saturating_add(ns), arming)),
            Call::SetCallback(_, body) => timer.body = body,
            Call::Pause(_) => (timer.armed, timer.left_ns) = (None, left_ns),
            Call::Resume(_) if timer.armed.is_none() => timer.armed = Some((now_ns.saturating_add(left_ns), arming)),
            Call::Ref(_) | Call::Unref(_) => timer.is_referenced = matches!(call, Call::Ref(_)),
            _ => {}
        }
        self.armings += 1;
        match call {
            Call::Remaining(_) => self.told(left_ns),
            Call::Deadline(_) => self.told(deadline_ns),
            Call::Callback(_) => self.told(self.timers[n].body as u64),
            _ => self.code(OK),
        }
    }

    fn act_on_loop(&mut self, n: usize, call: &Call) -> Run {
        match *call {
            Call::Free(_) => self.free(n),
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
                self.told(if matches!(call, Call::Now(_)) { known.now_ns } else { known.cached_ns });
                return Ok(());
            }
            Call::Stats(_) => {
                self.code(OK);
                let (known, of) = (&self.loops[n], n);
                let timers = self.timers.iter().filter(|timer| timer.is_live && timer.of == of).count() as u64;
                let watches = self.watches.iter().filter(|watch| watch.is_live && watch.of == of).count() as u64;
                let calls = [known.turns, known.timer_calls, known.watch_calls, known.post_calls, known.late_ns_max];
                let counts = [timers, watches].into_iter().chain(calls);
                self.log.extend(counts.map(What::Output));
                return Ok(());
            }
            Call::After(_, ns, body) => {
                let known = &self.loops[n];
                // Without delay it is due in the next turn.
                let start_ns = known.start_ns();
                let ns = if ns == 0 { known.begun(start_ns) } else { start_ns.saturating_add(ns) };
                return self.arm(n, ns, None, 0, body);
            }
            Call::At(_, ns, body) => return self.arm(n, ns, None, 0, body),
            Call::Add(_, Planned { delay_ns, period_ns, slack_ns, missed }, body) => {
                let scheduled_ns = self.loops[n].start_ns().saturating_add(delay_ns);
                let period = NonZeroU64::new(period_ns).map(|period| (period, POLICIES[missed as usize]));
                return self.arm(n, scheduled_ns, period, slack_ns, body);
            }
            Call::Every(_, ns, missed, body) => {
                let period = NonZeroU64::new(ns).map(|ns| (ns, POLICIES[missed as usize]));
                return self.arm(n, self.loops[n].start_ns().saturating_add(ns), period, 0, body);
            }
            Call::Watch(_, pipe) => {
                // Watching a number again makes the older watch stale.
                let older = self.watches.iter_mut().filter(|watch| watch.of == n && watch.pipe == pipe);
                older.for_each(|watch| watch.is_live = false);
                self.watches.push(Watch { of: n, pipe, reads: true, is_referenced: true, is_live: true });
            }
            _ => {}
        }
        self.code(OK);
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
        self.timers.push(Timer { of, armed, left_ns: 0, is_referenced: true, period, slack_ns, body, is_live: true });
        self.code(OK);
        Ok(())
    }

    /// Everything of it is stale at once, and what was posted is discarded.
    fn free(&mut self, n: usize) {
        let known = &mut self.loops[n];
        (known.is_freed, known.is_stopped) = (true, true);
        for body in std::mem::take(&mut known.posts) {
            self.log.push(What::Discarded { body });
        }
        self.timers.iter_mut().filter(|timer| timer.of == n).for_each(|timer| timer.is_live = false);
        self.watches.iter_mut().filter(|watch| watch.of == n).for_each(|watch| watch.is_live = false);
    }

    fn run(&mut self, n: usize, call: &Call) -> Run {
        if std::mem::replace(&mut self.loops[n].is_running, true) {
            self.code(RUNNING);
            return Ok(());
        }
        self.loops[n].is_stopped = false;
        match *call {
            Call::Run(_) => {
                let mut turns = 0;
                while !self.loops[n].is_stopped && self.is_alive(n) {
                    turns += 1;
                    if turns > TURNS_MAX {
                        return Err(Endless);
                    }
                    self.turn(n, NEVER)?;
                }
            }
            Call::RunOnce(_, ns) => self.turn(n, ns)?,
            _ => self.turn(n, 0)?,
        }
        self.loops[n].is_running = false;
        let is_alive = self.is_alive(n) && !self.loops[n].is_freed;
        if matches!(call, Call::RunOnce(..)) {
            self.told(is_alive.into())
        } else {
            self.code(OK)
        }
        Ok(())
    }

    fn is_alive(&self, n: usize) -> bool {
        let keeps = |timer: &Timer| timer.of == n && timer.is_live && timer.is_referenced && timer.armed.is_some();
        let watches = |watch: &Watch| watch.of == n && watch.is_live && watch.is_referenced;
        self.loops[n].is_kept_alive
            || !self.loops[n].posts.is_empty()
            || self.timers.iter().any(keeps)
            || self.watches.iter().any(watches)
    }

    /// The pipes that a loop would be told of.
    fn ready(&self, n: usize) -> Vec<usize> {
        let watches = self.watches.iter().enumerate();
        let ready =
            watches.filter(|(_, watch)| watch.of == n && watch.is_live && watch.reads && self.bytes[watch.pipe] > 0);
        ready.map(|(watch, _)| watch).collect()
    }

    fn turn(&mut self, n: usize, most_ns: u64) -> Run {
        let is_waiting = self.loops[n].posts.is_empty() && self.is_alive(n) && most_ns != 0;
        let timers = self.timers.iter().filter(|timer| timer.of == n && timer.is_live);
        let moments = timers.filter_map(|timer| Some(timer.moment(&self.loops[n], timer.armed?.0)));
        let next = moments.filter(|&ns| ns != NEVER).min();
        let is_woken = std::mem::take(&mut self.loops[n].is_woken);
        let has_ready = !self.ready(n).is_empty();
        let known = &mut self.loops[n];
        // What a turn has left is due as long as it is not cancelled or changed.
        let timers = &self.timers;
        known.due.retain(|&(timer, arming)| {
            timers[timer].is_live && timers[timer].armed.is_some_and(|armed| armed.1 == arming)
        });
        // A wake ends a wait. A jump takes no time, and there is nothing to end.
        if is_waiting && !has_ready && known.due.is_empty() {
            let latest_ns = known.now_ns.saturating_add(most_ns);
            known.now_ns = match next {
                Some(next) => next.max(known.now_ns).min(latest_ns),
                None if most_ns == NEVER && is_woken => known.now_ns,
                None if most_ns == NEVER => return Err(Endless),
                None => latest_ns,
            };
        }
        known.turn_ns = known.now_ns;
        known.cached_ns = known.cached_ns.max(known.turn_ns);
        known.turns += 1;
        self.find_due(n);
        let ready = self.ready(n);
        self.serve_timers(n)?;
        self.serve_watches(n, ready);
        for _ in 0..self.loops[n].posts.len() {
            if self.loops[n].is_stopped {
                break;
            }
            let Some(body) = self.loops[n].posts.pop_front() else { break };
            self.loops[n].post_calls += 1;
            self.log.push(What::Posted { body });
            self.body(body)?;
        }
        Ok(())
    }

    fn find_due(&mut self, n: usize) {
        let known = &self.loops[n];
        let mut due: Vec<_> = Vec::new();
        for (timer, of) in self.timers.iter().enumerate().filter(|(_, timer)| timer.of == n && timer.is_live) {
            let Some((scheduled_ns, arming)) = of.armed else { continue };
            let moment_ns = of.moment(known, scheduled_ns);
            if moment_ns <= known.turn_ns && !known.due.contains(&(timer, arming)) {
                due.push((moment_ns, arming, timer));
            }
        }
        due.sort_unstable();
        self.loops[n].due.extend(due.into_iter().map(|(_, arming, timer)| (timer, arming)));
    }

    fn serve_timers(&mut self, n: usize) -> Run {
        let turn_ns = self.loops[n].turn_ns;
        self.loops[n].timers_share.begin(turn_ns);
        while !self.loops[n].is_stopped {
            let timers = &self.timers;
            let armed = |&(timer, arming): &(usize, u64)| {
                timers[timer].armed.filter(|armed| timers[timer].is_live && armed.1 == arming)
            };
            while self.loops[n].due.front().is_some_and(|first| armed(first).is_none()) {
                self.loops[n].due.pop_front();
            }
            let has_watches = self.watches.iter().any(|watch| watch.of == n && watch.is_live);
            let known = &mut self.loops[n];
            // A descriptor that is watched after a look without any is not ready in this turn.
            if !has_watches && known.timers_share.served >= known.timers_share.look_at {
                known.timers_share.look_at = known.served_max;
                if known.timers_share.served >= known.served_max {
                    break;
                }
            }
            if known.timers_share.is_over(known.now_ns, known.served_max, has_watches) {
                break;
            }
            let Some(&(timer, arming)) = self.loops[n].due.front() else { break };
            let Some((scheduled_ns, _)) = armed(&(timer, arming)) else { break };
            self.loops[n].timers_share.served += 1;
            self.loops[n].due.pop_front();
            let (known, next_arming) = (&mut self.loops[n], self.armings);
            let (turn_ns, deadline_ns) = (known.turn_ns, known.deadline(scheduled_ns));
            self.armings += 1;
            let of = &mut self.timers[timer];
            let (body, mut missed) = (of.body, 0);
            match of.period {
                Some((period, policy)) => {
                    let next = follow(known, policy, (scheduled_ns, of.slack_ns), period);
                    (missed, of.armed) = (next.missed, Some((next.deadline, next_arming)));
                }
                None => of.is_live = false,
            }
            let late_ns = turn_ns - deadline_ns;
            known.timer_calls += 1;
            known.late_ns_max = known.late_ns_max.max(late_ns);
            self.log.push(What::Fired { timer: Some(timer), deadline_ns, late_ns, missed, body });
            self.body(body)?;
        }
        Ok(())
    }

    /// Those that the wait has found, as far as they are still there.
    fn serve_watches(&mut self, n: usize, mut ready: Vec<usize>) {
        let has_timers = self.timers.iter().any(|timer| timer.of == n && timer.is_live);
        let known = &mut self.loops[n];
        let began_ns = known.timers_share.looked_ns.max(known.turn_ns);
        known.watches_share.begin(began_ns);
        while !ready.is_empty() {
            let known = &mut self.loops[n];
            if known.is_stopped || known.watches_share.is_over(known.now_ns, known.served_max, has_timers) {
                break;
            }
            let is_next = |&watch: &usize| Some(&self.watches[watch].pipe) == self.order.front();
            let watch = ready.remove(ready.iter().position(is_next).unwrap_or(0));
            if self.watches[watch].is_live && self.watches[watch].reads {
                let pipe = self.watches[watch].pipe;
                self.order.pop_front();
                let known = &mut self.loops[n];
                known.watches_share.served += 1;
                known.watch_calls += 1;
                self.log.push(What::Ready { pipe });
                self.bytes[pipe] = self.bytes[pipe].saturating_sub(1);
            }
        }
    }
}

/// What follows a scheduled time that is served in this turn. Within its slack it is on time, and of a tick that has begun
/// only the start has passed; but of several deadlines in one tick, without slack, all but the first are late.
fn follow(known: &Loop, policy: Missed, (scheduled_ns, slack_ns): (u64, u64), period: NonZeroU64) -> Next {
    let is_short = slack_ns == 0 && period.get() < known.tick_ns;
    if !is_short && known.turn_ns <= known.deadline(scheduled_ns.saturating_add(slack_ns)) {
        return Next { deadline: scheduled_ns.saturating_add(period.get()), missed: 0 };
    }
    let passed_ns = if policy == Missed::Skip { known.begun(known.turn_ns) } else { known.turn_ns };
    policy.next(scheduled_ns, period, passed_ns)
}
