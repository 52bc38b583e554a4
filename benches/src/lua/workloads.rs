//! The workloads of `bench lua`.

use super::echo;
use super::script;
use super::workload::{CLIENTS, Figure, Good, Sample, Workload, figure};
use crate::options::Options;
use crate::readiness::{BARE_EPOLL, Court};

const PENDING: &[Figure] = &[
    figure("add", "add, CPU ns", 1.0, Good::Low),
    figure("cancel", "cancel, CPU ns", 1.0, Good::Low),
    figure("bytes", "resident, bytes", 1.0, Good::Low),
];
const DUE: &[Figure] = &[figure("callbacks", "callbacks, millions a CPU second", 1e6, Good::High)];
const INTERVALS: &[Figure] = &[
    figure("fires", "fires", 1.0, Good::Exact),
    figure("drift", "drift, ms", 1.0, Good::Low),
    figure("cpu", "CPU, s", 1.0, Good::Low),
];
const PINGPONG: &[Figure] = &[figure("event", "event, CPU ns", 1.0, Good::Low)];
const ECHO: &[Figure] = &[
    figure("messages", "messages, thousands a second", 1e3, Good::High),
    figure("message_cpu", "message, server's CPU ns", 1.0, Good::Low),
];

const JOIN: &[Figure] = &[figure("join", "begun, asleep and joined, CPU ns", 1.0, Good::Low)];
const CHANNEL: &[Figure] = &[figure("round", "there and back, CPU ns", 1.0, Good::Low)];
const SLEEPING: &[Figure] = &[
    figure("bytes", "a sleeping one, resident, bytes", 1.0, Good::Low),
    figure("cancel", "cancel, CPU ns", 1.0, Good::Low),
];

/// The sizes of the workloads.
struct Scale {
    /// Numbers of timers.
    sizes: &'static [usize],
    /// The time for which intervals run.
    seconds: usize,
    /// The number of events of a ping-pong, and of tasks that are spawned one after the other.
    events: usize,
    /// The number of sleeping tasks. It is large, because the kernel counts memory in pages.
    asleep: usize,
    rounds: usize,
    /// The rounds of the intervals. There are fewer of them, because intervals take long.
    slow_rounds: usize,
    is_quick: bool,
}

impl Scale {
    fn of(options: &Options) -> Self {
        let (sizes, seconds, events, rounds, slow_rounds): (&[usize], _, _, _, _) = match (options.smoke, options.quick)
        {
            (true, _) => (&[1_000], 1, 2_000, 1, 1),
            (_, true) => (&[1_000, 100_000], 1, 40_000, 3, 1),
            _ => (&[1_000, 100_000, 1_000_000], 5, 100_000, 5, 3),
        };
        let asleep = if options.smoke { 10_000 } else { 100_000 };
        let rounds = options.reps.unwrap_or(rounds);
        Self { sizes, seconds, events, asleep, rounds, slow_rounds, is_quick: options.quick }
    }

    /// Makes a workload that one of the scripts runs. The script's arguments are `what`, which is the script's own name
    /// of the workload, and `size`.
    fn scripted(
        &self,
        name: String,
        script: &'static str,
        what: &str,
        size: usize,
        figures: &'static [Figure],
    ) -> Workload {
        Workload {
            name,
            size,
            script,
            arguments: vec![what.to_owned(), size.to_string()],
            rounds: self.rounds,
            figures,
            run: script::run,
            bare: None,
            is_of_descriptors: false,
        }
    }

    fn timers(&self, what: &str, size: usize, figures: &'static [Figure]) -> Workload {
        self.scripted(format!("{what}, {size} timers"), "timers.lua", what, size, figures)
    }

    fn intervals(&self, size: usize) -> Workload {
        let mut workload = self.timers("intervals", size, INTERVALS);
        workload.arguments.push(self.seconds.to_string());
        workload.rounds = self.slow_rounds;
        workload
    }

    fn tasks(&self, what: &str, name: &str, size: usize, figures: &'static [Figure]) -> Workload {
        self.scripted(format!("tasks, {name}"), "tasks.lua", what, size, figures)
    }

    fn pingpong(&self, size: usize, active: usize) -> Workload {
        Workload {
            name: match size {
                1 => "ping-pong, 1 pair".to_owned(),
                _ => format!("ping-pong, {size} pairs, {active} active"),
            },
            size,
            script: "pingpong.lua",
            arguments: [size, active, self.events].iter().map(usize::to_string).collect(),
            rounds: self.rounds,
            figures: PINGPONG,
            run: script::run,
            bare: Some(bare_pingpong),
            is_of_descriptors: true,
        }
    }

    fn echo(&self) -> Workload {
        Workload {
            name: format!("echo, {CLIENTS} clients, 64 bytes"),
            size: CLIENTS,
            script: "echo.lua",
            arguments: vec![CLIENTS.to_string()],
            rounds: self.rounds,
            figures: ECHO,
            run: if self.is_quick { echo::run_short } else { echo::run },
            bare: Some(if self.is_quick { echo::bare_short } else { echo::bare }),
            is_of_descriptors: true,
        }
    }
}

pub(super) fn all(options: &Options) -> Vec<Workload> {
    let scale = Scale::of(options);
    let (events, asleep) = (scale.events, scale.asleep);
    let mut all: Vec<_> = scale.sizes.iter().map(|&size| scale.timers("pending", size, PENDING)).collect();
    all.extend([
        scale.timers("due", 100_000.min(scale.sizes[scale.sizes.len() - 1]), DUE),
        scale.intervals(1),
        scale.intervals(1_000),
        scale.tasks("join", "spawn and join", events, JOIN),
        scale.tasks("channel", "channel ping-pong", events, CHANNEL),
        scale.tasks("sleeping", &format!("{asleep} asleep"), asleep, SLEEPING),
        scale.pingpong(1, 1),
        scale.pingpong(1_000, 10),
        scale.echo(),
    ]);
    all
}

/// The ping-pong of the bare loop. It has the same arguments as the script.
fn bare_pingpong(workload: &Workload) -> Result<Sample, String> {
    let numbers: Vec<usize> = workload.arguments.iter().map(|text| text.parse().unwrap_or(1)).collect();
    let [pairs, active, events] = numbers[..] else { return Err("it needs three numbers".to_owned()) };
    let play = || {
        let mut court = Court::open(&BARE_EPOLL, pairs, active)?;
        court.play(1_000.max(events / 4))?;
        court.rally(events)
    };
    let rally = play().map_err(|error| error.to_string())?;
    Ok(vec![("event".to_owned(), rally.cpu_ns)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_has_its_script_and_its_figures() {
        let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("lua");
        for workload in all(&Options::default()) {
            let text = std::fs::read_to_string(scripts.join(workload.script)).unwrap();
            let printed =
                workload.figures.iter().filter(|figure| figure.name != "messages" && figure.name != "message_cpu");
            for figure in printed {
                assert!(text.contains(&format!("print( '{}'", figure.name)), "{}: {}", workload.name, figure.name);
            }
        }
    }

    #[test]
    fn the_bare_loop_accepts_the_arguments_of_the_scripts() {
        let workloads = all(&Options { smoke: true, ..Options::default() });
        let games = workloads.iter().filter(|workload| workload.script == "pingpong.lua");
        for sample in games.map(bare_pingpong) {
            assert!(sample.unwrap()[0].1 > 0.0);
        }
    }
}
