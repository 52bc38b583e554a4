//! Unix. `windows` has the same functions.

use std::env::consts;
use std::ffi::c_int;
use std::io::{self, IsTerminal};

/// Called before anything else.
pub(crate) fn prepare() {
    // Writing to a closed pipe ends this program, as it ends other programs. Rust's start-up code makes the process
    // ignore SIGPIPE, so we restore the default action. SAFETY: no other thread runs yet, and the default action is no
    // function.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Makes SIGINT call this function, for the rest of the process.
///
/// # Errors
///
/// The kernel's error.
///
/// # Safety
///
/// The function is async-signal-safe.
pub(crate) unsafe fn on_ctrl_c(handler: fn()) -> io::Result<()> {
    // SAFETY: the caller's promise.
    unsafe { signal_hook::low_level::register(libc::SIGINT, handler) }?;
    Ok(())
}

/// Ends the process at once, also in a signal handler.
pub(crate) fn exit(status: c_int) -> ! {
    signal_hook::low_level::exit(status)
}

/// Ends the process as SIGINT does by default, so that its parent sees the signal. Also in a signal handler.
pub(crate) fn end_by_ctrl_c(status: c_int) -> ! {
    let _ = signal_hook::low_level::emulate_default_handler(libc::SIGINT);
    exit(status)
}

/// The search paths for the Lua modules of a distribution: first the path for modules in Lua, then the path for modules
/// in C. The built-in Lua by itself searches only below `/usr/local`.
pub(crate) fn modules(number: &str) -> [String; 2] {
    let machine = if consts::ARCH == "x86" { "i386" } else { consts::ARCH };
    [
        format!("/usr/share/lua/{number}/?.lua;/usr/share/lua/{number}/?/init.lua"),
        format!(
            "/usr/lib/{machine}-linux-gnu/lua/{number}/?.so;/usr/lib/lua/{number}/?.so;/usr/lib64/lua/{number}/?.so"
        ),
    ]
}

/// Whether the program shows a prompt if it gets no script. On a terminal it does. `None` means that this system has no
/// prompt.
pub(crate) fn is_for_a_prompt() -> Option<bool> {
    Some(io::stdin().is_terminal() && io::stdout().is_terminal())
}
