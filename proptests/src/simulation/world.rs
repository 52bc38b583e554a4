//! The world around the loop: the state that the loop's backend and its user share. Also the backend itself.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::rc::Rc;
use std::sync::LazyLock;

use cogloop_io::{Backend, Event, EventLoop, Interest, Limits, Mode, Token, VirtualClock, Wait, Waker};

use fastrand::Rng;

use super::dice::Dice;
use super::kernel::{FILES, Fault, Kernel};
use super::timers::{Id, Timers};
use super::trace::{At, Name, Patience, Trace};
use super::watched::Watched;

/// A share: the time that a turn has for one kind (timers or descriptors) if the loop also has the other kind.
const SHARE_NS: u64 = 10_000_000;

/// The loop under test. A timer's value is its number.
pub(super) type Loop = EventLoop<Id>;

/// The descriptor numbers of the simulation are those of real files that stay open for the whole process. The loop only
/// compares numbers and passes them on. Only the simulated kernel knows the simulated files.
static NUMBERS: LazyLock<Vec<std::fs::File>> =
    LazyLock::new(|| (0..FILES).map(|_| std::fs::File::open("/dev/null").expect("/dev/null opens")).collect());

pub(super) fn descriptor(number: usize) -> BorrowedFd<'static> {
    NUMBERS[number].as_fd()
}

fn number_of(fd: BorrowedFd<'_>) -> usize {
    let is_it = |file: &std::fs::File| file.as_raw_fd() == fd.as_raw_fd();
    NUMBERS.iter().position(is_it).expect("a descriptor of the simulation")
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) trace: Trace,
    pub(super) kernel: Kernel,
    pub(super) timers: Timers,
    pub(super) watched: Watched,
    /// The wait that the user permits in the next turn.
    pub(super) asked: Wait,
    /// Whether everything that the last wait found must be served before the next wait.
    pub(super) is_served: bool,
    /// The time that the callbacks of this turn took.
    pub(super) busy_ns: u64,
    /// Whether the end has begun. From then on there are no faults of the kernel and no actions of the user.
    pub(super) is_ending: bool,
    /// Whether the kernel's pending refusal is for the loop's own changes before a wait.
    pub(super) is_refusing_settling: bool,
    pub(super) limits: Limits,
    pub(super) operations: u64,
}

/// The shared world. It is borrowed only for moments. It is never borrowed during a call of the loop that may reach the
/// backend, because the backend borrows the world, too.
pub(super) type Shared = Rc<RefCell<World>>;

impl World {
    pub(super) fn new(dice: Dice, trace: Trace, clock: VirtualClock, resolution_ns: u64) -> Self {
        Self {
            dice,
            trace,
            kernel: Kernel::new(clock),
            timers: Timers::new(resolution_ns),
            watched: Watched::default(),
            asked: Wait::Block,
            is_served: true,
            busy_ns: 0,
            is_ending: false,
            is_refusing_settling: false,
            limits: Limits::default(),
            operations: 0,
        }
    }

    pub(super) fn note(&mut self, line: std::fmt::Arguments<'_>) {
        self.operations += 1;
        self.trace.note(format_args!("{}  {line}", At(self.kernel.now_ns())));
    }

    /// Sets the wait of the following turns, at most `waits` of them.
    pub(super) fn begin_turns(&mut self, wait: Wait, waits: u32) {
        (self.asked, self.kernel.waits_left) = (wait, waits);
    }

    /// Open descriptors in `Mode::Level` that are ready for what is observed.
    pub(super) fn observed_and_ready(&self) -> Vec<Token> {
        let is_ready = |token: &Token| {
            self.watched.get(*token).is_some_and(|watch| {
                let ready = self.kernel.files[watch.number].ready & watch.interest;
                watch.mode == Mode::Level && !watch.is_closed && !ready.is_empty()
            })
        };
        self.watched.tokens().into_iter().filter(is_ready).collect()
    }

    /// Whether nothing keeps the loop going.
    pub(super) fn is_idle(&self) -> bool {
        self.timers.referenced() == 0 && self.watched.referenced() == 0
    }

