//! The entries of the table of sources: a file and a callback, of any type.

use cogloop_io::Token;
use rustix::fd::AsFd;
use std::cell::RefCell;
use std::process::Child;
use std::rc::Rc;

/// The callback of a source, at the index of its token; `None` while the callback runs. The entry also holds the file,
/// so that the loop of `cogloop-io` never drops the last reference to it: the file's destructor is user code.
pub(crate) struct SourceSlot<C> {
    pub(crate) token: Token,
    pub(crate) callback: Option<C>,
    pub(crate) _file: Rc<dyn AsFd>,
    /// The child process whose end the source waits for.
    #[cfg_attr(windows, allow(dead_code, reason = "child processes are supported only on Unix"))]
    pub(crate) child: Option<Rc<RefCell<Child>>>,
}
