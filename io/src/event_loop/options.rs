//! The options of a loop.

use super::limits::Limits;
use crate::{Recording, VirtualClock};

/// The default length of a tick: 1 µs, which is less than the kernel's own lateness.
pub const DEFAULT_RESOLUTION_NS: u64 = 1_000;

/// The clock that a loop reads.
#[derive(Clone, Debug, Default)]
pub enum ClockChoice {
    /// The kernel's monotonic clock.
    #[default]
    Monotonic,
    /// A clock that jumps to the next deadline, so that the loop need not wait for it; see
    /// [`VirtualTime`](crate::VirtualTime).
    Virtual(VirtualClock),
}

/// The options of a loop.
#[derive(Clone, Debug)]
pub struct Options {
    /// The backend's name. With `None` the environment names the backend. If the environment names none, the loop takes
    /// the best backend that works. See [`choose::open`](crate::choose::open).
    pub backend: Option<String>,
    /// The length of a tick in nanoseconds, at least 1. Timers with deadlines in the same tick are served in the order
    /// in which they were added.
    pub resolution_ns: u64,
    /// The slack of timers that are added without a plan, in nanoseconds: how late they may fire, so that several
    /// timers share a wake-up. The reported deadline does not include the slack, and lateness counts from that
    /// deadline. 0, the default, is no slack. See [`EventLoop::slack_ns`](crate::EventLoop::slack_ns).
    pub slack_ns: u64,
    /// The clock.
    pub clock: ClockChoice,
    /// How much the loop may hold, and how much it serves in a turn.
    pub limits: Limits,
    /// Whether the run is recorded, or a recording is played. See [`recording`](crate::recording).
    pub recording: Option<Recording>,
}

impl Default for Options {
    fn default() -> Self {
        let (clock, limits) = (ClockChoice::Monotonic, Limits::default());
        Self { backend: None, resolution_ns: DEFAULT_RESOLUTION_NS, slack_ns: 0, clock, limits, recording: None }
    }
}
