//! `cargo xtask bench`: runs the benchmarks one after the other and draws a page of their results.
//!
//! ```text
//!   bench [NAME…] [OPTIONS] ──► each benchmark ──► target/report/NAME.json ──► target/report/index.html
//! ```
//!
//! All benchmarks are in the program of the crate `cogloop-benches`. This module first builds and installs the
//! libraries and peers that a benchmark measures; `bench_lua` does so for Lua. The benchmarks that the page draws write
//! their results in the format that `benches/src/json.rs` describes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::project::Project;
use crate::test::apt_install;
use crate::{bench_lua, built, c, lua, process};

/// A benchmark.
struct Benchmark {
    name: &'static str,
    /// Runs the benchmark with the options that follow its name. For the page, `--json FILE` is among them.
    run: fn(&Project, &'static str, &[&str]) -> Result<(), String>,
}

/// All benchmarks of the page, in the order in which they run and are drawn.
const BENCHMARKS: &[Benchmark] = &[
    Benchmark { name: "wheel", run: of_the_crate },
    Benchmark { name: "scaling", run: of_the_crate },
    Benchmark { name: "readiness", run: of_the_crate },
    Benchmark { name: "latency", run: of_the_crate },
    Benchmark { name: "precision", run: of_the_crate },
    Benchmark { name: "rust", run: of_the_crate },
    Benchmark { name: "lua", run: of_lua },
    Benchmark { name: "mockit", run: with_libraries },
    Benchmark { name: "c", run: of_c },
];

/// Benchmarks that run only by name: they write no results for the page.
const OTHERS: &[Benchmark] =
    &[Benchmark { name: "resolution", run: of_the_crate }, Benchmark { name: "traced", run: with_libraries }];

/// Benchmarks that the tests run briefly. Each of the other benchmarks either has tests of its contenders, or needs an
/// interpreter or the C library, or writes no results for the page.
const SMOKED: [&str; 4] = ["wheel", "scaling", "latency", "rust"];

/// Options that ask for something other than results. With `--json` the results go to a file that the page does not
/// read.
const ASIDES: [&str; 7] = ["--help", "-h", "--instructions", "--floor", "--setups", "--probe", "--json"];

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<(), String> {
    let names = arguments.iter().take_while(|argument| !argument.starts_with('-')).count();
    let (names, options) = arguments.split_at(names);
    match names {
        ["report"] => return draw(project, options),
        [] if options.iter().any(|option| ["--help", "-h"].contains(option)) => {
            return of_the_crate(project, "--help", &[]);
        }
        _ => {}
    }
    if names.len() != 1 && options.contains(&"--json") {
        return Err("--json FILE is for one benchmark; several write to target/report".to_owned());
    }
    let chosen = chosen(names)?;
    match chosen[..] {
        [benchmark] if is_aside(benchmark.name, options) => (benchmark.run)(project, benchmark.name, options),
        _ => run_all(project, &chosen, options),
    }
}

/// Whether a run with these options writes nothing for the page.
fn is_aside(name: &str, options: &[&str]) -> bool {
    OTHERS.iter().any(|other| other.name == name) || options.iter().any(|option| ASIDES.contains(option))
}

fn chosen(names: &[&str]) -> Result<Vec<&'static Benchmark>, String> {
    let known = || BENCHMARKS.iter().chain(OTHERS);
    if names.is_empty() {
        return Ok(BENCHMARKS.iter().collect());
    }
    let find = |name: &str| {
        known().find(|benchmark| benchmark.name == name).ok_or_else(|| {
            let names: Vec<_> = known().map(|benchmark| benchmark.name).collect();
            format!("there is no benchmark `{name}`; there are {}, and `report` to draw the page", names.join(", "))
        })
    };
    names.iter().map(|name| find(name)).collect()
}

