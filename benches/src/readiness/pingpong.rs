//! Ping-pong: bytes go to and fro between sockets that one thread observes all.
//!
//! Every contender has sockets of its own and plays a short rally in each round, in another order each time; so what the
//! machine does beside is shared by all, and the ratio of two contenders in one round is better than either figure.

use std::io;
use std::time::Instant;

use super::poller::{Entry, Poller};
use super::sockets::Sockets;
use crate::measure::cpu_ns;

/// What one rally took.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Rally {
    pub(crate) cpu_ns: f64,
    pub(crate) wall_ns: f64,
}

/// A contender and its sockets.
pub(crate) struct Court {
    // Before the sockets, so that it is dropped before them.
    poller: Box<dyn Poller>,
    sockets: Sockets,
}

impl Court {
    /// `active` of the pairs are in play.
    pub(crate) fn open(entry: &Entry, pairs: usize, active: usize) -> io::Result<Self> {
        let sockets = Sockets::pairs(pairs)?;
        let mut poller = (entry.open)()?;
        for index in 0..sockets.len() {
            poller.add(sockets.fd(index), index)?;
        }
        sockets.serve(active)?;
        Ok(Self { poller, sockets })
    }

    /// Plays until that many bytes have arrived, or a few more. Says how many, and in how many turns.
    pub(crate) fn play(&mut self, events: usize) -> io::Result<(usize, usize)> {
        let (mut served, mut turns) = (0, 0);
        let sockets = &self.sockets;
        while served < events {
            self.poller.take_turn(&mut |index| served += usize::from(sockets.answer(index)))?;
            turns += 1;
        }
        Ok((served, turns))
    }

    /// The same with the clock in hand, for one event.
    pub(crate) fn rally(&mut self, events: usize) -> io::Result<Rally> {
        let (wall, cpu) = (Instant::now(), cpu_ns());
        let (served, _) = self.play(events)?;
        let (wall_ns, cpu_ns) = (wall.elapsed().as_nanos() as f64, (cpu_ns() - cpu) as f64);
        Ok(Rally { cpu_ns: cpu_ns / served as f64, wall_ns: wall_ns / served as f64 })
    }
}
