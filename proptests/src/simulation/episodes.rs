//! One run: several episodes, each with its own way to drive the loop, and an end. At the end all remaining timers and
//! events must come.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::rc::Rc;

use cogloop_io::{Due, Interest, Limits, VirtualClock, Wait};

use fastrand::Rng;

use super::actions::{Place, act};
use super::dice::Dice;
use super::kernel::FILES;
use super::on_descriptors::say_drained;
use super::trace::{Name, Ns, Said, Trace};
use super::world::{Loop, Seeded, Shared, World};

/// A run chooses one of these lengths of a tick: the default, or a length that shows wrong rounding.
const RESOLUTIONS_NS: [u64; 5] = [1_000, 1_000, 1, 1_000_000, 777];

const EPISODES_BETWEEN_AUDITS: u32 = 8;

pub(super) struct Run {
    pub(super) world: Shared,
    events: Loop,
    episodes: u32,
}

impl Run {
    pub(super) fn new(dice: Dice, trace: Trace) -> Self {
        let mut random = dice.of_run();
        let clock = VirtualClock::new();
        // The clock does not start at 0, but the loop's time does.
        clock.advance_ns(random.u64(0..1 << 40));
        let resolution_ns = RESOLUTIONS_NS[random.usize(0..RESOLUTIONS_NS.len())];
        let world = Rc::new(RefCell::new(World::new(dice, trace, clock.clone(), resolution_ns)));
        let backend = Box::new(Seeded(Rc::clone(&world)));
        let mut events = Loop::from_parts(Box::new(clock), backend, resolution_ns).expect("a loop of given parts");
        let limits = limits(&mut random);
        events.set_limits(limits);
        world.borrow_mut().limits = limits;
        world.borrow_mut().note(format_args!("a loop with ticks of {}", Ns(resolution_ns)));
        if limits.served_in_turn < NonZeroUsize::MAX {
            world.borrow_mut().note(format_args!("its host allows {limits:?}"));
        }
        Self { world, events, episodes: random.u32(5..30) }
    }

    pub(super) fn live(&mut self) {
        for episode in 0..self.episodes {
            self.world.borrow_mut().dice.begin_episode(episode);
            self.episode();
            // The audit visits all slots of the wheel. That takes longer than the rest of the episode.
            if episode % EPISODES_BETWEEN_AUDITS == 0 {
                self.events.audit();
            }
        }
        self.world.borrow_mut().dice.begin_episode(self.episodes);
        self.finish();
    }

    fn episode(&mut self) {
        for _ in 0..3 {
            act(&self.world, &mut self.events, Place::Outside);
        }
        let Some(mut random) = self.world.borrow_mut().choice() else { return };
        let wait = match random.u8(0..6) {
            0 => Wait::Poll,
            1 => Wait::AtMost(random.u64(0..50_000_000)),
            _ => Wait::Block,
        };
        match random.u8(0..8) {
            0 => {}
            1..=2 => self.run(),
            3 => self.run_once(wait),
            4 => self.embedded(),
            5 => self.turn(wait, random.usize(0..4), random.usize(0..4)),
            _ => self.turn(wait, usize::MAX, usize::MAX),
        }
    }

    /// C25, C31, C34: runs until nothing keeps the loop going, the loop is stopped, or it has run long enough.
    fn run(&mut self) {
        self.begin(Wait::Block, 30);
        // This has no effect, because the loop does not run.
        self.events.stop();
        let world = Rc::clone(&self.world);
        let ran = self.events.run(|events, due| serve(&world, events, due, Place::Callback));
        let mut world = self.world.borrow_mut();
        if ran.is_ok() {
            world.check_all_served();
            assert!(!world.is_served || world.is_idle(), "the run has ended without a stop");
        } else {
            // Timers that this turn found due may be pulled later.
            world.is_served = false;
        }
        match &ran {
            Ok(()) => world.note(format_args!("the run has ended")),
            Err(error) => world.note(format_args!("the run has ended: {}", Said(error))),
        }
    }

    /// C33: takes one turn, which waits or does not wait.
    fn run_once(&mut self, wait: Wait) {
        let wait = if self.world.borrow().is_idle() { Wait::Poll } else { wait };
        self.begin(wait, 1);
        let world = Rc::clone(&self.world);
        let ran = self.events.run_once(wait, |events, due| serve(&world, events, due, Place::Callback));
        let mut world = self.world.borrow_mut();
        match ran {
            Ok(goes_on) => {
                world.check_all_served();
                assert_eq!(goes_on, !world.is_idle(), "whether anything is left");
            }
            Err(_) => world.is_served = false,
        }
    }

    /// Drives the loop as an outer loop does.
    fn embedded(&mut self) {
        self.begin(Wait::Block, 1);
        let timeout_ns = self.events.next_timeout_ns().expect("the simulated kernel refuses nothing");
        self.world.borrow().check_timeout(timeout_ns);
        self.world.borrow_mut().kernel.pass(timeout_ns.unwrap_or(0));
        self.turn(Wait::Poll, usize::MAX, usize::MAX);
    }

