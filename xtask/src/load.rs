//! Runs a server in Lua under load, with its clients in another process (`proptests/faces/load`): a million timers, a
//! thousand intervals and 6,000 connections, some of which stall or are reset. No connection may be lost, no timer may
//! fire early, and the server must react to SIGTERM.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::project::Project;
use crate::test::interpreters::Interpreter;

pub(crate) const BACKENDS: &[&str] = &["uring", "epoll"];

const TIMERS: &str = "1000000";
const INTERVALS: &str = "1000";
const CONNECTIONS: &str = "6000";
/// The least number of rounds. A round lasts about a second, and longer on a busy machine.
const TASKS_ROUNDS: &str = "20";
const TASKS_GRACE: Duration = Duration::from_secs(300);
/// The server must have served the signal within this time.
const SIGNAL_MAX: Duration = Duration::from_secs(1);

/// Runs both processes for `share`, a part of the soak's time, and then until the last connection has ended in order.
/// Returns their counts.
pub(crate) fn soak(project: &Project, backend: &str, share: Duration) -> Result<String, String> {
    let interpreter = Interpreter::named(project, "lua5.4")?;
    let start = |script: &str, arguments: &[&str]| {
        let mut command = interpreter.command(project, backend);
        command.arg(format!("proptests/faces/load/{script}")).args(arguments);
        Ended::start(command.stdout(Stdio::piped()))
    };
    let mut server = start("server.lua", &[TIMERS, INTERVALS])?;
    let mut said = BufReader::new(server.0.stdout.take().ok_or("the server has no output")?);
    let mut line = || {
        let mut line = String::new();
        said.read_line(&mut line).map_err(|error| format!("the server's output: {error}"))?;
        Ok::<_, String>(line.trim().to_owned())
    };
    let port = line()?;
    let seconds = share.as_secs().max(1).to_string();
    let mut clients = start("clients.lua", &[&port, &seconds, CONNECTIONS])?;
    std::thread::sleep(share);

    let asked = Instant::now();
    let pid = server.0.id().to_string();
    crate::process::run(Command::new("kill").args(["-TERM", &pid]))?;
    if line()? != "SIGTERM" {
        return Err("the server did not take the signal".into());
    }
    let took = asked.elapsed();
    let mut sum = String::new();
    let mut output = clients.0.stdout.take().ok_or("the clients have no output")?;
    output.read_to_string(&mut sum).map_err(|error| format!("the clients' output: {error}"))?;
    let is_whole = clients.0.wait().is_ok_and(|status| status.success());
    let served = line()?;
    let story = format!("SIGTERM after {} ms; server: {served}; clients: {}", took.as_millis(), sum.trim());
    let is_right = is_whole && took < SIGNAL_MAX && served.contains(", 0 refused,") && served.ends_with(" 0 early");
    if is_right { Ok(story) } else { Err(story) }
}

/// Runs tasks on sockets with time limits. Runs for `share`, a part of the soak's time, and for at least twenty rounds.
/// Returns the counts of the tasks.
pub(crate) fn tasks(project: &Project, backend: &str, share: Duration) -> Result<String, String> {
    let interpreter = Interpreter::named(project, "lua5.4")?;
    let mut command = interpreter.command(project, backend);
    let seconds = share.as_secs().max(1).to_string();
    command.arg("proptests/faces/load/tasks.lua").args([&seconds, TASKS_ROUNDS]);
    let (lines, verdict) = crate::process::watch(&mut command, share.saturating_add(TASKS_GRACE));
    let story = lines.last().cloned().unwrap_or_default();
    verdict.map(|()| story.clone()).map_err(|message| format!("{message}: {story}"))
}

/// A process that is killed when this value is dropped, also after an error.
struct Ended(Child);

impl Ended {
    fn start(command: &mut Command) -> Result<Self, String> {
        command.spawn().map(Self).map_err(|error| format!("{}: {error}", command.get_program().display()))
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
