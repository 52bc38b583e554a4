//! The contenders.

use cogloop_io::Mode::{Edge, Level};

use super::ours::Ours;
use super::poller::{ANY, Entry, FD_SETSIZE};
use super::{bare_epoll, bare_uring, calloop, mio, polling};

/// The contenders. The first is the base of all comparisons.
pub(super) const ALL: [Entry; 10] = [
    Entry { name: "bare epoll", open: || Ok(Box::new(bare_epoll::BareEpoll::new()?)), numbers: ANY },
    Entry {
        name: "bare io_uring",
        open: || Ok(Box::new(bare_uring::BareUring::new(bare_uring::ONE_SHOT)?)),
        numbers: ANY,
    },
    Entry { name: "ours/epoll", open: || Ok(Box::new(Ours::new("epoll", Level)?)), numbers: ANY },
    Entry { name: "ours/uring", open: || Ok(Box::new(Ours::new("uring", Level)?)), numbers: ANY },
    Entry { name: "ours/uring edge", open: || Ok(Box::new(Ours::new("uring", Edge)?)), numbers: ANY },
    Entry { name: "ours/portable", open: || Ok(Box::new(Ours::new("portable", Level)?)), numbers: ANY },
    Entry { name: "ours/select", open: || Ok(Box::new(Ours::new("select", Level)?)), numbers: FD_SETSIZE },
    Entry { name: "mio", open: || Ok(Box::new(mio::Mio::new()?)), numbers: ANY },
    Entry { name: "polling", open: || Ok(Box::new(polling::Polling::new()?)), numbers: ANY },
    Entry { name: "calloop", open: || Ok(Box::new(calloop::Calloop::new()?)), numbers: ANY },
];
