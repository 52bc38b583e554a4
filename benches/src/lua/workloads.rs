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

pub(super) fn all(options: &Options) -> Vec<Workload> {
    // Numbers of timers, seconds for the intervals, events of a ping-pong, rounds, and rounds of the slow workloads.
    let (sizes, seconds, events, rounds, slow_rounds): (&[usize], _, _, _, _) = match (options.smoke, options.quick) {
        (true, _) => (&[1_000], 1, 2_000, 1, 1),
        (_, true) => (&[1_000, 100_000], 1, 40_000, 3, 1),
        _ => (&[1_000, 100_000, 1_000_000], 5, 100_000, 5, 3),
    };
    let rounds = options.reps.unwrap_or(rounds);
    let timers = |what: &str, size: usize, more: &[usize], rounds, figures| {
        let arguments = [what.to_owned(), size.to_string()].into_iter().chain(more.iter().map(usize::to_string));
        Workload {
            name: format!("{what}, {size} timers"),
            size,
            script: "timers.lua",
            arguments: arguments.collect(),
            rounds,
            figures,
            run: script::run,
            bare: None,
            is_of_descriptors: false,
        }
    };
    let pingpong = |size: usize, active: usize| Workload {
        name: if size == 1 {
            "ping-pong, 1 pair".to_owned()
        } else {
            format!("ping-pong, {size} pairs, {active} active")
        },
        size,
        script: "pingpong.lua",
        arguments: [size, active, events].iter().map(usize::to_string).collect(),
        rounds,
        figures: PINGPONG,
        run: script::run,
        bare: Some(bare_pingpong),
        is_of_descriptors: true,
    };
    let tasks = |what: &str, name: &str, size: usize, figures| Workload {
        name: format!("tasks, {name}"),
        size,
        script: "tasks.lua",
        arguments: vec![what.to_owned(), size.to_string()],
        rounds,
        figures,
        run: script::run,
        bare: None,
        is_of_descriptors: false,
    };
    let mut all: Vec<_> = sizes.iter().map(|&size| timers("pending", size, &[], rounds, PENDING)).collect();
    all.push(timers("due", 100_000.min(sizes[sizes.len() - 1]), &[], rounds, DUE));
    all.push(timers("intervals", 1, &[seconds], slow_rounds, INTERVALS));
    all.push(timers("intervals", 1_000, &[seconds], slow_rounds, INTERVALS));
    // At least a hundred thousand tasks sleep, because the kernel counts memory in pages.
    let (few, many) = (events, if options.smoke { 10_000 } else { 100_000 });
    all.extend([
        tasks("join", "spawn and join", few, JOIN),
        tasks("channel", "channel ping-pong", few, CHANNEL),
        tasks("sleeping", &format!("{many} asleep"), many, SLEEPING),
    ]);
    all.extend([pingpong(1, 1), pingpong(1_000, 10)]);
    all.push(Workload {
        name: format!("echo, {CLIENTS} clients, 64 bytes"),
        size: CLIENTS,
        script: "echo.lua",
        arguments: vec![CLIENTS.to_string()],
        rounds,
        figures: ECHO,
        run: if options.quick { echo::run_short } else { echo::run },
        bare: Some(if options.quick { echo::bare_short } else { echo::bare }),
        is_of_descriptors: true,
    });
    all
}

/// The bare loop's ping-pong, with the same arguments as the script's.
fn bare_pingpong(workload: &Workload) -> Result<Sample, String> {
    let numbers: Vec<usize> = workload.arguments.iter().map(|text| text.parse().unwrap_or(1)).collect();
    let [pairs, active, events] = numbers[..] else { return Err("it asks for three numbers".to_owned()) };
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
    fn the_bare_loop_plays_with_the_scripts_arguments() {
        let workloads = all(&Options { smoke: true, ..Options::default() });
        let games = workloads.iter().filter(|workload| workload.script == "pingpong.lua");
        for sample in games.map(bare_pingpong) {
            assert!(sample.unwrap()[0].1 > 0.0);
        }
    }
}
