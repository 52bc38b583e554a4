//! The border at which the library calls a function of the user's. Such a function must return. If it unwinds instead, the
//! process ends, because half of a turn would be left undone. The message says which function it was.

use std::io::Write;

/// Lives while a function of the user's runs. It is dropped only if that function unwinds.
struct MustReturn(&'static str);

impl Drop for MustReturn {
    #[cold]
    fn drop(&mut self) {
        let Self(what) = self;
        let why = "it called pthread_exit, its thread was cancelled in it, or it threw an exception";
        // Standard error is the only place for words here; if it is closed, nobody can be told.
        let _ = writeln!(std::io::stderr(), "cogloop: {what} has not returned: {why}");
        std::process::abort();
    }
}

/// Calls a function of the user's. `what` names it.
#[inline(always)]
pub(crate) fn must_return(what: &'static str, call: impl FnOnce()) {
    let guard = MustReturn(what);
    call();
    std::mem::forget(guard);
}
