//! Measures adding and removing many quiet descriptors.

use std::io;

use super::poller::Entry;
use super::sockets::Sockets;
use crate::measure::cpu_ns;

/// The CPU time for each descriptor.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Churn {
    pub(crate) add_ns: f64,
    pub(crate) remove_ns: f64,
}

/// Adds all sockets to a new loop, takes a turn, removes the sockets, and takes another turn. Queued changes reach the
/// kernel in these turns.
pub(crate) fn churn(entry: &Entry, sockets: &Sockets) -> io::Result<Churn> {
    let mut poller = (entry.open)()?;
    let count = sockets.len();
    let start = cpu_ns();
    for index in 0..count {
        poller.add(sockets.fd(index), index)?;
    }
    poller.turn(false, &mut |_| {})?;
    let added = cpu_ns();
    for index in 0..count {
        poller.remove(sockets.fd(index), index)?;
    }
    poller.turn(false, &mut |_| {})?;
    let removed = cpu_ns();
    Ok(Churn { add_ns: (added - start) as f64 / count as f64, remove_ns: (removed - added) as f64 / count as f64 })
}
