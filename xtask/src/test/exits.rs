//! A script with 10,000 pending tasks and 10,000 pending timers of luamockit must end cleanly, in each of three ways.
//! Each way is run many times, because a fault here shows only sometimes.

use std::path::Path;

use super::step::StepResult;
use crate::lua::{self, VERSIONS, Version};
use crate::project::Project;

/// The number of runs of each way on each Lua in the tests.
const RUNS: u32 = 25;

/// The default number of runs in `cargo xtask exits`.
const RUNS_ALONE: u32 = 1_000;

/// The last callback's code, and the exit status that it must cause.
const ENDS: [(&str, i32); 3] = [("os.exit( true, true )", 0), ("error( 'the end' )", 1), ("loop:stop( )", 0)];

pub(super) fn run(project: &Project) -> StepResult {
    run_each(project, RUNS)
}

/// `cargo xtask exits [--runs N]`
pub(crate) fn command(project: &Project, arguments: &[&str]) -> Result<(), String> {
    let runs = match arguments {
        [] => RUNS_ALONE,
        ["--runs", runs] => {
            runs.parse().ok().filter(|runs| *runs > 0).ok_or_else(|| format!("--runs takes a number, not `{runs}`"))?
        }
        other => return Err(format!("`exits` takes --runs N, not `{}`", other.join(" "))),
    };
    run_each(project, runs).map(|note| println!("{note}"))
}

fn run_each(project: &Project, runs: u32) -> StepResult {
    for (number, version) in VERSIONS.iter().enumerate() {
        let folder = lua::build(project, version)?;
        for (way, (end, expected)) in ENDS.into_iter().enumerate() {
            // In Lua 5.1 `os.exit` takes only numbers and never closes the state.
            let end = if version.name == "5.1" { end.replace("true, true", "0") } else { end.to_owned() };
            println!(
                "{} of {}: {}, {end}",
                number * ENDS.len() + way + 1,
                VERSIONS.len() * ENDS.len(),
                version.interpreter
            );
            for run in 1..=runs {
                run_once(project, version, &folder, &end, expected)
                    .map_err(|message| format!("{}, {end}, run {run}: {message}", version.interpreter))?;
                if run % 100 == 0 {
                    println!("  {run} of {runs}");
                }
            }
        }
    }
    Ok(format!("{} runs, each with 10,000 tasks pending", runs as usize * ENDS.len() * VERSIONS.len()))
}

fn run_once(project: &Project, version: &Version, folder: &Path, end: &str, expected: i32) -> Result<(), String> {
    let script = format!(
        "local loop, mit = require 't.Loop'( ), require 'luamockit'
         for i = 1, 10000 do loop:addTask( 1e6 + i, print, {{ }} ) mit.getit( 1e6 + i, print ) end
         loop:addHandle( io.stdout, 'w', function( ) end )
         loop:addTask( 0, function( ) {end} end )
         loop:run( )"
    );
    let mut command = project.program(version.interpreter);
    let output = command.envs(lua::env(folder)).args(["-e", &script]).output().map_err(|error| error.to_string())?;
    if output.status.code() == Some(expected) {
        return Ok(());
    }
    Err(format!("{}, {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
