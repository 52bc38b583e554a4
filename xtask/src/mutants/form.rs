//! The file format of a bug, `proptests/mutants/NAME.txt`; docs/mutants.md describes it.
//!
//! ```text
//! where: tokio, issue 8334
//! what: once 2³⁰ units have passed, a timer at the end of time hides all shorter ones
//! asked: c_model              the suite that must catch it; left out for the tests of the event loop
//!
//! --- engine/src/next_deadline.rs, fn next_deadline
//! the lines as they stand
//! --- become
//! the lines with the bug, behind `if BUG`
//! ```

use std::fmt;

/// The folder of the bugs, with a file for each.
pub(crate) const FOLDER: &str = "proptests/mutants";

/// The placeholder, in a bug's lines, for the condition "this bug is switched on".
const SWITCH: &str = "BUG";

/// One bug.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// The place where the bug was found: a project, with the number of the issue.
    pub(crate) source: String,
    /// A description of the failure.
    pub(crate) story: String,
    /// The suite that must catch it; `None` for one of the event loop's suites.
    pub(crate) asked: Option<String>,
    pub(crate) edits: Vec<Edit>,
}

/// Lines of one file that are replaced by others.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Edit {
    /// Relative to the project's root.
    pub(crate) path: String,
    /// The function that contains the lines, if they occur in other functions, too.
    function: Option<String>,
    old: String,
    new: String,
}

/// A range of bytes in a file, and the text that replaces it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Replacement {
    start: usize,
    end: usize,
    text: String,
}

/// The reason why an edit cannot be made.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Misfit {
    NoFunction(String),
    Gone(String),
    Ambiguous(String, usize),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFunction(name) => write!(f, "there is no `fn {name}`"),
            Self::Gone(old) => write!(f, "these lines do not stand there any more: `{}`", old.trim()),
            Self::Ambiguous(old, times) => write!(f, "these lines stand there {times} times: `{}`", old.trim()),
        }
    }
}

impl Mutant {
    /// The bug's row in the list.
    pub(crate) fn row(&self) -> String {
        let asked = self.asked.iter().map(|suite| format!(" `{suite}` |"));
        format!("| `{}` | {} | {} |{}", self.name, self.source, self.story, asked.collect::<String>())
    }

    /// Parses a bug's file.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{}: {what}", path_of(name));
        let mut sections = text.split("\n--- ");
        let head = sections.next().unwrap_or_default();
        let field = |field: &str| {
            let value = head.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
            value.map(|value| value.trim().to_owned())
        };
        let needed = |name| field(name).ok_or_else(|| wrong(&format!("no line `{name}: …`")));
        let (source, story, asked) = (needed("where")?, needed("what")?, field("asked"));
        let sections: Vec<_> = sections.collect();
        let edits: Option<Vec<_>> = sections.chunks(2).map(Edit::parse).collect();
        let edits = edits.filter(|edits| !edits.is_empty());
        let edits = edits.ok_or_else(|| {
            wrong("expected sections `--- FILE` or `--- FILE, fn NAME`, each followed by a section `--- become`")
        })?;
        Ok(Self { name: name.to_owned(), source, story, asked, edits })
    }
}

/// The path of a bug's file.
pub(crate) fn path_of(name: &str) -> String {
    format!("{}/{name}.txt", FOLDER)
}

impl Edit {
    fn parse(sections: &[&str]) -> Option<Self> {
        let [old, new] = sections else { return None };
        let ((place, old), ("become", new)) = (old.split_once('\n')?, new.split_once('\n')?) else { return None };
        let (path, function) = match place.split_once(", fn ") {
            Some((path, function)) => (path, Some(function.trim().to_owned())),
            None => (place, None),
        };
        (!old.trim().is_empty()).then(|| Self { path: path.trim().into(), function, old: old.into(), new: new.into() })
    }

    /// Checks that the edit fits the text of the file. White space does not count, so a formatter cannot break a bug.
    pub(crate) fn locate(&self, text: &str) -> Result<(), Misfit> {
        self.replacement(text, "").map(drop)
    }

