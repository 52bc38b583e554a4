//! The system calls of a turn, counted by `strace -c`.
//!
//! The program runs itself under strace, with few turns and with many. The difference of the counts belongs to the
//! additional turns. Calls of the kinds that read and write the bytes are left out.

use std::process::Command;

use super::contenders;
use super::pingpong::Court;
use super::results::{Calls, active};

// The numbers are small, because strace needs tens of microseconds for a call.
const TURNS: [usize; 2] = [200, 1_000];

/// The calls of the ping-pong itself, which are the same for every contender.
const THE_GAME: [&str; 4] = ["read", "recvfrom", "write", "sendto"];

/// Counts a contender's calls in a turn, for this number of pairs. In each turn, every pair in play is ready once.
pub(crate) fn count(name: &str, pairs: usize) -> Result<Calls, String> {
    let [few, many] = TURNS;
    let (fewer, mut calls) = (run_under_strace(name, pairs, few)?, run_under_strace(name, pairs, many)?);
    for (name, count) in &mut calls {
        *count = (*count - fewer.get(name).copied().unwrap_or(0.0)) / (many - few) as f64;
    }
    calls.retain(|name, count| *count >= 0.001 && !THE_GAME.contains(&name.as_str()));
    Ok(calls)
}

fn run_under_strace(name: &str, pairs: usize, turns: usize) -> Result<Calls, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let output = Command::new("strace")
        .args(["-f", "-c", "-U", "calls,name"])
        .arg(program)
        .args(["readiness", "--probe", &pairs.to_string(), name, &turns.to_string()])
        .output()
        .map_err(|error| format!("cannot run strace ({error}): apt-get install strace"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let calls = table(&said);
    if output.status.success() && !calls.is_empty() { Ok(calls) } else { Err(format!("strace failed:\n{said}")) }
}

/// Parses the lines `calls name` between strace's head and its sum.
fn table(said: &str) -> Calls {
    let pairs = said.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
    let counts = pairs.filter_map(|(count, name)| Some((name.trim().to_owned(), count.parse().ok()?)));
    counts.filter(|(name, _)| name != "total").collect()
}

/// The part that runs under strace: takes about `turns` turns of a contender.
pub(crate) fn probe(pairs: &str, name: &str, turns: usize) -> Result<(), String> {
    let pairs: usize = pairs.parse().map_err(|_| format!("`{pairs}` is no number of pairs"))?;
    let known = contenders::ALL.iter().find(|entry| entry.name == name);
    let entry = known.ok_or_else(|| format!("no contender is called `{name}`"))?;
    let active = active(pairs);
    let mut court = Court::open(entry, pairs, active).map_err(|error| error.to_string())?;
    court.play(turns * active).map_err(|error| error.to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn the_counts_are_parsed_from_the_output_of_strace() {
        let said = "    calls syscall\n--------- ----------------\n     2000 epoll_pwait2\n        3 mmap\n\
                    --------- ----------------\n     2003 total\n";
        let calls = table(said);
        assert_eq!((calls.len(), calls["epoll_pwait2"], calls["mmap"]), (2, 2000.0, 3.0));
    }
}
