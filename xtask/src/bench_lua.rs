//! `cargo xtask bench lua`: timers of `t.Loop` beside those of other loops for Lua, in one interleaved run.
//!
//! Each figure is the median of several processes of `benches/lua/timers.lua`; a round has all contenders, so that what
//! the machine does beside is shared by all. What they do is written there.

use std::collections::BTreeMap;
use std::process::Command;

use crate::lua::{self, Version};
use crate::process;
use crate::project::Project;
use crate::test::apt_install;

const INTERPRETERS: [&str; 2] = ["5.4", "jit"];

/// A file of `benches/lua/peers`, the module that it needs, and the Debian package that has it.
const CONTENDERS: [(&str, &str, Option<&str>); 4] = [
    ("t_loop", "t.Loop", None),
    ("luv", "luv", Some("lua-luv")),
    ("cqueues", "cqueues", Some("lua-cqueues")),
    ("heap", "socket", Some("lua-socket")),
];

/// What is measured: the script's arguments, how many repetitions, and the columns that it prints, with what each
/// figure is divided by.
struct Measurement {
    what: &'static str,
    count: usize,
    columns: &'static [(&'static str, &'static str, f64)],
}

const PENDING: &[(&str, &str, f64)] =
    &[("add", "add, ns", 1.0), ("cancel", "cancel, ns", 1.0), ("bytes", "bytes", 1.0)];
const DUE: &[(&str, &str, f64)] = &[("callbacks", "callbacks a CPU second, millions", 1e6)];
const INTERVALS: &[(&str, &str, f64)] =
    &[("fires", "of the fires, %", 0.01), ("cpu", "CPU seconds a second, hundredths", 0.01)];

fn measurements(is_quick: bool) -> Vec<Measurement> {
    let sizes: &[usize] = if is_quick { &[1_000, 100_000] } else { &[1_000, 100_000, 1_000_000] };
    let pending = sizes.iter().map(|&count| Measurement { what: "pending", count, columns: PENDING });
    let others = [
        Measurement { what: "due", count: 100_000, columns: DUE },
        Measurement { what: "intervals", count: 1_000, columns: INTERVALS },
    ];
    pending.chain(others).collect()
}

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<(), String> {
    let is_quick = match arguments {
        [] => false,
        ["--quick"] => true,
        other => return Err(format!("`bench lua` takes --quick, not `{}`", other.join(" "))),
    };
    let rounds = if is_quick { 3 } else { 5 };
    install_missing(project)?;
    for version in lua::VERSIONS.iter().filter(|version| INTERPRETERS.contains(&version.name)) {
        let folder = lua::build(project, version)?;
        let environment = lua::env(&folder);
        println!("\n{}, medians of {rounds} processes", version.interpreter);
        for measurement in measurements(is_quick) {
            let mut samples = vec![BTreeMap::<String, Vec<f64>>::new(); CONTENDERS.len()];
            for _ in 0..rounds {
                for ((name, ..), samples) in CONTENDERS.iter().zip(&mut samples) {
                    let mut command = script(project, version, name, &measurement);
                    let said = process::capture(command.envs(environment.clone()))?;
                    for (figure, value) in figures(&said) {
                        samples.entry(figure).or_default().push(value);
                    }
                }
            }
            print(&measurement, &mut samples);
        }
    }
    Ok(())
}

fn script(project: &Project, version: &Version, name: &str, measurement: &Measurement) -> Command {
    let mut command = project.program(version.interpreter);
    command.current_dir(project.root.join("benches/lua"));
    command.args(["timers.lua", name, measurement.what, &measurement.count.to_string()]);
    command
}

/// The peers that no interpreter of the run finds.
fn install_missing(project: &Project) -> Result<(), String> {
    let interpreters = lua::VERSIONS.iter().filter(|version| INTERPRETERS.contains(&version.name));
    let mut packages: Vec<&str> = Vec::new();
    for interpreter in interpreters.map(|version| version.interpreter) {
        if !process::exists(interpreter) {
            packages.push(interpreter);
        }
        for (_, module, package) in CONTENDERS {
            let mut asks = project.program(interpreter);
            asks.args(["-e", &format!("require '{module}'")]);
            packages.extend(package.filter(|_| process::capture(&mut asks).is_err()));
        }
    }
    packages.sort_unstable();
    packages.dedup();
    if packages.is_empty() { Ok(()) } else { apt_install(project, &packages) }
}

/// The lines `name value` of a script.
fn figures(said: &str) -> impl Iterator<Item = (String, f64)> {
    said.lines().filter_map(|line| {
        let (name, value) = line.split_once(char::is_whitespace)?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    })
}

fn print(measurement: &Measurement, samples: &mut [BTreeMap<String, Vec<f64>>]) {
    let heads = measurement.columns.iter().map(|column| column.1);
    println!("\n| {}, {} | {} |", measurement.count, measurement.what, heads.collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---:|".repeat(measurement.columns.len()));
    for ((name, ..), samples) in CONTENDERS.iter().zip(samples) {
        let cells = measurement.columns.iter().map(|(figure, _, unit)| match samples.get_mut(*figure) {
            Some(values) => format!("{:.1}", median(values) / unit),
            None => "–".to_owned(),
        });
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_script_are_found() {
        let found: Vec<_> = figures("add\t862.75\nbytes 1e3\nluv: a warning\n").collect();
        assert_eq!(found, [("add".to_owned(), 862.75), ("bytes".to_owned(), 1000.0)]);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn every_contender_has_its_script() {
        let root = Project::locate().unwrap().root;
        for (name, ..) in CONTENDERS {
            assert!(root.join(format!("benches/lua/peers/{name}.lua")).is_file(), "{name}");
        }
    }
}
