//! The list of behaviours, `docs/conformance.md`: reads its rows, and finds the number of a row in a test's name.

pub(crate) const LIST: &str = "docs/conformance.md";

/// The mark of a row without a test.
pub(crate) const OPEN: &str = "*(open)*";

/// One behaviour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) number: u32,
    pub(super) text: String,
    pub(super) is_open: bool,
}

/// The rows of the list, in its order.
pub(super) fn rows(list: &str) -> Vec<Row> {
    let row = |line: &str| {
        let text = line.split('|').nth(2)?.replace(OPEN, "").trim().to_owned();
        Some(Row { number: number(line)?, text, is_open: line.contains(OPEN) })
    };
    list.lines().filter_map(row).collect()
}

/// The number of a row of the table: `| C05 | …`.
pub(crate) fn number(line: &str) -> Option<u32> {
    line.strip_prefix("| C")?.split(' ').next()?.parse().ok()
}

/// Whether the text contains the number as a word or as a part of a name: `C05`, `c05_story`, `story_c05`.
pub(crate) fn carries(text: &str, number: u32) -> bool {
    let text = text.to_ascii_lowercase();
    let word = format!("c{number:02}");
    text.match_indices(&word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_number_text_and_whether_they_are_open() {
        let list = "# title\n\n| | behaviour | once |\n|---|---|\n| C01 | never early | libuv |\n| C29 | a stop *(open)* | |\n";
        let row = |number, text: &str, is_open| Row { number, text: text.to_owned(), is_open };
        assert_eq!(rows(list), [row(1, "never early", false), row(29, "a stop", true)]);
    }
}
