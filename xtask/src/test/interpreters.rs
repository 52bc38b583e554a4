//! What runs a Lua script here: the runner, and each stock interpreter with the module built for it.

use std::path::PathBuf;
use std::process::Command;

use crate::project::Project;
use crate::{lua, process};

/// What must make no difference to a script.
const BACKENDS: &[&str] = &["epoll", "uring", "select", "portable"];

/// One interpreter on one backend.
pub(super) struct Interpreter {
    program: PathBuf,
    env: Vec<(&'static str, String)>,
    backend: &'static str,
}

impl Interpreter {
    /// Each on each backend; builds what they need.
    pub(super) fn all(project: &Project) -> Result<Vec<Self>, String> {
        let mut programs = vec![(build_runner(project)?, Vec::new())];
        for version in lua::VERSIONS {
            let folder = lua::build(project, version)?;
            programs.push((version.interpreter.into(), lua::env(&folder).into()));
        }
        let on_each = |(program, env): (PathBuf, Vec<_>)| {
            BACKENDS.iter().map(move |backend| Self { program: program.clone(), env: env.clone(), backend })
        };
        Ok(programs.into_iter().flat_map(on_each).collect())
    }

    pub(super) fn command(&self, project: &Project) -> Command {
        let mut command = project.program(&self.program);
        command.envs(self.env.iter().map(|(name, value)| (name, value))).env("COGLOOP_BACKEND", self.backend);
        command
    }

    pub(super) fn name(&self) -> String {
        let program = self.program.file_name().unwrap_or(self.program.as_os_str());
        format!("{} on {}", program.to_string_lossy(), self.backend)
    }
}

/// Builds the program `cogloop` and returns where it stands.
pub(super) fn build_runner(project: &Project) -> Result<PathBuf, String> {
    process::run(&mut project.cargo(&["build", "--quiet", "--release", "-p", "cogloop-runner"]))?;
    Ok(project.target.join("release/cogloop"))
}
