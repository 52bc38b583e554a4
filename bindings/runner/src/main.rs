//! The program `cogloop`: runs a Lua script on a built-in Lua that has the event loop preloaded.
//!
//! ```text
//!   command_line ──► what to run ──► environment ──► interpreter ──► exit status
//!                                    LUA_INIT, …         ▲
//!                                           ctrl_c ──────┤  stops running loops in order, or raises in the script
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

use command_line::Command;
use std::process::ExitCode;

fn main() -> ExitCode {
    sys::prepare();
    let command = command_line::parse(lexopt::Parser::from_env(), sys::is_for_a_prompt()).and_then(|options| {
        let recording = match &options.command {
            Command::Run(script) => script.recording.as_ref(),
            _ => None,
        };
        outputs::check(&options, recording)?;
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
        if let Some(file) = options.trace {
            cogloop_lua_core::set_default_trace(file);
        }
        if options.is_virtual {
            cogloop_lua_core::set_virtual();
        }
        if options.tells_version {
            println!("{}", version());
        }
        Ok(options.command)
    });
    match command {
        Ok(Command::Help) => print!("{}", usage::help()),
        Ok(Command::Man) => print!("{}", usage::man(&version())),
        Ok(Command::Version) => println!("{}", version()),
        Ok(Command::Run(mut script)) => {
            script.recording.take().into_iter().for_each(cogloop_lua_core::set_recording);
            environment::prepare(&mut script, cogloop_lua_core::LUA_VERSION);
            return interpreter::run(&script);
        }
        Err(problem) => {
            eprintln!("cogloop: {problem}\nTry 'cogloop --help'.");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn version() -> String {
    format!("cogloop {} ({})", env!("CARGO_PKG_VERSION"), cogloop_lua_core::LUA_VERSION)
}
