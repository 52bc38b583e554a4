//! The border at which the library calls a function of the user. Such a function must return. If it
//! unwinds, the loop's turn would be left half done. So the process ends, with a message that names the function.

use std::io::Write;

/// Lives while a function of the user runs. It is dropped only if that function unwinds.
struct MustReturn(&'static str);

impl Drop for MustReturn {
    #[cold]
    fn drop(&mut self) {
        let Self(what) = self;
        let why = "it called pthread_exit, its thread was cancelled in it, or it threw an exception";
        // Standard error is the only place for the message. If it is closed, there is no message.
        let _ = writeln!(std::io::stderr(), "cogloop: {what} has not returned: {why}");
        std::process::abort();
    }
}

/// Calls a function of the user. `what` names the function.
#[inline(always)]
pub(crate) fn must_return(what: &'static str, call: impl FnOnce()) {
    let guard = MustReturn(what);
    call();
    std::mem::forget(guard);
}
