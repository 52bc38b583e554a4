//! The smallest programs that can keep a schedule: a heap of deadlines, and a system call that sleeps.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::thread::{ClockId, clock_nanosleep_absolute};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use super::course::Course;
use crate::clock::{now_ns, timespec};

/// Deadlines with their timers.
struct Heap(BinaryHeap<Reverse<(u64, usize)>>);

impl Heap {
    fn of(course: &Course) -> Self {
        Self((0..course.timers()).map(|timer| Reverse((course.due_ns(timer), timer))).collect())
    }

    fn next_ns(&self) -> Option<u64> {
        self.0.peek().map(|first| first.0.0)
    }

    /// Fires the timers that are due at the time of the call.
    fn fire(&mut self, course: &Course) {
        let now_ns = now_ns();
        while let Some(&Reverse((_, timer))) = self.0.peek().filter(|first| first.0.0 <= now_ns) {
            self.0.pop();
            if let Some(again_ns) = course.fired(timer) {
                self.0.push(Reverse((again_ns, timer)));
            }
        }
    }
}

/// `clock_nanosleep( TIMER_ABSTIME )`, which cannot wait for descriptors.
pub(super) fn nanosleep(course: &Course) -> io::Result<()> {
    let mut heap = Heap::of(course);
    while let Some(next_ns) = heap.next_ns() {
        while clock_nanosleep_absolute(ClockId::Monotonic, &timespec(next_ns)) == Err(Errno::INTR) {}
        heap.fire(course);
    }
    Ok(())
}

/// A timer descriptor in an epoll set. The loop arms the descriptor again when the next deadline changes.
pub(super) fn timerfd(course: &Course) -> io::Result<()> {
    const TIMER: u64 = u64::MAX;
    let set = epoll::create(CreateFlags::CLOEXEC)?;
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
    epoll::add(&set, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
    for index in 0..course.descriptors().map_or(0, |descriptors| descriptors.len()) {
        let descriptors = course.descriptors().ok_or(io::ErrorKind::NotFound)?;
        epoll::add(&set, descriptors.fd(index), EventData::new_u64(index as u64), EventFlags::IN)?;
    }
    let mut heap = Heap::of(course);
    let mut events: Vec<epoll::Event> = Vec::with_capacity(64);
    let mut set_for_ns = 0;
    while let Some(next_ns) = heap.next_ns() {
        if next_ns != set_for_ns {
            let once = Itimerspec { it_interval: timespec(0), it_value: timespec(next_ns) };
            timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &once)?;
            set_for_ns = next_ns;
        }
        events.clear();
        match epoll::wait(&set, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            match (event.data.u64(), course.descriptors()) {
                (TIMER, _) => _ = rustix::io::read(&timer, &mut [0; 8]),
                (index, Some(descriptors)) => descriptors.serve(index as usize),
                _ => {}
            }
        }
        heap.fire(course);
    }
    Ok(())
}
