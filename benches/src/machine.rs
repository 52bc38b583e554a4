//! The machine of a benchmark run.

use std::fs;
use std::process::Command;

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cpus: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
}

impl Machine {
    pub(crate) fn describe() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let rustc = Command::new("rustc").arg("--version").output();
        let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        Self {
            cpu: cpu_model(&cpuinfo).unwrap_or("unknown").to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: or_unknown(&kernel),
            rustc: or_unknown(&rustc),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "cpu": self.cpu, "cpus": self.cpus, "kernel": self.kernel, "rustc": self.rustc })
    }
}

fn or_unknown(text: &str) -> String {
    if text.trim().is_empty() { "unknown" } else { text.trim() }.to_owned()
}

fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_named() {
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: A CPU @ 3 GHz\n"), Some("A CPU @ 3 GHz"));
        assert_eq!(cpu_model("Hardware : none"), None);
    }
}
