//! What the tables of timers and of sources hold: a callback each, of whatever type.
//!
//! The loop below gives no two live timers the same index, and no two descriptors, so these tables need no search and no keys of
//! their own.

#[cfg(unix)]
use cogloop_io::Token;
#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(unix)]
use std::rc::Rc;

/// The callback of a timer, at the index of its key.
#[derive(Default)]
pub(crate) enum TimerSlot<O, R> {
    #[default]
    Empty,
    Once(O),
    Repeat(R),
    /// It repeats, and is out of the table because it runs.
    Running,
}

/// The callback of a source, at the index of its token; `None` while it runs. The file stands beside it so that it is
/// never the loop below that drops it: its destructor is the user's.
#[cfg(unix)]
pub(crate) struct SourceSlot<C> {
    pub(crate) token: Token,
    pub(crate) callback: Option<C>,
    pub(crate) _file: Rc<dyn AsFd>,
}
