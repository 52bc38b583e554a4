//! What the table of sources holds: a file and a callback, of whatever type.

use cogloop_io::Token;
use rustix::fd::AsFd;
use std::cell::RefCell;
use std::process::Child;
use std::rc::Rc;

/// The callback of a source, at the index of its token; `None` while it runs. The file stands beside it so that it is
/// never the loop below that drops it: its destructor is the user's.
pub(crate) struct SourceSlot<C> {
    pub(crate) token: Token,
    pub(crate) callback: Option<C>,
    pub(crate) _file: Rc<dyn AsFd>,
    /// The child process whose end it waits for.
    #[cfg_attr(windows, allow(dead_code, reason = "children are for Unix"))]
    pub(crate) child: Option<Rc<RefCell<Child>>>,
}
