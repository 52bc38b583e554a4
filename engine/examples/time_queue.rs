//! A time driver with the contract of embassy (`embassy_time_driver::Driver`): `now`, and `schedule_wake`, which wakes
//! a task at a given time. The queue behind these two functions is a [`FixedScheduler`], which needs no allocator.
//!
//! ```text
//!   a task's timer ──► schedule_wake( at, waker ) ──► TimeQueue ──► the alarm is set for the next deadline
//!   the alarm's interrupt ──► next_expiration( now ) ──► wakes the due tasks, and returns the time of the next alarm
//! ```
//!
//! The machine here is simulated: the program lets time pass up to the alarm's time, and then the alarm rings. A real
//! machine has a timer with a counter and a compare register instead, and a critical section instead of the `RefCell`.

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use cogloop_engine::{FixedScheduler, Plan};

/// The counterpart of `Queue` in `embassy-time-queue-utils`.
pub(crate) struct TimeQueue<const N: usize> {
    timers: FixedScheduler<Waker, N>,
}

impl<const N: usize> TimeQueue<N> {
    pub(crate) fn new() -> Self {
        Self { timers: FixedScheduler::new(1.try_into().expect("not 0")) }
    }

    /// Wakes a task at the time `at`, or at an earlier time for which the task waits already. Returns whether the alarm
    /// has to be set again. If the queue is full, the task is woken at once, and asks again when it is polled.
    pub(crate) fn schedule_wake(&mut self, at: u64, waker: &Waker) -> bool {
        let before = self.timers.next_deadline();
        let known = self.timers.iter().find(|(.., known)| known.will_wake(waker)).map(|(key, at, _)| (key, at));
        match known {
            Some((_, known_at)) if known_at <= at => {}
            Some((key, _)) => drop(self.timers.reschedule(key, at)),
            None if self.timers.try_add(Plan::once(at), waker.clone()).is_err() => waker.wake_by_ref(),
            None => {}
        }
        self.timers.next_deadline() != before
    }

    /// Wakes the tasks whose time has come, and returns the time of the next task; `u64::MAX` if no task waits.
    pub(crate) fn next_expiration(&mut self, now: u64) -> u64 {
        self.timers.advance(now);
        while let Some(fired) = self.timers.pop() {
            fired.value.wake_by_ref();
        }
        self.timers.next_deadline().unwrap_or(u64::MAX)
    }
}

/// A machine with a counter and an alarm.
pub(crate) struct Machine<const N: usize> {
    now: Cell<u64>,
    alarm: Cell<u64>,
    /// The number of times that the alarm has rung.
    pub(crate) rings: Cell<u32>,
    queue: RefCell<TimeQueue<N>>,
}

impl<const N: usize> Machine<N> {
    pub(crate) fn new() -> Self {
        let queue = RefCell::new(TimeQueue::new());
        Self { now: Cell::new(0), alarm: Cell::new(u64::MAX), rings: Cell::new(0), queue }
    }

    /// The first function of embassy's contract.
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    /// The second function of embassy's contract.
    pub(crate) fn schedule_wake(&self, at: u64, waker: &Waker) {
        let mut queue = self.queue.borrow_mut();
        if queue.schedule_wake(at, waker) {
            self.alarm.set(queue.next_expiration(self.now()));
        }
    }

    /// Lets time pass until the alarm rings, and runs the alarm's interrupt. Returns `false` if no alarm is set.
    pub(crate) fn wait_for_alarm(&self) -> bool {
        let at = self.alarm.get();
        if at == u64::MAX {
            return false;
        }
        self.now.set(at.max(self.now()));
        self.rings.set(self.rings.get() + 1);
        self.alarm.set(self.queue.borrow_mut().next_expiration(self.now()));
        true
    }

    /// A future that is ready at the time `at`. Embassy's counterpart is `embassy_time::Timer::at`.
    pub(crate) fn at(&self, at: u64) -> Timer<'_, N> {
        Timer { machine: self, at }
    }
}

pub(crate) struct Timer<'a, const N: usize> {
    machine: &'a Machine<N>,
    at: u64,
}

impl<const N: usize> Future for Timer<'_, N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.machine.now() >= self.at {
            return Poll::Ready(());
        }
        self.machine.schedule_wake(self.at, cx.waker());
        Poll::Pending
    }
}

/// Whether a task has been woken.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls the woken tasks until all tasks have ended. When no task is woken, waits for the alarm.
pub(crate) fn run<const N: usize>(machine: &Machine<N>, tasks: &mut [Pin<&mut dyn Future<Output = ()>>]) {
    let flags: Vec<_> = tasks.iter().map(|_| Arc::new(Flag(AtomicBool::new(true)))).collect();
    let mut living: Vec<_> = tasks.iter_mut().zip(flags).collect();
    while !living.is_empty() {
        let mut is_idle = true;
        living.retain_mut(|(task, flag)| {
            if !flag.0.swap(false, Ordering::Relaxed) {
                return true;
            }
            is_idle = false;
            let waker = Waker::from(Arc::clone(flag));
            task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
        });
        if is_idle {
            assert!(machine.wait_for_alarm(), "a task waits, and no alarm is set");
        }
    }
}

fn main() {
    let machine = Machine::<8>::new();
    let blink = |name: &'static str, period: u64, times: u64| {
        let machine = &machine;
        async move {
            for n in 1..=times {
                machine.at(n * period).await;
                println!("{:5}  {name} blinks", machine.now());
            }
        }
    };
    let (red, green) = (pin!(blink("red", 250, 4)), pin!(blink("green", 400, 3)));
    run(&machine, &mut [red, green]);
    println!("the alarm rang {} times", machine.rings.get());
}