    /// The range that the edit replaces and its new text, with `switch` in place of the word `BUG`.
    pub(super) fn replacement(&self, text: &str, switch: &str) -> Result<Replacement, Misfit> {
        let (start, end) = match &self.function {
            None => (0, text.len()),
            Some(name) => span_of_function(text, name).ok_or_else(|| Misfit::NoFunction(name.clone()))?,
        };
        let characters: Vec<_> = text[start..end].char_indices().filter(|(_, c)| !c.is_whitespace()).collect();
        let wanted: Vec<_> = self.old.chars().filter(|c| !c.is_whitespace()).collect();
        let starts_here = |window: &&[(usize, char)]| window.iter().map(|(_, c)| c).eq(&wanted);
        let found: Vec<_> = characters.windows(wanted.len()).filter(starts_here).collect();
        let [place] = found[..] else {
            let old = self.old.clone();
            return Err(if found.is_empty() { Misfit::Gone(old) } else { Misfit::Ambiguous(old, found.len()) });
        };
        let (first, last) = (place[0].0 + start, place[place.len() - 1]);
        let last = last.0 + last.1.len_utf8() + start;
        Ok(self.least(&text[first..last], first, switch))
    }

    /// The replacement, without the words that the old and the new lines have in common at both ends. So two bugs can
    /// change neighbouring words.
    fn least(&self, old: &str, start: usize, switch: &str) -> Replacement {
        let (head, new) = after_common(old, self.new.trim());
        let (tail, new) = before_common(&old[head..], new);
        let text = if new.is_empty() { String::new() } else { format!(" {} ", with_switch(new, switch)) };
        Replacement { start: start + head, end: start + old.len() - tail, text }
    }
}

/// Finds the common beginning of `old` and `new`, in whole words. White space does not count. Returns the length of the
/// beginning in `old`, and the rest of `new`.
fn after_common<'a>(old: &str, new: &'a str) -> (usize, &'a str) {
    let (mut ours, mut theirs) = (0, 0);
    loop {
        let (a, b) = (first_word(&old[ours..]), first_word(&new[theirs..]));
        match (a, b) {
            (Some((a_word, a_end)), Some((b_word, b_end))) if a_word == b_word => {
                ours += a_end;
                theirs += b_end;
            }
            _ => return (ours, &new[theirs..]),
        }
    }
}

