//! A program as a tree of statements. Each statement has a number, so a shorter program is the same program without
//! some numbers.

use std::collections::BTreeSet;
use std::fmt::Write;

/// The numbers of the statements that are left out.
pub(crate) type LeftOut = BTreeSet<u32>;

pub(crate) struct Statement {
    pub(super) number: u32,
    pub(super) pieces: Vec<Piece>,
}

/// A part of a statement's text.
pub(super) enum Piece {
    Text(String),
    /// The statements of a function or a block.
    Body(Vec<Statement>),
}

/// Appends the text of the statements. Skips the statements that are left out, with everything inside them.
pub(super) fn render(statements: &[Statement], left_out: &LeftOut, depth: usize, text: &mut String) {
    for statement in statements.iter().filter(|statement| !left_out.contains(&statement.number)) {
        let _ = write!(text, "{:width$}", "", width = 2 * depth);
        for piece in &statement.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Body(body) => {
                    text.push('\n');
                    render(body, left_out, depth + 1, text);
                    let _ = write!(text, "{:width$}", "", width = 2 * depth);
                }
            }
        }
        text.push('\n');
    }
}

/// The numbers of all statements, in the order of the text.
pub(super) fn numbers(statements: &[Statement]) -> Vec<u32> {
    let mut all = Vec::new();
    for statement in statements {
        all.push(statement.number);
        for piece in &statement.pieces {
            if let Piece::Body(body) = piece {
                all.extend(numbers(body));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_out_a_statement_leaves_out_its_body() {
        let line = |number, text: &str| Statement { number, pieces: vec![Piece::Text(text.into())] };
        let block = Statement {
            number: 1,
            pieces: vec![Piece::Text("do".into()), Piece::Body(vec![line(2, "b( )")]), Piece::Text("end".into())],
        };
        let all = [line(0, "a( )"), block];
        let text = |left_out: &[u32]| {
            let mut text = String::new();
            render(&all, &left_out.iter().copied().collect(), 0, &mut text);
            text
        };
        assert_eq!(numbers(&all), [0, 1, 2]);
        assert_eq!(text(&[]), "a( )\ndo\n  b( )\nend\n");
        assert_eq!(text(&[1]), "a( )\n");
        assert_eq!(text(&[0, 2]), "do\nend\n");
    }
}
