//! The program `cogloop`: runs a Lua script on a built-in Lua that has the event loop preloaded.
//!
//! ```text
//!   command_line ──► what to run ──► environment ──► interpreter ──► exit status
//!                                    LUA_INIT, …         ▲
//!                                           ctrl_c ──────┘  stops running loops in order, or raises in the script
//! ```
//!
//! Exit status: 0 when the script ends, 1 for a Lua error, 2 for bad usage, 130 after Ctrl-C; or what `os.exit` says.

mod command_line;
mod ctrl_c;
mod environment;
mod interpreter;
mod sys;

use command_line::Command;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cogloop [options] [script.lua [args]]
       cogloop [options] -             run standard input

Options, as those of lua:
  -e CODE          run CODE, before the script; may be given more than once
  -l [GLOBAL=]NAME require the module NAME, and keep it in GLOBAL, or else in NAME
  -v               print the version, then go on
  -W               write warnings
  -E               leave LUA_INIT, LUA_PATH and LUA_CPATH alone
  --               no options after this
Others:
  --backend NAME   how to wait for descriptors, for every loop that does not choose itself (uring, epoll, select, portable)
  --trace FILE     write what the script's loops do, for Perfetto: the first loop into FILE, the others into FILE.1, …
  --record FILE    record what the script's first loop gets from outside (docs/replay.md)
  --replay FILE    run the script on such a recording, in the recorded order
  --check          compile the script, and do not run it
  --version        print the version and end
  -h, --help       print this and end

Environment: LUA_INIT or LUA_INIT_5_4 is code, or @FILE, that runs first; LUA_PATH and LUA_CPATH are where modules are;
COGLOOP_BACKEND is a default for --backend.

A script finds the event loop with  local cogloop = require 'cogloop'  or  local Loop = require 't.Loop'  and its arguments
in  arg.
";

fn main() -> ExitCode {
    sys::prepare();
    let command = command_line::parse(lexopt::Parser::from_env()).and_then(|options| {
        if let Some(backend) = &options.backend {
            cogloop_lua_core::set_default_backend(backend)?;
        }
        if let Some(file) = options.trace {
            cogloop_lua_core::set_default_trace(file);
        }
        if options.tells_version {
            println!("{}", version());
        }
        if let Command::Run(script) = &options.command {
            script.recording.as_ref().map_or(Ok(()), check_recording)?;
        }
        Ok(options.command)
    });
    match command {
        Ok(Command::Help) => print!("{USAGE}"),
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

/// A script may not look at the reason why it gets no loop, so a missing file is told before it runs.
fn check_recording(recording: &cogloop_lua_core::Recording) -> Result<(), String> {
    let cogloop_lua_core::Recording::Replay(path) = recording else { return Ok(()) };
    std::fs::File::open(path).map_err(|error| format!("--replay {}: {error}", path.display())).map(drop)
}

fn version() -> String {
    format!("cogloop {} ({})", env!("CARGO_PKG_VERSION"), cogloop_lua_core::LUA_VERSION)
}
