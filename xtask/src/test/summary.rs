//! The summary of a run: the results of its steps, and the counts that test programs have printed.

use std::fmt;
use std::time::Duration;

use super::step::StepResult;

#[derive(Default)]
pub(super) struct Report {
    rows: Vec<(&'static str, Duration, StepResult)>,
    /// The time of the whole run, if steps ran at the same time.
    pub(super) whole: Option<Duration>,
}

impl Report {
    /// The first line of the table.
    pub(super) const HEADING: &str = "step       result  seconds\n";

    pub(super) fn add(&mut self, name: &'static str, time: Duration, outcome: StepResult) {
        self.rows.push((name, time, outcome));
    }

    pub(super) fn verdict(&self) -> Result<(), String> {
        let failed: Vec<_> = self.rows.iter().filter(|row| row.2.is_err()).map(|row| row.0).collect();
        if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::HEADING)?;
        for (name, time, outcome) in &self.rows {
            let (word, note) = match outcome {
                Ok(note) => ("ok", note.as_str()),
                Err(message) => ("FAILED", message.lines().next().unwrap_or_default()),
            };
            writeln!(f, "{}", format!("{name:10} {word:6} {:8.1}  {note}", time.as_secs_f64()).trim_end())?;
        }
        let sum = self.rows.iter().map(|row| row.1).sum();
        writeln!(f, "{:10} {:6} {:8.1}", "all", "", self.whole.unwrap_or(sum).as_secs_f64())?;
        // The output of a failed step may be far above in the terminal, so its whole message is repeated here.
        for (name, _, outcome) in &self.rows {
            if let Err(message) = outcome
                && message.contains('\n')
            {
                writeln!(f, "\n{name}: {}", message.replace('\n', "\n    "))?;
            }
        }
        Ok(())
    }
}

/// The counts of tests, from the last lines of test programs.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    /// Tests that were skipped because this system refuses something that they need; see `io/tests/common/stories.rs`.
    skipped: u64,
}

impl Tally {
    /// Parses `test result: ok. 3 passed; 0 failed; …`, `3 passed, 0 failed` and `skipped: …`.
    pub(crate) fn of(lines: &[String]) -> Self {
        let mut tally = Self::default();
        for line in lines {
            tally.skipped += u64::from(skips(line));
            let closing = line
                .strip_prefix("test result: ")
                .and_then(|rest| rest.split_once(". "))
                .map_or(line.as_str(), |(_, rest)| rest);
            if let [passed, "passed", failed, "failed", ..] =
                closing.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect::<Vec<_>>()[..]
                && let (Ok(passed), Ok(failed)) = (passed.parse::<u64>(), failed.parse::<u64>())
            {
                tally.passed += passed;
                tally.failed += failed;
            }
        }
        tally
    }

    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Counts at least one failure for a program that failed. If no test has reported a failure, the program did not
    /// reach its end.
    pub(crate) fn expect_failure(&mut self) {
        self.failed = self.failed.max(1);
    }

    /// [`outcome`](Self::outcome) for a run in which all tests may be skipped.
    pub(crate) fn outcome_or_skipped(&self) -> Result<(), String> {
        if self.failed == 0 && self.passed + self.skipped > 0 { Ok(()) } else { Err(self.to_string()) }
    }

    /// An error if a test failed, or if no test ran.
    pub(crate) fn outcome(&self) -> StepResult {
        if self.failed > 0 || self.passed == 0 { Err(self.to_string()) } else { Ok(self.to_string()) }
    }
}

/// Whether the line says that a test was skipped. The harness may have printed its progress at the beginning of the
/// line.
fn skips(line: &str) -> bool {
    line.trim_start_matches('.').starts_with("skipped: ") || line.contains(" ... skipped: ")
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted_and_nothing_else() {
        for (line, passed, failed) in [
            ("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s", 12, 0),
            ("test result: FAILED. 1 passed; 2 failed; 0 ignored", 1, 2),
            ("7 passed, 1 failed", 7, 1),
            ("test wheel::three_passed ... ok", 0, 0),
            ("x passed, y failed", 0, 0),
            ("", 0, 0),
        ] {
            assert_eq!(Tally::of(&[line.to_owned()]), Tally { passed, failed, skipped: 0 }, "{line}");
        }
        for (line, skipped) in [
            ("skipped: a_story: uring: Operation not permitted (os error 1)", 1),
            ("....skipped: a_story: uring: no", 1),
            ("test a_story ... skipped: a_story: uring: no", 1),
            ("test what_is_skipped ... ok", 0),
        ] {
            assert_eq!(Tally::of(&[line.to_owned()]), Tally { skipped, ..Tally::default() }, "{line}");
        }
    }

    #[test]
    fn a_run_without_a_test_is_no_success() {
        assert!(Tally::default().outcome().is_err());
        assert!(Tally { passed: 3, failed: 1, skipped: 0 }.outcome().is_err());
        assert!(Tally { passed: 3, failed: 0, skipped: 1 }.outcome().is_ok());
    }

    #[test]
    fn the_table_shows_every_step_and_the_verdict_names_the_failed_ones() {
        let mut report = Report::default();
        report.add("rust", Duration::from_millis(1500), Ok("3 passed, 0 failed".into()));
        assert_eq!(report.verdict(), Ok(()));
        report.add("lua", Duration::from_secs(2), Err("no lua5.4\nmore".into()));
        let expected = "\
step       result  seconds
rust       ok          1.5  3 passed, 0 failed
lua        FAILED      2.0  no lua5.4
all                    3.5

lua: no lua5.4
    more
";
        assert_eq!(report.to_string(), expected);
        assert_eq!(report.verdict(), Err("failed: lua".into()));
    }
}
