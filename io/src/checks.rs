//! How often a backend checks that a registration's number still names the file that was registered.
//!
//! A program may close a descriptor without removing it. The check costs a system call, so it is not made for each
//! event, except by `select` and for files that are always ready.

/// A registration is checked at its 1st, 2nd, 4th, 8th, 16th and 32nd event, and then at each multiple of this number.
/// These checks cost a 64th of a system call for each event, and a descriptor that was closed reports at most 64 more
/// events.
pub(crate) const CHECK_EVERY: u32 = 64;

/// Counts the events of a registration.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Checks {
    events: u32,
}

impl Checks {
    /// Counts an event. Returns whether a check is due.
    #[inline]
    pub(crate) fn is_due(&mut self) -> bool {
        self.events = self.events.wrapping_add(1);
        self.events.is_power_of_two() || self.events.is_multiple_of(CHECK_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_events_are_checked_often_and_the_later_ones_seldom() {
        let mut checks = Checks::default();
        let due: Vec<u32> = (1..=200).filter(|_| checks.is_due()).collect();
        assert_eq!(due, [1, 2, 4, 8, 16, 32, 64, 128, 192]);
    }
}
