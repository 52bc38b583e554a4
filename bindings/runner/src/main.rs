//! The program `cogloop`: runs a Lua script on a built-in Lua that has the event loop preloaded.
//!
//! ```text
//!   command_line ──► what to run ──► interpreter ──► exit status
//!                                        ▲
//!                           ctrl_c ──────┘  stops running loops in order, or raises in the script
//! ```
//!
//! Exit status: 0 when the script ends, 1 for a Lua error, 2 for bad usage, 130 after Ctrl-C; or what `os.exit` says.

mod command_line;
mod ctrl_c;
mod interpreter;

use command_line::Command;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cogloop [options] script.lua [args]
       cogloop [options] -e 'code' [args]
       cogloop [options] -             run standard input

Options:
  --backend NAME   how to wait for descriptors, for every loop that does not choose itself (uring, epoll, select, portable)
  --version        print the version and end
  --help           print this and end

A script finds the event loop with  local Loop = require 't.Loop'  and its arguments in  arg.
";

fn main() -> ExitCode {
    // A closed pipe ends the program, as it ends any other: Rust's start-up code has ignored the signal.
    // SAFETY: no other thread runs yet, and the default action is no function.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };

    let command = command_line::parse(lexopt::Parser::from_env()).and_then(|options| {
        if let Some(backend) = &options.backend {
            cogloop_lua_core::set_default_backend(backend)?;
        }
        Ok(options.command)
    });
    match command {
        Ok(Command::Help) => print!("{USAGE}"),
        Ok(Command::Version) => println!("cogloop {} ({})", env!("CARGO_PKG_VERSION"), cogloop_lua_core::LUA_VERSION),
        Ok(Command::Run(script)) => return interpreter::run(&script),
        Err(problem) => {
            eprintln!("cogloop: {problem}\nTry 'cogloop --help'.");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