    /// Takes a turn. Pulls at most `timers_max` of its timers and `ready_max` of its descriptors.
    fn turn(&mut self, wait: Wait, timers_max: usize, ready_max: usize) {
        self.begin(wait, 1);
        // If the turn returns an error, its wait has failed. Due timers can still be pulled.
        drop(self.events.turn(wait));
        assert_eq!(self.events.turn_ns(), self.world.borrow().kernel.now_ns(), "the turn's time");
        for _ in 0..timers_max {
            let Some(timer) = self.events.next_expired() else { break };
            serve(&self.world, &mut self.events, Due::Timer(timer), Place::Turn);
        }
        for _ in 0..ready_max {
            let Some(ready) = self.events.next_ready() else { break };
            serve(&self.world, &mut self.events, Due::Descriptor(ready), Place::Turn);
        }
        let is_served = timers_max == usize::MAX && ready_max == usize::MAX;
        self.world.borrow_mut().is_served = is_served;
        self.world.borrow().check_all_served();
    }

    fn begin(&mut self, wait: Wait, waits: u32) {
        let mut world = self.world.borrow_mut();
        // The rest of an earlier turn is not lost: its timers are still due, and its descriptors are still ready.
        world.begin_turns(wait, waits);
    }

    /// Ends the run. From here on there are no faults and no random actions. Every descriptor that stays ready is
    /// served, although only one is pulled in each turn (C49). Then no descriptor is ready any more, and the timers
    /// that repeat or are too far away are cancelled. Each wake-up brings a timer (C26), until only paused timers are
    /// left.
    fn finish(&mut self) {
        self.world.borrow_mut().is_ending = true;
        self.world.borrow_mut().note(format_args!("the end begins"));
        self.turn(Wait::Poll, usize::MAX, usize::MAX);
        self.fairness();
        self.world.borrow_mut().kernel.calm();
        let far = self.world.borrow().timers.far_or_repeating();
        for id in far {
            let key = self.world.borrow().timers.key(id);
            assert_eq!(self.events.cancel_timer(key), Some(id));
            self.world.borrow_mut().timers.ended(id);
        }
        self.turn(Wait::Poll, usize::MAX, usize::MAX);
        while !self.world.borrow().timers.is_at_rest() {
            let before = self.world.borrow().timers.len();
            self.turn(Wait::Block, usize::MAX, usize::MAX);
            assert!(self.world.borrow().timers.len() < before, "a wake-up brings no timer");
        }
        self.events.clear();
        self.world.borrow_mut().timers.cleared();
        self.world.borrow_mut().watched.cleared();
        self.begin(Wait::Block, 0);
        assert!(self.events.run(|_, _| ()).is_ok(), "C25: an idle loop does not wait");
        self.events.audit();
    }

    fn fairness(&mut self) {
        let mut waiting = self.world.borrow().observed_and_ready();
        // Descriptors that are not in `waiting` may be pulled first: those that are marked as ready, and ready ones in
        // `Mode::Edge`.
        for _ in 0..2 * self.events.descriptors() {
            self.begin(Wait::Poll, 1);
            drop(self.events.turn(Wait::Poll));
            self.world.borrow_mut().is_served = false;
            if let Some(ready) = self.events.next_ready() {
                self.world.borrow_mut().watched.served(ready);
                waiting.retain(|token| *token != ready.token);
            }
        }
        assert_eq!(waiting, [], "descriptors that were ready all the time and were not served");
    }
}

/// Chooses the loop's limits: usually one that permits many timers, otherwise limits that are reached soon.
fn limits(random: &mut Rng) -> Limits {
    if random.u8(0..4) > 0 {
        return Limits { timers: 400, ..Limits::default() };
    }
    let (timers, descriptors) = (random.usize(1..20), random.usize(1..FILES));
    Limits { timers, descriptors, served_in_turn: NonZeroUsize::MIN.saturating_add(random.usize(0..4)) }
}

/// The user's callback: serves a timer or descriptor, and may take other actions.
fn serve(world: &Shared, events: &mut Loop, due: Due<u64>, place: Place) {
    match due {
        Due::Timer(timer) => {
            let next_ns = events.deadline_ns(timer.key);
            let world = &mut *world.borrow_mut();
            world.note(format_args!(
                "  timer {} fires, {} ns late, {} missed",
                timer.value, timer.late_ns, timer.missed
            ));
            world.timers.fired(&timer, events.turn_ns());
            world.timers.repeated(&timer, next_ns, events.turn_ns());
        }
        Due::Descriptor(ready) => {
            world.borrow_mut().note(format_args!("  {} is ready for {:?}", Name(ready.token), ready.ready));
            {
                let world = &mut *world.borrow_mut();
                let is_first = world.timers.served + world.watched.served_in_turn() == 0;
                // If a closed file lives on, its report is true of that file, and not of the file that has the number
                // now.
                if !is_first && !world.kernel.lives_on(ready.token) {
                    world.watched.check_true(ready, &world.kernel.files);
                }
                world.watched.served(ready);
            }
            drain(world, events, ready.token, ready.ready);
        }
    }
    act(world, events, place);
    act(world, events, place);
    world.borrow_mut().busy_ns = events.now_ns() - events.turn_ns();
}

/// Usually drains the descriptor and tells the loop so. Sometimes leaves data, or does not tell the loop.
fn drain(world: &Shared, events: &mut Loop, token: cogloop_io::Token, ready: Interest) {
    if world.borrow().is_ending {
        return;
    }
    let mut random = world.borrow_mut().choice();
    let mut one_in = |count| random.as_mut().is_some_and(|random| random.u8(0..count) == 0);
    if one_in(4) {
        return;
    }
    let number = world.borrow().watched.get(token).map(|watch| watch.number);
    if let Some(number) = number {
        world.borrow_mut().kernel.files[number].ready.remove(ready);
    }
    if !one_in(8) {
        say_drained(world, events, token, ready);
    }
}
