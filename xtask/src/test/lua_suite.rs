//! Runs every file of the Lua tests on every interpreter and backend.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::interpreters::Interpreter;
use super::step::StepResult;
use super::summary::Tally;
use crate::project::Project;
use crate::{lua, process};

const SUITE: &str = "bindings/lua/tests/lua";

/// The time limit for one file: far more than a file needs. A file that hangs becomes a failure.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);

pub(super) fn run(project: &Project) -> StepResult {
    let interpreters = Interpreter::all(project)?;
    run_on(project, interpreters.iter().flat_map(|each| each.backends.iter().map(move |&backend| (each, backend))))
}

/// Runs the files on one stock interpreter, with the default backend of Linux: for a quick check.
pub(super) fn run_once(project: &Project) -> StepResult {
    let interpreter = Interpreter::stock(project, lua::find("5.4")?)?;
    run_on(project, [(&interpreter, interpreter.backends[0])].into_iter())
}

fn run_on<'a>(project: &Project, columns: impl Iterator<Item = (&'a Interpreter, &'static str)>) -> StepResult {
    let files = files(project)?;
    let mut total = Tally::default();
    let mut failures = Vec::new();
    let mut table = String::new();
    for (interpreter, backend) in columns {
        let on = format!("{} on {backend}", interpreter.name);
        println!("--- {on}");
        let mut sum = Tally::default();
        if let Some(why) = interpreter.refused(project, backend)? {
            let line = format!("skipped: {on}: {why}");
            println!("{line}");
            total.add(&Tally::of(&[line]));
            continue;
        }
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            println!("{name}");
            let (lines, verdict) = process::watch(interpreter.command(project, backend).arg(file), LIMIT);
            let tally = Tally::of(&lines);
            sum.add(&tally);
            if let Err(message) = verdict.and_then(|()| tally.outcome()) {
                failures.push(format!("{name} with {on}: {message}"));
            }
        }
        table += &format!("{:12} {backend:9} {sum}\n", interpreter.name);
        total.add(&sum);
    }
    print!("\n{table}");
    if failures.is_empty() { total.outcome() } else { Err(format!("{total}\n{}", failures.join("\n"))) }
}

/// The files of the suite.
pub(crate) fn files(project: &Project) -> Result<Vec<PathBuf>, String> {
    scripts(&project.root.join(SUITE))
}

/// The Lua files of a folder, in the order of their names.
fn scripts(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut scripts: Vec<_> = paths.filter(|path| path.extension().is_some_and(|last| last == "lua")).collect();
    scripts.sort();
    if scripts.is_empty() { Err(format!("no Lua test in {}", folder.display())) } else { Ok(scripts) }
}
