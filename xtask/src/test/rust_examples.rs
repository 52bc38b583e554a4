//! Runs the examples of the crate `cogloop` unchanged and checks their output.

use std::time::Duration;

use super::step::StepResult;
use crate::process;
use crate::project::Project;

const LIMIT: Duration = Duration::from_secs(600);

struct Example {
    name: &'static str,
    arguments: &'static [&'static str],
    shows: &'static [&'static str],
    never: &'static [&'static str],
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "hello",
        arguments: &[],
        shows: &["one-shot", "tick 8 of 8", "hello from a child", "child has ended", "nap 2 of 2", "another thread"],
        never: &["EARLY", "must not"],
    },
    Example {
        name: "echo",
        arguments: &["5", "10"],
        shows: &["5 clients, 50 messages echoed"],
        never: &["has failed"],
    },
    Example {
        name: "timeouts",
        arguments: &["20000"],
        shows: &["20000 timeouts armed", "10000 timed out of 10000, 0 early"],
        never: &[],
    },
];

pub(super) fn run(project: &Project) -> StepResult {
    // Builds the whole workspace, like the tests do, so almost everything is already built.
    process::run(&mut project.cargo(&["build", "--quiet", "--workspace", "--examples"]))?;
    for example in EXAMPLES {
        println!("--- {}", example.name);
        let mut program = project.program(project.target.join("debug/examples").join(example.name));
        let (lines, verdict) = process::watch(program.args(example.arguments), LIMIT);
        verdict?;
        let has = |what: &&str| lines.iter().any(|line| line.contains(what));
        if let Some(what) = example.shows.iter().find(|what| !has(what)) {
            return Err(format!("the example {} does not show `{what}`", example.name));
        }
        if let Some(what) = example.never.iter().find(|what| has(what)) {
            return Err(format!("the example {} shows `{what}`", example.name));
        }
    }
    Ok(format!("{} in Rust", EXAMPLES.len()))
}
