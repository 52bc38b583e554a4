//! The program `cogloop`: runs a Lua script on a built-in Lua that has the event loop preloaded.
//!
//! ```text
//!   command_line ──► what to run ──► environment ──► interpreter ──► exit status
//!                                    LUA_INIT, …         ▲
//!                                           ctrl_c ──────┤  makes running loops return, or raises in the script
//!                                           prompt ──────┘  runs what is typed, and the default loop meanwhile
//! ```
//!
//! Exit status: 0 when the script ends, 1 for a Lua error, 2 for bad usage, 130 after Ctrl-C, or the status of
//! `os.exit`.

mod colour;
mod command_line;
mod ctrl_c;
mod environment;
mod interpreter;
mod message;
mod outputs;
#[cfg_attr(windows, path = "no_prompt.rs")]
mod prompt;
mod sys;
mod usage;

use command_line::{Command, Options, Script};
use std::ffi::OsStr;
use std::process::ExitCode;

fn main() -> ExitCode {
    sys::prepare();
    let options = match prepared() {
        Ok(options) => options,
        Err(problem) => {
            message::tell(format_args!("{problem}\nTry 'cogloop --help'."));
            return ExitCode::from(2);
        }
    };
    match options.command {
        Command::Help => message::show(&usage::help()),
        Command::Man => message::show(&usage::man(&version())),
        Command::Version => message::show(&(version() + "\n")),
        Command::Run(script) => run(script, options.trace.as_deref()),
    }
}

/// Reads the command line, and applies its options.
fn prepared() -> Result<Options, String> {
    let options = command_line::parse(lexopt::Parser::from_env(), sys::is_for_a_prompt())?;
    outputs::check(options.trace.as_deref(), options.recording())?;
    if let Some(backend) = &options.backend {
        cogloop_lua_core::set_default_backend(backend)?;
    }
    if let Some(limit_ns) = options.slow_ns {
        cogloop_lua_core::report_slow(limit_ns);
    }
    if options.shows_stats {
        cogloop_lua_core::report_stats();
    }
    if options.shows_top {
        cogloop_lua_core::show_top();
    }
    if let Some(file) = &options.trace {
        cogloop_lua_core::set_default_trace(file.clone());
    }
    if options.is_virtual {
        cogloop_lua_core::set_virtual();
    }
    if options.tells_version {
        // As in `lua`, the script runs even if the version cannot be written.
        message::show(&(version() + "\n"));
    }
    Ok(options)
}

fn run(mut script: Script, trace: Option<&OsStr>) -> ExitCode {
    let is_run = !script.is_checked_only;
    let without_a_loop = outputs::without_a_loop(trace, script.recording.as_ref());
    script.recording.take().into_iter().for_each(cogloop_lua_core::set_recording);
    environment::prepare(&mut script, cogloop_lua_core::LUA_VERSION);
    let status = interpreter::run(&script);
    if is_run && !cogloop_lua_core::has_made_a_loop() {
        without_a_loop.iter().for_each(|line| message::tell(format_args!("{line}")));
    }
    status
}

fn version() -> String {
    format!("cogloop {} ({})", env!("CARGO_PKG_VERSION"), cogloop_lua_core::LUA_VERSION)
}
