//! What runs a Lua script here: the runner with each Lua that it can have built in, and each stock interpreter with the
//! modules built for it.

use std::path::PathBuf;
use std::process::Command;

use crate::project::Project;
use crate::{files, lua, process};

/// What must make no difference to a script.
const BACKENDS: &[&str] = &["uring", "epoll", "select", "portable"];

/// The runner's Luas, by the cargo feature; the first is its default.
const RUNNERS: &[(&str, &str)] = &[("5.4", "lua54"), ("5.5", "lua55"), ("jit", "luajit")];

/// A program that runs Lua scripts with all of our modules.
pub(crate) struct Interpreter {
    pub(crate) name: String,
    program: PathBuf,
    env: Vec<(&'static str, String)>,
    /// Those on which it is tested. The backends know nothing of Lua and Lua nothing of them, so one Lua is tested on all
    /// of them, and each on the two that a Linux machine really uses.
    pub(crate) backends: &'static [&'static str],
}

impl Interpreter {
    /// All of them; builds what they need.
    pub(crate) fn all(project: &Project) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        for version in lua::VERSIONS {
            all.push(Self::stock(project, version)?);
        }
        for &(version, feature) in RUNNERS {
            all.push(Self::runner(project, version, feature)?);
        }
        Ok(all)
    }

    /// The names of all.
    pub(crate) fn names() -> impl Iterator<Item = String> {
        let runners = RUNNERS.iter().map(|(version, _)| runner_name(version));
        lua::VERSIONS.iter().map(|version| version.interpreter.to_owned()).chain(runners)
    }

    /// The one of that name; builds what it needs.
    pub(crate) fn named(project: &Project, name: &str) -> Result<Self, String> {
        if let Some(version) = lua::VERSIONS.iter().find(|version| version.interpreter == name) {
            return Self::stock(project, version);
        }
        match RUNNERS.iter().find(|(version, _)| runner_name(version) == name) {
            Some((version, feature)) => Self::runner(project, version, feature),
            None => Err(format!("there is no `{name}`; there are {}", Self::names().collect::<Vec<_>>().join(", "))),
        }
    }

    fn runner(project: &Project, version: &str, feature: &str) -> Result<Self, String> {
        let program = build_runner(project, version, feature)?;
        Ok(Self { name: runner_name(version), program, env: Vec::new(), backends: &BACKENDS[..2] })
    }

    /// A stock interpreter, with the modules built for it.
    pub(crate) fn stock(project: &Project, version: &lua::Version) -> Result<Self, String> {
        let folder = lua::build(project, version)?;
        let backends = if version.name == "5.4" { BACKENDS } else { &BACKENDS[..2] };
        let name = version.interpreter;
        Ok(Self { name: name.into(), program: name.into(), env: lua::env(&folder).into(), backends })
    }

    pub(crate) fn command(&self, project: &Project, backend: &str) -> Command {
        let mut command = project.program(&self.program);
        self.prepare(&mut command, backend);
        command
    }

    /// The same, started by another program, which is given the interpreter's name as its last argument.
    pub(crate) fn command_behind(&self, mut starter: Command, backend: &str) -> Command {
        starter.arg(&self.program);
        self.prepare(&mut starter, backend);
        starter
    }

    fn prepare(&self, command: &mut Command, backend: &str) {
        command.envs(self.env.iter().map(|(name, value)| (name, value))).env("COGLOOP_BACKEND", backend);
    }

    /// Why the system refuses a backend, if it does: a loop runs on another one then.
    pub(crate) fn refused(&self, project: &Project, backend: &str) -> Result<Option<String>, String> {
        let mut command = self.command(project, backend);
        let told = process::capture(command.args(["-e", "print( require 't.Loop'( ):backend( ) )"]))?;
        let (name, reason) = told.trim().split_once('\t').unwrap_or((told.trim(), ""));
        Ok((name != backend).then(|| reason.to_owned()))
    }
}

fn runner_name(version: &str) -> String {
    format!("cogloop {version}")
}

/// Builds the program `cogloop` with its default Lua and returns where it stands.
pub(crate) fn default_runner(project: &Project) -> Result<PathBuf, String> {
    build_runner(project, RUNNERS[0].0, RUNNERS[0].1)
}

fn build_runner(project: &Project, version: &str, feature: &str) -> Result<PathBuf, String> {
    let features = ["--no-default-features", "--features", feature];
    // Each build leaves its program in the same place.
    let _lock = files::lock(project, "runner")?;
    process::run(project.cargo(&["build", "--quiet", "--release", "-p", "cogloop-runner"]).args(features))?;
    let folder = project.target.join("runner").join(version);
    let program = folder.join("cogloop");
    std::fs::create_dir_all(&folder)
        .and_then(|()| files::place(&project.target.join("release/cogloop"), &program))
        .map_err(|error| format!("cannot write {}: {error}", program.display()))?;
    Ok(program)
}