/// Runs all chosen benchmarks, even if one fails, and draws the page of all results that exist.
fn run_all(project: &Project, chosen: &[&Benchmark], options: &[&str]) -> Result<(), String> {
    let folder = folder(project);
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let mut failed = Vec::new();
    for (index, benchmark) in chosen.iter().enumerate() {
        println!("\n=== {} ({} of {})\n", benchmark.name, index + 1, chosen.len());
        let json = folder.join(format!("{}.json", benchmark.name)).display().to_string();
        let with_json = [options, &["--json", json.as_str()]].concat();
        if let Err(message) = (benchmark.run)(project, benchmark.name, &with_json) {
            println!("failed: {message}");
            failed.push(benchmark.name);
        }
    }
    draw(project, &[])?;
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn folder(project: &Project) -> PathBuf {
    project.target.join("report")
}

fn of_the_crate(project: &Project, name: &'static str, options: &[&str]) -> Result<(), String> {
    process::run(benches(project).arg(name).args(options))
}

fn of_lua(project: &Project, _name: &'static str, options: &[&str]) -> Result<(), String> {
    bench_lua::run(project, options)
}

/// Builds the C library and the Lua module that the benchmark measures, and runs the benchmark with both.
fn with_libraries(project: &Project, name: &'static str, options: &[&str]) -> Result<(), String> {
    let prefix = project.target.join("c");
    c::install(project, &c::Place::at(&prefix))?;
    let lua = lua::build(project, lua::find("5.4")?)?;
    process::run(benches(project).arg(name).arg("--prefix").arg(&prefix).args(options).envs(lua::env(&lua)))
}

/// Installs the peers that Debian has. Builds the C library, and runs the benchmark with it.
fn of_c(project: &Project, name: &'static str, options: &[&str]) -> Result<(), String> {
    let missing = [("ev.h", "libev-dev"), ("uv.h", "libuv1-dev")];
    let missing = missing.iter().filter(|(header, _)| !Path::new("/usr/include").join(header).exists());
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    if !packages.is_empty() {
        // Without these packages the benchmark measures fewer contenders, and says so.
        apt_install(project, &packages).unwrap_or_else(|message| eprintln!("{message}"));
    }
    let prefix = project.target.join("c");
    c::install(project, &c::Place::at(&prefix))?;
    process::run(benches(project).arg(name).arg("--prefix").arg(&prefix).args(options))
}

fn benches(project: &Project) -> std::process::Command {
    project.cargo(&["run", "--release", "--quiet", "-p", "cogloop-benches", "--"])
}

/// Runs the benchmarks of [`SMOKED`] briefly, in the profile of the tests, and draws their results.
pub(crate) fn smoke(project: &Project) -> Result<String, String> {
    let folder = project.target.join("smoke");
    // The command also builds an example, which switches on the features that dev-dependencies ask for. The builds of
    // the tests have these features, too, so cargo reuses most of their crates.
    let mut cargo = project.cargo(&["build", "--workspace", "--bin", "cogloop-benches", "--example", "simulate"]);
    let built = built::program(&built::build(&mut cargo)?, "cogloop-benches")?;
    let program = |arguments: &[&str]| process::capture(project.program(&built).args(arguments));
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    for name in SMOKED {
        let json = folder.join(format!("{name}.json")).display().to_string();
        let said = program(&[name, "--smoke", "--json", &json])?;
        println!("{name}: {} lines", said.lines().count());
    }
    print!("{}", program(&["report", &folder.display().to_string()])?);
    Ok(format!("{} benchmarks run", SMOKED.len()))
}

/// Draws the page of all results in the report's folder.
fn draw(project: &Project, options: &[&str]) -> Result<(), String> {
    process::run(benches(project).arg("report").arg(folder(project)).args(options))
}

#[cfg(test)]
mod tests {
    use super::is_aside;

    /// Once, the page was drawn from a folder without results, because the results went to another file.
    #[test]
    fn results_written_elsewhere_draw_no_page() {
        assert!(is_aside("wheel", &["--quick", "--json", "wheel.json"]));
        assert!(is_aside("wheel", &["--help"]) && is_aside("resolution", &[]));
        assert!(!is_aside("wheel", &["--quick", "--reps", "3"]));
    }
}
