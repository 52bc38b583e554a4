//! The table of results: a row for each behaviour, a column for each backend.
//!
//! ```text
//!   epoll  ok  a_second_add_replaces_the_first_c45          a line of a test
//!     │     │                                    │
//!   column  │                                   row
//!          cell: ok 3, FAILED, the number of a reason [1], open, or MISSING, which is an error
//! ```

use std::fmt;

use super::list::{Row, carries};

/// The columns of this system: Linux, or another Unix.
pub(super) const BACKENDS: &[&str] =
    if cfg!(target_os = "linux") { &["uring", "epoll", "select", "portable"] } else { &["select", "portable"] };

/// The column of the portable backend under Wine.
const WINDOWS: &str = "windows";

const COLUMNS: &[&str] =
    if cfg!(target_os = "linux") { &["uring", "epoll", "select", "portable", WINDOWS] } else { BACKENDS };

/// The names of the columns, as a heading.
pub(super) fn heading<'a>(names: impl IntoIterator<Item = &'a &'static str>) -> String {
    let names: String = names.into_iter().map(|name| format!("{name:8} ")).collect();
    format!("     {}", names.trim_end())
}

/// The reasons for a cell of the Windows column if no test has written a line for the cell.
const NOT_ON_WINDOWS: &str = "not run on Windows: `io/tests/left_out.rs` says why";
const WITHOUT_WINE: &str = "`cargo xtask test windows`, which fills this column, has not run here";

/// The result of one test on one backend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Report {
    backend: String,
    /// `ok`, `FAILED`, or the reason why the test does not run there.
    verdict: String,
    story: String,
}

impl Report {
    /// Reads a line of a test: backend, verdict, name. A variant may follow the backend's name: `uring, older`.
    pub(super) fn read(line: &str) -> Option<Self> {
        let (backend, rest) = line.split_once('\t')?;
        let (verdict, story) = rest.split_once('\t')?;
        let backend = backend.split([' ', ',']).next()?;
        Some(Self { backend: backend.to_owned(), verdict: verdict.to_owned(), story: story.to_owned() })
    }

    /// Moves the result to the column for Wine.
    pub(super) fn on_windows(self) -> Self {
        Self { backend: WINDOWS.to_owned(), ..self }
    }

