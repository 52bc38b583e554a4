//! Signals as readiness: a descriptor that becomes readable when a signal has come.
//!
//! ```text
//!   signal ──► on_signal ──► each Signals that watches it: sets a bit, wakes ──► its descriptor is readable ──► take
//! ```
//!
//! No signal is lost, but several signals of one number before a [`take`](Signals::take) count as one, as in the
//! kernel. The first [`Signals`] that watches a number installs a handler for the process. The signal's earlier action is
//! saved and not called. When no [`Signals`] watches the number any more, that action is restored, unless another handler
//! was installed meanwhile.
//!
//! signalfd is not used: it needs the signal to be blocked in every thread, and programs that this process starts would
//! inherit the blocked signal.
//!
//! The handler walks a list that only grows, so it needs no lock. A [`Signals`] that is dropped closes its descriptor,
//! and the next new one reuses its place in the list. A forked child must make new [`Signals`], because it shares the
//! descriptors with its parent.

use crate::Waker;
use crate::memory::{self, error_in_words};
use nix::errno::Errno;
use nix::libc;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The numbers of common signals on this system.
pub mod number {
    use nix::sys::signal::Signal;

    /// SIGALRM.
    pub const ALARM: i32 = Signal::SIGALRM as i32;
    /// SIGCHLD: a child has ended.
    pub const CHILD: i32 = Signal::SIGCHLD as i32;
    /// SIGHUP: the terminal is gone. For daemons by convention: read the configuration again.
    pub const HANG_UP: i32 = Signal::SIGHUP as i32;
    /// SIGINT: Ctrl-C.
    pub const INTERRUPT: i32 = Signal::SIGINT as i32;
    /// SIGPIPE.
    pub const PIPE: i32 = Signal::SIGPIPE as i32;
    /// SIGQUIT.
    pub const QUIT: i32 = Signal::SIGQUIT as i32;
    /// SIGTERM: a request to end the process.
    pub const TERMINATE: i32 = Signal::SIGTERM as i32;
    /// SIGUSR1.
    pub const USER_1: i32 = Signal::SIGUSR1 as i32;
    /// SIGUSR2.
    pub const USER_2: i32 = Signal::SIGUSR2 as i32;
    /// SIGWINCH: the size of the terminal has changed.
    pub const WINDOW_CHANGE: i32 = Signal::SIGWINCH as i32;
}

struct Place {
    // Bit n - 1 stands for signal n.
    wanted: AtomicU64,
    pending: AtomicU64,
    // The number of handlers that may be using the waker now.
    users: AtomicU32,
    // Made from a box by `Signals::new`. While no `Signals` has this place, the pointer is null, or it points to a waker
    // that `retire` has leaked.
    waker: AtomicPtr<Waker>,
    next: OnceLock<&'static Place>,
}

/// How often `retire` checks for a handler that still uses the waker, before it leaks the waker. A handler needs no
/// longer than a system call. But if another thread was in a handler when the process forked, the child counts that
/// handler for ever, because the child does not have that thread.
const LOOKS_MAX: u32 = 1_000;

impl Place {
    /// Called by the signal handler.
    fn notify(&self, number: i32) {
        // This order, and `SeqCst` for both operations, make sure that either `retire` sees this user, or this user
        // sees that no signal is wanted any more.
        self.users.fetch_add(1, Ordering::SeqCst);
        if self.wanted.load(Ordering::SeqCst) & bit(number) != 0 {
            self.pending.fetch_or(bit(number), Ordering::Release);
            // SAFETY:
            // 1. A signal is wanted only after `Signals::new` has stored a waker, and before `retire` runs. `retire`
            //    runs when no signal is wanted, and frees the waker only when there are no users.
            // 2. This user is counted until it is done, and the waker itself is not changed.
            unsafe { &*self.waker.load(Ordering::Acquire) }.wake();
        }
        self.users.fetch_sub(1, Ordering::Release);
    }

    /// Frees the waker when no signal is wanted any more. Leaks it if a handler may still be using it.
    fn retire(&self) {
        for _ in 0..LOOKS_MAX {
            if self.users.load(Ordering::SeqCst) == 0 {
                let waker = self.waker.swap(ptr::null_mut(), Ordering::AcqRel);
                // SAFETY: the pointer is from the box of `Signals::new`, and only the one `Signals` that has this place
                // takes it. No handler uses it, and a handler that starts now finds that no signal is wanted.
                return drop(unsafe { Box::from_raw(waker) });
            }
            std::thread::yield_now();
        }
    }
}

/// The list that the signal handler walks.
static FIRST: OnceLock<&'static Place> = OnceLock::new();

/// State that only ordinary code uses, not the handler.
static SHARED: Mutex<Shared> = Mutex::new(Shared { earlier: [const { None }; NUMBERS], free: Vec::new() });

/// Signals are numbered from 1 to 64.
const NUMBERS: usize = 65;

struct Shared {
    // By number: the action before this handler was installed.
    earlier: [Option<libc::sigaction>; NUMBERS],
    // Its capacity is the number of places, so freeing one never allocates.
    free: Vec<&'static Place>,
}

impl Shared {
    fn take_place(&mut self) -> io::Result<&'static Place> {
        if let Some(place) = self.free.pop() {
            return Ok(place);
        }
        self.free.try_reserve(places().count() + 1)?;
        let mut place = Vec::new();
        place.try_reserve_exact(1)?;
        place.push(Place {
            wanted: AtomicU64::new(0),
            pending: AtomicU64::new(0),
            users: AtomicU32::new(0),
            waker: AtomicPtr::default(),
            next: OnceLock::new(),
        });
        let place: &'static Place = &place.leak()[0];
        // The lock is held, so no other thread appends.
        let end = places().last().map_or(&FIRST, |last| &last.next);
        let _ = end.set(place);
        Ok(place)
    }
}