/// Finds the common end of `old` and `new` in the same way. Returns the length of the end in `old`, and the part of
/// `new` before the end.
fn before_common<'a>(old: &str, new: &'a str) -> (usize, &'a str) {
    let (mut old, mut new, whole) = (old, new, old.len());
    loop {
        match (last_word(old), last_word(new)) {
            (Some((a_word, a_start)), Some((b_word, b_start))) if a_word == b_word => {
                old = &old[..a_start];
                new = &new[..b_start];
            }
            _ => return (whole - old.len(), new),
        }
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The first word or punctuation character, and where it ends.
fn first_word(text: &str) -> Option<(&str, usize)> {
    let start = text.len() - text.trim_start().len();
    let first = text[start..].chars().next()?;
    let length = match is_of_word(first) {
        true => text[start..].find(|c| !is_of_word(c)).unwrap_or(text.len() - start),
        false => first.len_utf8(),
    };
    Some((&text[start..start + length], start + length))
}

/// The last word or punctuation character, and where it starts.
fn last_word(text: &str) -> Option<(&str, usize)> {
    let text = text.trim_end();
    let last = text.chars().next_back()?;
    let start = match is_of_word(last) {
        true => text.trim_end_matches(is_of_word).len(),
        false => text.len() - last.len_utf8(),
    };
    Some((&text[start..], start))
}

fn with_switch(text: &str, switch: &str) -> String {
    let mut written = String::new();
    let mut rest = text;
    while let Some(place) = rest.find(SWITCH) {
        let (before, after) = (&rest[..place], &rest[place + SWITCH.len()..]);
        let is_word = !before.ends_with(is_of_word) && !after.starts_with(is_of_word);
        written.push_str(before);
        written.push_str(if is_word { switch } else { SWITCH });
        rest = after;
    }
    written + rest
}

/// The range from the word `fn` to the function's closing brace. In formatted code the brace has the indentation of the
/// line with `fn`.
fn span_of_function(text: &str, name: &str) -> Option<(usize, usize)> {
    let head = format!("fn {name}");
    let mut from = 0;
    let start = loop {
        let place = from + text[from..].find(&head)?;
        from = place + head.len();
        if !text[from..].starts_with(is_of_word) && !text[..place].ends_with(is_of_word) {
            break place;
        }
    };
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let indent: String = text[line..].chars().take_while(|c| *c == ' ').collect();
    let first_end = start + text[start..].find('\n')?;
    if text[..first_end].ends_with('}') {
        return Some((start, first_end));
    }
    let end = format!("\n{indent}}}");
    Some((start, start + text[start..].find(&end)? + end.len()))
}

/// Makes all replacements in a text. Replacements at the same place keep the order in which they are given.
pub(super) fn replace_all(text: &str, mut replacements: Vec<Replacement>) -> Result<String, String> {
    replacements.sort_by_key(|replacement| (replacement.start, replacement.end));
    let mut written = String::with_capacity(text.len());
    let mut done = 0;
    for replacement in replacements {
        if replacement.start < done {
            return Err(format!("two mutants change the same words: `{}`", replacement.text.trim()));
        }
        written.push_str(&text[done..replacement.start]);
        written.push_str(&replacement.text);
        done = replacement.end;
    }
    written.push_str(&text[done..]);
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "fn a() {\n    let x = 1;\n    go(x);\n}\n\nfn ab() {\n    let x = 1;\n}\n";

    fn edit(place: &str, old: &str, new: &str) -> Edit {
        let text = format!("where: A, issue 7\nwhat: early\n\n--- {place}\n{old}\n--- become\n{new}\n");
        Mutant::parse("c01-a", &text).unwrap().edits.remove(0)
    }

    fn mutated(edits: &[Edit]) -> String {
        let all = edits.iter().map(|edit| edit.replacement(CODE, "on()").unwrap()).collect();
        replace_all(CODE, all).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_bug_is_read_with_its_description() {
        let text = "where: A, issue 7\nwhat: early\n\n--- a.rs, fn b\nx\n--- become\ny\n--- c.rs\nz\n--- become\n";
        let mutant = Mutant::parse("c01-a", text).unwrap();
        assert_eq!((mutant.source.as_str(), mutant.story.as_str()), ("A, issue 7", "early"));
        let edits: Vec<_> = mutant.edits.iter().map(|edit| (edit.path.as_str(), edit.function.as_deref())).collect();
        assert_eq!(edits, [("a.rs", Some("b")), ("c.rs", None)]);
        for wrong in ["what: early\n", "where: A\n", "where: A\nwhat: b\n", "where: A\nwhat: b\n\n--- a.rs\nx\n"] {
            assert!(Mutant::parse("c01-a", wrong).is_err_and(|message| message.contains("c01-a.txt")), "{wrong}");
        }
    }

    #[test]
    fn lines_are_found_whatever_their_white_space_and_within_their_function() {
        let bug = edit("a.rs, fn ab", "let x =\n    1;", "let x = 1;\nif BUG { return; }");
        assert_eq!(mutated(&[bug]), "fn a() { let x = 1; go(x); } fn ab() { let x = 1; if on() { return; } }");
    }

    #[test]
    fn missing_lines_and_repeated_lines_are_named() {
        let misfit = |place, old| edit(place, old, "y").locate(CODE).unwrap_err().to_string();
        assert!(misfit("a.rs", "let y = 1;").contains("not stand there any more: `let y = 1;`"));
        assert!(misfit("a.rs", "let x = 1;").contains("2 times"));
        assert!(misfit("a.rs, fn b", "let x = 1;").contains("no `fn b`"));
    }

    #[test]
    fn bugs_next_to_each_other_are_allowed_and_bugs_that_change_the_same_words_are_refused() {
        let first = edit("a.rs, fn a", "let x = 1; go(x);", "let x = 1; if BUG { one(); } go(x);");
        let second = edit("a.rs, fn a", "go(x);", "if BUG { two(); } go(x);");
        let third = edit("a.rs, fn a", "go(x);", "go(if BUG { 2 } else { x });");
        let expected = "let x = 1; if on() { one(); } if on() { two(); } go( if on() { 2 } else { x } );";
        assert!(mutated(&[first, second, third]).contains(expected));
        let one = edit("a.rs, fn a", "let x = 1;", "let x = BUG;");
        let other = edit("a.rs, fn a", "let x = 1;", "let x = !BUG;");
        let both = [one, other].iter().map(|edit| edit.replacement(CODE, "on()").unwrap()).collect();
        assert!(replace_all(CODE, both).is_err());
    }

    #[test]
    fn only_the_whole_word_is_the_switch() {
        assert_eq!(with_switch("BUG && DEBUG || BUGS && !BUG", "on()"), "on() && DEBUG || BUGS && !on()");
    }
}
