//! A model of a turn's shares: the time that a turn has for timers, and the time that it has for descriptors.

/// A share: the time that a turn has for one kind (timers or descriptors) if the loop also has the other kind.
const SHARE_NS: u64 = 10_000_000;
const STEP_MAX: usize = 16;

/// How much of its share one kind has used in a turn. The clock is read after 1, 2, 4, … 16 callbacks, and after each
/// callback while callbacks are slow. This number of callbacks is kept from turn to turn.
#[derive(Clone, Debug, Default)]
pub struct TurnShare {
    /// The number of callbacks in this turn.
    pub served: usize,
    /// The number of callbacks after which the clock is read next.
    pub look_at: usize,
    start_ns: u64,
    /// The time of the last reading.
    pub looked_ns: u64,
    step_less_1: usize,
}

impl TurnShare {
    /// Begins the share of a turn that began at this time.
    pub fn begin(&mut self, now_ns: u64) {
        *self = Self { start_ns: now_ns, looked_ns: now_ns, step_less_1: self.step_less_1, ..Self::default() };
    }

    /// Whether the turn leaves the rest to the next turn. `is_shared` says that the loop also has the other kind.
    pub fn is_over(&mut self, now_ns: u64, most: usize, is_shared: bool) -> bool {
        if self.served < self.look_at {
            return false;
        }
        if self.served >= most {
            return true;
        }
        if is_shared && self.served > 0 {
            let is_slow = now_ns - self.looked_ns >= SHARE_NS / STEP_MAX as u64;
            self.looked_ns = now_ns;
            if now_ns - self.start_ns >= SHARE_NS {
                return true;
            }
            self.step_less_1 = if is_slow { 0 } else { ((self.step_less_1 + 1) * 2).min(STEP_MAX) - 1 };
        }
        self.look_at = most.min(self.served + self.step_less_1 + 1);
        false
    }
}
