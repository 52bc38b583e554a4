//! Unix. Twin of `windows`.

use std::env::consts;
use std::ffi::c_int;
use std::io::{self, IsTerminal};

/// What the program does first.
pub(crate) fn prepare() {
    // A closed pipe ends the program, as it ends any other: Rust's start-up code has ignored the signal.
    // SAFETY: no other thread runs yet, and the default action is no function.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Has this function called on SIGINT, for good.
///
/// # Errors
///
/// What the kernel says.
///
/// # Safety
///
/// The function is async-signal-safe.
pub(crate) unsafe fn on_ctrl_c(handler: fn()) -> io::Result<()> {
    // SAFETY: the caller's promise.
    unsafe { signal_hook::low_level::register(libc::SIGINT, handler) }?;
    Ok(())
}

/// Ends the process at once, in a signal handler too.
pub(crate) fn exit(status: c_int) -> ! {
    signal_hook::low_level::exit(status)
}

/// Where a distribution keeps modules in Lua, and in C. The built-in Lua itself looks below `/usr/local` only.
pub(crate) fn modules(number: &str) -> [String; 2] {
    let machine = if consts::ARCH == "x86" { "i386" } else { consts::ARCH };
    [
        format!("/usr/share/lua/{number}/?.lua;/usr/share/lua/{number}/?/init.lua"),
        format!(
            "/usr/lib/{machine}-linux-gnu/lua/{number}/?.so;/usr/lib/lua/{number}/?.so;/usr/lib64/lua/{number}/?.so"
        ),
    ]
}

/// Whether the program is started for a prompt when it gets no script: on a terminal. `None`: this system has no prompt.
pub(crate) fn is_for_a_prompt() -> Option<bool> {
    Some(io::stdin().is_terminal() && io::stdout().is_terminal())
}
