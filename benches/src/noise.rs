//! Measures how much CPU time other programs took while a benchmark ran. The more they took, the less reliable are the
//! results.

use std::fs;
use std::sync::OnceLock;

use serde_json::{Value, json};

/// The CPU time of the machine since its start, and of this process, in the kernel's ticks.
#[derive(Copy, Clone, Debug, Default)]
struct Reading {
    /// The ticks of all CPUs together, busy or not.
    all: u64,
    idle: u64,
    /// The ticks that the hypervisor gave to other machines.
    stolen: u64,
    /// The ticks of this process, and of those children for which it has waited.
    own: u64,
}

static START: OnceLock<Reading> = OnceLock::new();

/// Starts the measurement, once for the process.
pub(crate) fn begin() {
    START.get_or_init(Reading::now);
}

/// The load by other programs since `begin`: the average number of CPUs that they kept busy, and the stolen time. Null
/// if the system gives no numbers, or if too few ticks have passed.
pub(crate) fn so_far() -> Value {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    START.get().and_then(|start| Reading::now().since(*start, cpus)).unwrap_or(Value::Null)
}

impl Reading {
    fn now() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::of(&read("/proc/stat"), &read("/proc/self/stat")).unwrap_or_default()
    }

    /// Parses the texts of `/proc/stat` and of `/proc/self/stat`. The first line of `system` has the fields user, nice,
    /// system, idle, iowait, irq, softirq, steal. The line of `process` has the name in parentheses, then eleven
    /// fields, and then utime, stime, cutime, cstime.
    fn of(system: &str, process: &str) -> Option<Self> {
        let numbers = |text: &str| text.split_whitespace().map_while(|word| word.parse().ok()).collect::<Vec<u64>>();
        let ticks = numbers(system.lines().next()?.strip_prefix("cpu")?);
        let (_, after_name) = process.rsplit_once(')')?;
        let own: Vec<u64> =
            after_name.split_whitespace().skip(11).take(4).filter_map(|word| word.parse().ok()).collect();
        Some(Self {
            all: ticks.iter().take(8).sum(),
            idle: ticks.get(3)? + ticks.get(4)?,
            stolen: *ticks.get(7)?,
            own: own.iter().sum(),
        })
    }

    fn since(self, start: Self, cpus: usize) -> Option<Value> {
        const ENOUGH: u64 = 20;
        let part = |of: fn(&Self) -> u64| of(&self).saturating_sub(of(&start));
        let all = part(|reading| reading.all);
        if all < ENOUGH || start.all == 0 {
            return None;
        }
        let [idle, stolen, own] =
            [part(|reading| reading.idle), part(|reading| reading.stolen), part(|reading| reading.own)];
        let others = all.saturating_sub(idle + stolen + own) as f64;
        Some(json!({
            "others_cpus": others / all as f64 * cpus as f64,
            "stolen_percent": stolen as f64 / all as f64 * 100.0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str = "cpu  100 0 50 800 50 0 0 10 7 0\ncpu0 1 2 3\n";
    const PROCESS: &str = "42 (a (b) c) S 1 1 1 0 -1 4 1 1 1 1 17 5 3 2 20 0 1 0 9";

    #[test]
    fn the_times_of_the_kernel_are_parsed() {
        let Reading { all, idle, stolen, own } = Reading::of(SYSTEM, PROCESS).unwrap();
        assert_eq!((all, idle, stolen, own), (1010, 850, 10, 27));
        assert!(Reading::of("", PROCESS).is_none());
    }

    #[test]
    fn load_by_others_excludes_idle_time_and_our_own_time() {
        let start = Reading { all: 1_000, idle: 500, stolen: 0, own: 100 };
        let end = Reading { all: 2_000, idle: 900, stolen: 10, own: 450 };
        let noise = end.since(start, 2).unwrap();
        assert_eq!((noise["others_cpus"].as_f64(), noise["stolen_percent"].as_f64()), (Some(0.48), Some(1.0)));
        assert!(start.since(start, 2).is_none(), "too short to tell");
    }
}
