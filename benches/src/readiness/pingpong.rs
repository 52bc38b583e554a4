//! Ping-pong: bytes go to and fro between sockets, all observed by one thread.
//!
//! Every contender has its own sockets. In each round every contender plays a rally: it passes a number of bytes to and
//! fro. The order of the contenders is random. So other work on the machine affects all contenders, and the ratio of
//! two contenders in one round is more reliable than their absolute values.

use std::io;
use std::time::Instant;

use super::poller::{Entry, Poller};
use super::sockets::Sockets;
use crate::measure::cpu_ns;

/// The time of one event of a rally, on average.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Rally {
    pub(crate) cpu_ns: f64,
    pub(crate) wall_ns: f64,
}

/// A contender with its sockets.
pub(crate) struct Court {
    // This field is declared before the sockets, and so is dropped before them.
    poller: Box<dyn Poller>,
    sockets: Sockets,
}

impl Court {
    /// Opens a court with `pairs` pairs of sockets. In `active` of them a byte goes to and fro between the two ends.
    pub(crate) fn open(entry: &Entry, pairs: usize, active: usize) -> io::Result<Self> {
        let sockets = Sockets::pairs(pairs)?;
        let mut poller = (entry.open)()?;
        for index in 0..sockets.len() {
            poller.add(sockets.fd(index), index)?;
        }
        sockets.serve(active)?;
        Ok(Self { poller, sockets })
    }

    /// Plays until at least `events` bytes have arrived. Returns the number of bytes and the number of turns.
    pub(crate) fn play(&mut self, events: usize) -> io::Result<(usize, usize)> {
        let (mut served, mut turns) = (0, 0);
        let sockets = &self.sockets;
        while served < events {
            self.poller.take_turn(&mut |index| served += usize::from(sockets.answer(index)))?;
            turns += 1;
        }
        Ok((served, turns))
    }

    /// As `play`, but measures the time of one event.
    pub(crate) fn rally(&mut self, events: usize) -> io::Result<Rally> {
        let (wall, cpu) = (Instant::now(), cpu_ns());
        let (served, _) = self.play(events)?;
        let (wall_ns, cpu_ns) = (wall.elapsed().as_nanos() as f64, (cpu_ns() - cpu) as f64);
        Ok(Rally { cpu_ns: cpu_ns / served as f64, wall_ns: wall_ns / served as f64 })
    }
}