    /// C02, C36, C49: checks that nothing of the last turn is lost, unless the host's limit or slow callbacks delay it.
    /// Checks that the turn has served no more than the limit allows.
    pub(super) fn check_all_served(&self) {
        let limit = self.limits.served_in_turn.get();
        let (timers, ready) = (self.timers.served, self.watched.served_in_turn());
        assert!(
            timers <= limit && ready <= limit,
            "{timers} timers and {ready} descriptors in a turn, of {limit} each"
        );
        let is_slow = self.busy_ns >= SHARE_NS;
        if self.is_served && !is_slow && timers < limit {
            self.timers.check_all_served();
        }
        if self.is_served && !is_slow && ready < limit {
            self.watched.check_all_served();
        }
    }

    /// C05, C24 to C27: checks that a turn waits until the next event that can happen. A timer with slack allows a
    /// range.
    pub(super) fn check_timeout(&self, timeout_ns: Option<u64>) {
        let now_ns = self.kernel.now_ns();
        let (least, most) = if self.watched.has_marks() { (Some(0), Some(0)) } else { self.timers.patience_ns(now_ns) };
        let limited = |patience: Option<u64>| match self.asked {
            Wait::Block => patience,
            Wait::Poll => Some(0),
            Wait::AtMost(limit_ns) => Some(patience.map_or(limit_ns, |patience| patience.min(limit_ns))),
        };
        let (least, most) = (limited(least), limited(most));
        // For ever is longer than any other wait.
        let number = |patience: Option<u64>| patience.map_or(u128::MAX, u128::from);
        let waits = Patience(timeout_ns);
        let is_long = number(timeout_ns) >= number(least);
        assert!(is_long, "the loop waits {waits}, but nothing happens {}", Patience(least));
        let is_short = number(timeout_ns) <= number(most);
        assert!(is_short, "the loop waits {waits}, but may wait no longer than {}", Patience(most));
    }

    /// Random numbers for the next choice; `None` if this choice is left out or the end has begun.
    pub(super) fn choice(&mut self) -> Option<Rng> {
        if self.is_ending { None } else { self.dice.step() }
    }

    /// Chooses the fault of the next wait, and whether the wait ends after an hour if it would otherwise last for ever.
    fn fate(&mut self) -> (Fault, bool) {
        self.choice().map_or((Fault::None, false), |mut random| (Fault::of(&mut random), random.u8(0..8) > 0))
    }
}

/// The loop's backend, which acts as the simulated kernel.
pub(super) struct Seeded(pub(super) Shared);

impl Backend for Seeded {
    fn name(&self) -> &'static str {
        "seeded"
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        self.0.borrow_mut().kernel.attach(waker);
        Ok(())
    }

    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.0.borrow_mut().kernel.register(number_of(fd), interest, token, true)
    }

    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.0.borrow_mut().kernel.register(number_of(fd), interest, token, false)
    }

    fn remove(&mut self, _fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.0.borrow_mut().kernel.forget(token);
        Ok(())
    }

    fn look(&mut self, fd: BorrowedFd<'_>, directions: Interest, token: Token) -> Interest {
        let world = &mut *self.0.borrow_mut();
        let now = world.kernel.files[number_of(fd)].ready & directions;
        world.watched.looked_at(token, now);
        now
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        let world = &mut *self.0.borrow_mut();
        world.check_all_served();
        let was_refused = !world.kernel.take_refusal() && world.is_refusing_settling;
        world.kernel.has_refused_settling |= was_refused;
        world.is_refusing_settling = false;
        world.watched.check_registered(&world.kernel.registered, world.kernel.has_refused_settling);
        world.check_timeout(timeout_ns);
        let (fault, has_mercy) = world.fate();
        let waited = world.kernel.wait(timeout_ns, fault, has_mercy);
        let now_ns = world.kernel.now_ns();
        world.timers.turned(now_ns);
        world.is_served = true;
        world.busy_ns = 0;
        let reported = waited.as_deref().unwrap_or_default();
        world.watched.turned(reported);
        let turn = world.timers.turn;
        world.note(format_args!("turn {turn}: wait {}{fault}", Patience(timeout_ns)));
        for event in waited.as_deref().unwrap_or_default().iter().take(20) {
            world.note(format_args!("  reports {:?} of {}", event.ready, Name(event.token)));
        }
        events.extend(waited?);
        Ok(())
    }
}