    /// Whether the test held on this backend.
    pub(super) fn holds_on(&self, backend: &str) -> bool {
        self.backend == backend && self.verdict == "ok"
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Cell {
    /// The number of tests that hold. A test counts once for each variant of the backend.
    Ok(usize),
    Failed,
    /// The number of the note with the reason.
    Reason(usize),
    Open,
    /// No test has reported anything.
    Empty,
}

pub(super) struct Table {
    rows: Vec<(Row, Vec<Cell>)>,
    /// Reasons why tests do not run.
    notes: Vec<String>,
    failures: Vec<String>,
}

impl Table {
    pub(super) fn new(rows: Vec<Row>, reports: &[Report]) -> Self {
        let mut table = Self { rows: Vec::new(), notes: Vec::new(), failures: Vec::new() };
        for row in rows {
            let cells = COLUMNS.iter().map(|backend| table.cell(&row, backend, reports)).collect();
            table.rows.push((row, cells));
        }
        table
    }

    fn cell(&mut self, row: &Row, backend: &str, reports: &[Report]) -> Cell {
        let here: Vec<_> =
            reports.iter().filter(|report| report.backend == backend && carries(&report.story, row.number)).collect();
        let failed: Vec<_> = here.iter().filter(|report| report.verdict == "FAILED").collect();
        let held = here.iter().filter(|report| report.verdict == "ok").count();
        if !failed.is_empty() {
            self.failures
                .extend(failed.iter().map(|report| format!("C{:02} on {backend}: {}", row.number, report.story)));
            Cell::Failed
        } else if held > 0 {
            Cell::Ok(held)
        } else if let Some(report) = here.first() {
            self.reason(&report.verdict)
        } else if row.is_open {
            Cell::Open
        } else if backend == WINDOWS {
            let has_run = reports.iter().any(|report| report.backend == WINDOWS);
            self.reason(if has_run { NOT_ON_WINDOWS } else { WITHOUT_WINE })
        } else {
            Cell::Empty
        }
    }

    fn reason(&mut self, why: &str) -> Cell {
        let known = self.notes.iter().position(|note| note == why);
        Cell::Reason(known.unwrap_or_else(|| {
            self.notes.push(why.to_owned());
            self.notes.len() - 1
        }))
    }

    fn count(&self, is_it: impl Fn(&Cell) -> bool) -> usize {
        self.rows.iter().flat_map(|(_, cells)| cells).filter(|cell| is_it(cell)).count()
    }

    /// Counts the cells that hold and those that failed. An empty cell counts as failed.
    pub(super) fn tally(&self) -> (usize, usize) {
        let failed = self.count(|cell| matches!(cell, Cell::Failed | Cell::Empty));
        (self.count(|cell| matches!(cell, Cell::Ok(_))), failed)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Ok(stories) => format!("ok {stories}"),
            Self::Failed => "FAILED".to_owned(),
            Self::Reason(note) => format!("[{}]", note + 1),
            Self::Open => "open".to_owned(),
            Self::Empty => "MISSING".to_owned(),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", heading(COLUMNS))?;
        for (row, cells) in &self.rows {
            write!(f, "C{:02}  ", row.number)?;
            for cell in cells {
                write!(f, "{cell:8} ")?;
            }
            writeln!(f, "{}", row.text)?;
        }
        writeln!(f, "\nok N: N tests hold on the real kernel; open: no test yet; MISSING: no test ran here")?;
        for (index, note) in self.notes.iter().enumerate() {
            writeln!(f, "[{}]  {note}", index + 1)?;
        }
        for failure in &self.failures {
            writeln!(f, "FAILED {failure}")?;
        }
        let (passed, failed) = self.tally();
        let (reasons, open) =
            (self.count(|cell| matches!(cell, Cell::Reason(_))), self.count(|cell| *cell == Cell::Open));
        writeln!(f, "{reasons} cells with a reason, {open} open")?;
        writeln!(f, "{passed} passed, {failed} failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32, is_open: bool) -> Row {
        Row { number, text: format!("row {number}"), is_open }
    }

    #[test]
    fn each_cell_shows_the_results_of_its_tests_and_an_empty_one_fails() {
        let lines = [
            "uring\tok\tstory_c01_c02",
            "uring, older\tok\tstory_c01_c02",
            "epoll\tok\tstory_c01",
            "epoll, plain waits\tFAILED\tstory_c01",
            "select\tno such thing\tstory_c01",
            "portable\tok\tanother_c01_c03",
            "no line of a test",
        ];
        let mut reports: Vec<_> = lines.iter().filter_map(|line| Report::read(line)).collect();
        assert_eq!(reports.len(), 6);
        reports.extend(Report::read("portable\tok\tstory_c01").map(Report::on_windows));
        let table = Table::new(vec![row(1, false), row(2, false), row(3, true)], &reports);
        let cells: Vec<_> = table.rows.iter().map(|(_, cells)| cells.clone()).collect();
        assert_eq!(cells[0], [Cell::Ok(2), Cell::Failed, Cell::Reason(0), Cell::Ok(1), Cell::Ok(1)]);
        assert_eq!(cells[1], [Cell::Ok(2), Cell::Empty, Cell::Empty, Cell::Empty, Cell::Reason(1)]);
        assert_eq!(cells[2], [Cell::Open, Cell::Open, Cell::Open, Cell::Ok(1), Cell::Open]);
        assert_eq!(table.tally(), (5, 4));
        let text = table.to_string();
        assert!(text.contains("[1]  no such thing") && text.contains("FAILED C01 on epoll: story_c01"), "{text}");
        assert!(text.ends_with("5 passed, 4 failed\n"), "{text}");
    }
}
