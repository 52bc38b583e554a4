//! The failures of a step that runs many files.

use std::path::Path;

use super::summary::Tally;

/// The number of output lines that the error contains for each failed file.
const LAST_LINES: usize = 5;

/// The files that have failed.
#[derive(Default)]
pub(super) struct Failures {
    names: Vec<String>,
    /// For each file its error, and the last lines that it has printed.
    details: Vec<String>,
}

impl Failures {
    pub(super) fn note(&mut self, file: &Path, lines: &[String], verdict: Result<(), String>) {
        let Err(message) = verdict else { return };
        self.names.push(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let last = lines.iter().rev().take(LAST_LINES).rev().map(|line| format!("\n    {line}"));
        self.details.push(format!("{message}{}", last.collect::<String>()));
    }

    /// The first line of the error has every name, because the summary of all steps shows only that line.
    pub(super) fn outcome(self, sum: Tally) -> Result<Tally, String> {
        if self.names.is_empty() {
            return Ok(sum);
        }
        Err(format!("failed: {} ({sum} in the others)\n{}", self.names.join(", "), self.details.join("\n")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_each_file_with_its_status_and_its_last_lines() {
        let mut failures = Failures::default();
        failures.note(Path::new("suite/a.lua"), &[], Ok(()));
        let lines: Vec<_> = (1..=9).map(|number| format!("line {number}")).collect();
        failures.note(Path::new("suite/b.lua"), &lines, Err("`wine b.lua` failed: exit status: 53".into()));
        failures.note(Path::new("suite/c.lua"), &[], Err("`wine c.lua` failed: exit status: 5".into()));
        let message = failures.outcome(Tally::default()).err().unwrap_or_default();
        let (first, details) = message.split_once('\n').unwrap_or_default();
        assert!(first.starts_with("failed: b.lua, c.lua ("), "{message}");
        assert!(details.contains("status: 53\n    line 5\n") && details.ends_with("status: 5"), "{message}");
        assert!(Failures::default().outcome(Tally::default()).is_ok());
    }
}
