//! The project's own commands, one module each:
//!
//! ```text
//! test/          all checks and tests, in one run with a summary
//! busy/          tests whose threads stall at random
//! soak           tests that have no end: the fuzzer in border/, the comparisons in faces, the server in load
//! mutants/       old bugs, each of which a test must catch
//! conformance/   which behaviours hold on which backend
//! bench          the benchmarks and the page that draws them; bench_lua prepares the benchmark of Lua
//! lua            the Lua modules for a stock interpreter
//! c/             the C library with its headers
//! dist/          the files of a release
//! docs/          the book
//! tidy/          the rules of the source tree, one file for each group
//! ```
//!
//! `project` finds things in the tree, and `process` runs other programs. Every error is a sentence for the person at
//! the terminal, so it is a `String`.

mod bench;
mod bench_lua;
mod border;
mod built;
mod busy;
mod c;
mod conformance;
mod dist;
mod docs;
mod faces;
mod files;
mod load;
mod lua;
mod mutants;
mod pip;
mod process;
mod project;
mod soak;
mod test;
mod tidy;
mod wine;

use project::Project;

const HELP: &str = "\
The commands of the Cogloop project. Usage: cargo xtask COMMAND

  test [STEP…]           every check and test, installing what is missing; `test --list` names the steps;
                         steps run side by side, --lanes N says how many at once
  check                  format, clippy, tidy, unit tests and one Lua: for after each edit
  conformance            which behaviours of docs/conformance.md hold on which backend, by tests on the real kernel
  test --sanitize        the tests of io and the runner under the address sanitizer, those of the waker and the C
                         library under the thread sanitizer, and a thousand ends of processes; needs nightly
  check-targets          type-checks for macOS, FreeBSD, illumos and Windows; builds the wheel for a bare machine
  lua VERSION [--env]    build the module for that Lua; --env prints the exports: eval \"$(cargo xtask lua 5.4 --env)\"
  c --prefix DIR         build libcogloop and install it, its headers and its pkg-config file into DIR; --libdir DIR
                         says where the libraries go, DESTDIR=DIR in the environment puts all below it, for a package
  dist                   everything that a release publishes, into target/dist; the same commit gives the same bytes;
                         `test dist` and `test same-bytes`, which run only if they are named, check that
  docs                   the book, with the references of Rust and C: target/book/index.html; `test browser`, which runs
                         only if it is named, looks at it in Chromium
  tidy [--write]         the rules of the source tree: dependencies, sizes, unsafe, links, manifests; --write writes
                         the list of files in docs/architecture.md anew
  bench [NAME…] [ARGS…]  the benchmarks, or those of the names, and target/report/index.html, which draws them;
                         --quick is less exact and takes minutes; `bench NAME --help` lists the options:
    wheel                the timing wheel beside other timer stores
    scaling              the same stores from a thousand timers to ten million
    readiness            the loop over descriptors beside bare system calls and other loops
    latency              how late timers fire, beside other loops and bare system calls, idle and under load
    precision            how late a schedule is, beside a bare clock_nanosleep
    rust                 the crate cogloop beside other loops for Rust
    resolution           what the length of a tick costs and gives
    traced               what a trace adds to a callback in Rust, in C and in Lua
    mockit               timers with callbacks in C and Lua, beside a thread for each and the timers of POSIX
    c                    timers, descriptors and loops through cogloop.h, beside libev and libuv
    lua                  timers and sockets of t.Loop and cogloop beside other loops for Lua
  bench report           draws the page again; --pictures DIR writes its pictures as files, too
  exits [--runs N]       scripts with 10,000 tasks pending end in three ways on each Lua, 1000 times if N is not said
  soak [--minutes N]     tests that have no end: the wheel, the Rust crate, the C library and the Lua modules beside
                         their models; the fuzzer of the Lua border; servers under load. --list shows the names, --only
                         NAME chooses one, --seed S repeats a run, --programs N counts programs instead of minutes
  busy [STEP…]           steps of the tests while their threads stall at random, as on a busy machine: shows tests that
                         fail by chance. --one-in N says how often, --runs N repeats, --seed S begins with that seed
  simulate [--seeds N]   the event loop in simulated worlds, one for each seed; --first S begins at S, --replay S shows one
  mutants [NAME…]        switches on old bugs one at a time and shows which test catches each; --all runs every suite
  help                   this text";

/// Runs the command that `arguments` name. The error is a message for the terminal.
pub fn command(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        // The benchmarks have a help text of their own.
        [name, .., "--help" | "-h"] if *name != "bench" && has_line(name) => command(&["help"]),
        ["test", "--list"] => {
            test::list();
            Ok(())
        }
        ["test", "--sanitize"] => test::run_sanitized(&Project::locate()?),
        ["check"] => test::check(&Project::locate()?),
        ["check-targets"] => test::check_targets(&Project::locate()?),
        ["test", steps @ ..] => test::run(&Project::locate()?, steps),
        ["conformance"] => conformance::run(&Project::locate()?).map(drop),
        ["lua", version] => lua::command(&Project::locate()?, version),
        ["lua", version, "--env"] | ["lua", "--env", version] => lua::print_env(&Project::locate()?, version),
        ["c", arguments @ ..] => c::command(&Project::locate()?, arguments),
        ["docs"] => docs::command(&Project::locate()?),
        ["dist"] => dist::command(&Project::locate()?),
        ["exits", arguments @ ..] => test::exits::command(&Project::locate()?, arguments),
        ["tidy"] => tidy::run(&Project::locate()?),
        ["tidy", "--write"] => tidy::write(&Project::locate()?),
        ["bench", arguments @ ..] => bench::run(&Project::locate()?, arguments),
        ["soak", arguments @ ..] => soak::command(&Project::locate()?, arguments),
        ["busy", arguments @ ..] => busy::command(&Project::locate()?, arguments),
        ["simulate", arguments @ ..] => process::run(test::simulate::command(&Project::locate()?)?.args(arguments)),
        ["mutants", arguments @ ..] => mutants::run(&Project::locate()?, arguments).map(drop),
        other => Err(format!("no such command: `{}`\n\n{HELP}", other.join(" "))),
    }
}

/// Whether the help lists the command.
fn has_line(name: &str) -> bool {
    HELP.lines().any(|line| line.starts_with(&format!("  {name} ")))
}

/// The README's Rust example, as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The Rust examples of the book.
#[cfg(doctest)]
#[doc = include_str!("../../docs/rust.md")]
pub struct Rust;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_named_and_answered_with_the_help() {
        let message = command(&["tset"]).unwrap_err();
        assert!(message.contains("`tset`") && message.contains(HELP), "{message}");
        assert!(command(&["lua"]).is_err(), "a version is missing");
    }

    #[test]
    fn help_after_a_command_prints_the_help_and_runs_nothing() {
        for arguments in [&["test", "--help"][..], &["lua", "-h"], &["c", "--prefix", "--help"], &["mutants", "--help"]]
        {
            assert_eq!(command(arguments), Ok(()), "{arguments:?}");
        }
        assert!(command(&["tset", "--help"]).is_err(), "an unknown command has no help");
    }

    #[test]
    fn help_has_a_line_for_each_command() {
        for name in [
            "test",
            "check",
            "check-targets",
            "conformance",
            "lua",
            "c",
            "dist",
            "docs",
            "tidy",
            "bench",
            "exits",
            "soak",
            "busy",
            "simulate",
            "mutants",
            "help",
        ] {
            assert!(has_line(name), "{name}");
        }
    }
}
