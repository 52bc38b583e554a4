//! Blanks the comments and literals of Rust source, so that the rules about code do not apply to words in them.
//!
//! It understands only the necessary part of the language: line comments, nested block comments, strings, raw strings,
//! and the difference between a character and a lifetime.

/// The same lines, with a space in place of each character of a comment or a literal.
pub(super) fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let length = blank_length(&chars, at);
        for &c in &chars[at..at + length] {
            out.push(if c == '\n' { '\n' } else { ' ' });
        }
        at += length;
        if length == 0 {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// The number of characters from `at` on that belong to a comment or a literal; 0 if `at` is in code.
fn blank_length(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    match rest {
        ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['r', '"' | '#', ..] if !in_word(chars, at) => raw_string(&rest[1..]).map_or(0, |length| length + 1),
        ['b', 'r', '"' | '#', ..] if !in_word(chars, at) => raw_string(&rest[2..]).map_or(0, |length| length + 2),
        ['"', ..] => quoted(rest, '"'),
        ['\'', '\\', ..] => quoted(rest, '\''),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

/// Whether the character at `at` continues a word, such as the `r` of `for`.
fn in_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length from the first quotation mark to the last, with backslash escapes.
fn quoted(rest: &[char], mark: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == mark => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length from the first `#` or quotation mark on. `None` for a raw identifier such as `r#type`.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest.iter().take_while(|&&c| c == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return None;
    }
    let closes =
        |at: &usize| rest[*at] == '"' && rest[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes;
    let end = (hashes + 1..rest.len()).find(closes);
    Some(end.map_or(rest.len(), |end| end + 1 + hashes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays() {
        for (source, expected) in [
            ("a // b", "a"),
            ("a /* b /* c */ d */ e", "a e"),
            ("a /* b\nc */ d", "a d"),
            (r#"f("un\"safe") x"#, "f( ) x"),
            (r##"f(r#"a"b"#) x"##, "f( ) x"),
            (r#"f(br"a") x"#, "f( ) x"),
            ("r#type x", "r#type x"),
            (r"'\'' 'x' 'a: loop", "'a: loop"),
            (r"for '\u{41}' x", "for x"),
            ("&'a str, 'b'", "&'a str,"),
        ] {
            let blanked = code_only(source);
            assert_eq!(blanked.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{source}");
            assert_eq!(
                blanked.lines().map(str::len).collect::<Vec<_>>(),
                source.lines().map(str::len).collect::<Vec<_>>()
            );
        }
    }
}
