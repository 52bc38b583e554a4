//! The programs that run Lua scripts: the runner with each Lua that can be built in, and each stock interpreter with
//! the modules built for it.

use std::path::PathBuf;
use std::process::Command;

use crate::project::Project;
use crate::{files, lua, process};

/// All backends. A script must behave the same on each of them.
const BACKENDS: &[&str] = &["uring", "epoll", "select", "portable"];

/// The versions of Lua that the runner can have, with their cargo features. The first is its default.
const RUNNERS: &[(&str, &str)] = &[("5.4", "lua54"), ("5.5", "lua55"), ("jit", "luajit")];

/// A program that runs Lua scripts with all modules of the project.
pub(crate) struct Interpreter {
    pub(crate) name: String,
    program: PathBuf,
    env: Vec<(&'static str, String)>,
    /// The backends on which it is tested. Backends and Lua are independent of each other, so one Lua is tested on all
    /// backends, and every other Lua on the two that a Linux machine uses.
    pub(crate) backends: &'static [&'static str],
}

impl Interpreter {
    /// Builds and returns all interpreters.
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

    /// The names of all interpreters.
    pub(crate) fn names() -> impl Iterator<Item = String> {
        let runners = RUNNERS.iter().map(|(version, _)| runner_name(version));
        lua::VERSIONS.iter().map(|version| version.interpreter.to_owned()).chain(runners)
    }

    /// Builds and returns the interpreter of that name.
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

    /// The same command, but another program starts it: the interpreter becomes the last argument of `starter`.
    pub(crate) fn command_behind(&self, mut starter: Command, backend: &str) -> Command {
        starter.arg(&self.program);
        self.prepare(&mut starter, backend);
        starter
    }

    fn prepare(&self, command: &mut Command, backend: &str) {
        command.envs(self.env.iter().map(|(name, value)| (name, value))).env("COGLOOP_BACKEND", backend);
        // The stock LuaJIT runs the scripts in both ways: with the FFI on one backend, and without the FFI on the
        // other.
        if self.name == "luajit" && backend == "epoll" {
            command.env("COGLOOP_FFI", "0");
        }
    }

    /// The reason why the system refuses a backend; `None` if the system accepts it. In place of a refused backend, a
    /// loop uses another backend.
    pub(crate) fn refused(&self, project: &Project, backend: &str) -> Result<Option<String>, String> {
        let mut command = self.command(project, backend);
        let answer = process::capture(command.args(["-e", "print( require 't.Loop'( ):backend( ) )"]))?;
        let (name, reason) = answer.trim().split_once('\t').unwrap_or((answer.trim(), ""));
        Ok((name != backend).then(|| reason.to_owned()))
    }
}

fn runner_name(version: &str) -> String {
    format!("cogloop {version}")
}

/// Builds the program `cogloop` with its default Lua and returns its path.
pub(crate) fn default_runner(project: &Project) -> Result<PathBuf, String> {
    build_runner(project, RUNNERS[0].0, RUNNERS[0].1)
}

fn build_runner(project: &Project, version: &str, feature: &str) -> Result<PathBuf, String> {
    let features = ["--no-default-features", "--features", feature];
    // Each build writes its program to the same path.
    let _lock = files::lock(project, "runner")?;
    process::run(project.cargo(&["build", "--quiet", "--release", "-p", "cogloop-runner"]).args(features))?;
    let folder = project.target.join("runner").join(version);
    let program = folder.join("cogloop");
    std::fs::create_dir_all(&folder)
        .and_then(|()| files::place(&project.target.join("release/cogloop"), &program))
        .map_err(|error| format!("cannot write {}: {error}", program.display()))?;
    Ok(program)
}
