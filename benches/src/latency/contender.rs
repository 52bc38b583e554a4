//! The contenders: the loops and system calls that keep the schedule.

use std::io;
use std::rc::Rc;

use super::course::Course;
use super::{bare, calloop, libuv, ours, tokio};

/// A contender's role in the comparison.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// A bare system call: the best that the kernel offers.
    Floor,
    Ours,
    /// The event loop of this project, spinning before deadlines. The report does not compare it with the peers,
    /// because it uses CPU time instead of sleeping.
    Spinning,
    /// The event loop of this project with ticks of a millisecond.
    OursCoarse,
    /// A peer whose timers are as fine as the kernel allows.
    Peer,
    /// A peer whose timers are in milliseconds. So its timers fire later, and it wakes up less often.
    PeerCoarse,
}

impl Role {
    pub(super) fn is_peer(self) -> bool {
        matches!(self, Self::Peer | Self::PeerCoarse)
    }

    /// The role of the peers with the same unit of time as this loop. The report compares wake-ups only with those
    /// peers.
    pub(super) fn same_unit(self) -> Option<Self> {
        match self {
            Self::Ours => Some(Self::Peer),
            Self::OursCoarse => Some(Self::PeerCoarse),
            _ => None,
        }
    }
}

#[derive(Copy, Clone)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) role: Role,
    /// Whether the contender can observe descriptors as well as timers.
    pub(super) observes: bool,
    /// The reason why the contender cannot run here; `None` if it can.
    pub(super) missing: fn() -> Option<&'static str>,
    /// Keeps the schedule until the course is over, on a thread of its own.
    pub(super) run: fn(&Rc<Course>) -> io::Result<()>,
}

const fn contender(name: &'static str, role: Role, run: fn(&Rc<Course>) -> io::Result<()>) -> Contender {
    Contender { name, role, observes: true, missing: || None, run }
}

/// All contenders. The first is the floor, with which the others are compared.
pub(super) const ALL: [Contender; 11] = [
    Contender { observes: false, ..contender("clock_nanosleep", Role::Floor, |course| bare::nanosleep(course)) },
    contender("ours/uring", Role::Ours, |course| ours::run(course, "uring")),
    contender("ours/epoll", Role::Ours, |course| ours::run(course, "epoll")),
    contender("ours/select", Role::Ours, |course| ours::run(course, "select")),
    contender("ours/portable", Role::Ours, |course| ours::run(course, "portable")),
    contender("ours, spinning", Role::Spinning, |course| ours::run_spinning(course, "uring")),
    contender("ours, 1 ms ticks", Role::OursCoarse, |course| ours::run_coarse(course, "uring")),
    contender("timerfd loop", Role::Peer, |course| bare::timerfd(course)),
    contender("tokio", Role::PeerCoarse, tokio::run),
    contender("calloop", Role::Peer, calloop::run),
    Contender { missing: libuv::missing, ..contender("libuv", Role::PeerCoarse, |course| libuv::run(course)) },
];

/// The first contender and the contenders in `only`; all contenders if `only` is empty.
pub(super) fn chosen(only: &[String]) -> Result<Vec<Contender>, String> {
    if let Some(unknown) = only.iter().find(|name| ALL.iter().all(|contender| contender.name != **name)) {
        let known = ALL.map(|contender| contender.name).join(", ");
        return Err(format!("no contender is called `{unknown}`; there are {known}"));
    }
    let wanted = |name| only.is_empty() || name == ALL[0].name || only.iter().any(|wanted| wanted == name);
    Ok(ALL.into_iter().filter(|contender| wanted(contender.name)).collect())
}
