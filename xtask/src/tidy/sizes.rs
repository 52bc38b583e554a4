//! Checks that no file is too long: a file contains one idea.

use super::finding::Finding;
use super::tree::File;

const LINES_MAX: usize = 400;
const LINES_WHY: &str = "a file is one idea, about 150 lines and at most 400 without its tests; split it";

pub(super) fn check(file: &File) -> Option<Finding> {
    if file.path.split('/').any(|folder| folder == "tests") {
        return None; // nothing but tests
    }
    let lines = if file.has_extension("rs") {
        lines_without_tests(&file.text)
    } else if ["lua", "c", "h"].iter().any(|extension| file.has_extension(extension)) {
        file.text.lines().count()
    } else {
        return None;
    };
    (lines > LINES_MAX).then(|| Finding::new(&file.path, LINES_MAX + 1, format!("{lines} lines"), LINES_WHY))
}

/// The number of lines before the test module, which is the last item in a file.
fn lines_without_tests(source: &str) -> usize {
    let lines: Vec<_> = source.lines().collect();
    let opens_tests =
        |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    lines.windows(2).position(opens_tests).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_before_the_tests_count() {
        let code = "code\n".repeat(400);
        for (path, text, found) in [
            ("a.rs", code.clone(), false),
            ("a.rs", format!("{code}more\n"), true),
            ("a.rs", format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n"), false),
            ("a.rs", format!("#[cfg(test)]\nmod tests;\n{code}"), true),
            ("io/tests/a.rs", format!("{code}more\n"), false),
            ("proptests/src/a.rs", format!("{code}more\n"), true),
            ("a.lua", format!("{code}more\n"), true),
            ("a.md", format!("{code}{code}"), false),
        ] {
            assert_eq!(check(&File::new(path, &text)).is_some(), found, "{path}, {} lines", text.lines().count());
        }
    }
}