fn shared() -> MutexGuard<'static, Shared> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn places() -> impl Iterator<Item = &'static Place> {
    std::iter::successors(FIRST.get(), |place| place.next.get()).copied()
}

extern "C" fn on_signal(number: i32) {
    let errno = Errno::last_raw();
    for place in places() {
        if place.wanted.load(Ordering::Acquire) & bit(number) != 0 {
            place.notify(number);
        }
    }
    Errno::set_raw(errno);
}

/// Watches signals, none at first.
pub struct Signals {
    place: &'static Place,
    waker: Waker,
}

impl Signals {
    /// Makes a watcher of no signals. Installs no handler.
    ///
    /// # Errors
    /// An error of the kernel, `EMFILE` for example, or `OutOfMemory`.
    pub fn new() -> io::Result<Self> {
        let waker = Waker::new()?;
        let place = shared().take_place()?;
        if let Err(refused) = memory::expect_bytes(memory::FOR_A_MESSAGE) {
            shared().free.push(place);
            return Err(refused.into());
        }
        place.waker.store(Box::into_raw(Box::new(waker.clone())), Ordering::Release);
        Ok(Self { place, waker })
    }

    /// Watches a signal by its number. Watching it again has no effect.
    ///
    /// # Errors
    /// `InvalidInput` for a number that is no signal, or for a signal that cannot be watched: SIGKILL, SIGSTOP, and
    /// those that a fault of the program raises. Real-time signals can be watched like the others.
    pub fn watch(&mut self, number: i32) -> io::Result<()> {
        if FAULTS.contains(&number) || !(1..=64).contains(&number) {
            return Err(cannot_be_watched(number));
        }
        let mut shared = shared();
        let earlier = &mut shared.earlier[number as usize];
        if earlier.is_none() {
            *earlier = Some(exchange(number, &our_action()).map_err(|error| match error {
                // SIGKILL, SIGSTOP, and the numbers that the C library reserves.
                Errno::EINVAL => cannot_be_watched(number),
                _ => error.into(),
            })?);
        }
        self.place.wanted.fetch_or(bit(number), Ordering::SeqCst);
        Ok(())
    }

    /// Stops watching a signal.
    pub fn unwatch(&mut self, number: i32) {
        if !(1..=64).contains(&number) {
            return;
        }
        let mut shared = shared();
        self.place.wanted.fetch_and(!bit(number), Ordering::SeqCst);
        self.place.pending.fetch_and(!bit(number), Ordering::AcqRel);
        if places().any(|place| place.wanted.load(Ordering::Acquire) & bit(number) != 0) {
            return;
        }
        let Some(earlier) = shared.earlier[number as usize].take() else { return };
        let Ok(current) = exchange(number, &earlier) else { return };
        if current.sa_sigaction != our_action().sa_sigaction {
            // The program has installed another handler meanwhile. That handler is put back.
            let _ = exchange(number, &current);
        }
    }

    /// The descriptor that becomes readable when a signal has come. Pass it to
    /// [`EventLoop::add_shared`](crate::EventLoop::add_shared), for reading. It is closed when this value and all
    /// clones of the descriptor are dropped.
    #[must_use]
    pub fn descriptor(&self) -> Waker {
        self.waker.clone()
    }

    /// The numbers of the signals that have come since the last call, in ascending order.
    pub fn take(&mut self) -> impl Iterator<Item = i32> + use<> {
        // The wakes are cleared first. So a signal that comes before the swap below is taken here, and a later one
        // makes the descriptor readable again.
        self.waker.drain();
        let wanted = self.place.wanted.load(Ordering::Acquire);
        let taken = self.place.pending.swap(0, Ordering::Acquire) & wanted;
        (1..=64).filter(move |&number| taken & bit(number) != 0)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let wanted = self.place.wanted.load(Ordering::Acquire);
        (1..=64).filter(|&number| wanted & bit(number) != 0).for_each(|number| self.unwatch(number));
        self.place.retire();
        self.place.pending.store(0, Ordering::Release);
        shared().free.push(self.place);
    }
}

/// The signals that a fault of the program raises.
const FAULTS: [i32; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];

fn cannot_be_watched(number: i32) -> io::Error {
    error_in_words(io::ErrorKind::InvalidInput, format_args!("signal {number} cannot be watched"))
}

fn our_action() -> libc::sigaction {
    // SAFETY: the structure consists of integers and of pointers that may be null.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_signal as *const () as usize;
    // The program's own system calls must not fail because of the signal.
    action.sa_flags = libc::SA_RESTART;
    action
}

/// Sets the action of a signal and returns the old one. The signal is a number, because nix has no real-time signals.
fn exchange(number: i32, action: &libc::sigaction) -> nix::Result<libc::sigaction> {
    // SAFETY: the structure consists of integers and of pointers that may be null.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: both point to live structures. The action is the one that the kernel returned for this signal, or it has
    // our handler. That handler does only what is safe in a signal handler: it loads and changes atomics in places that
    // are never freed, and it wakes a loop with a system call.
    Errno::result(unsafe { libc::sigaction(number, action, &raw mut before) })?;
    Ok(before)
}

fn bit(number: i32) -> u64 {
    1_u64.wrapping_shl(number.wrapping_sub(1) as u32)
}
