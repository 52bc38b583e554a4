//! Runs the Lua examples of the README and of the book with the program `cogloop`, unchanged. If a `text` block follows
//! a `lua` block, with or without prose between them, the example must print that text. (The examples in Rust are doc
//! tests. The step `c` compiles the examples in C.)

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::interpreters::default_runner;
use super::step::StepResult;
use crate::process;
use crate::project::Project;

const LIMIT: Duration = Duration::from_secs(600);

pub(super) fn run(project: &Project) -> StepResult {
    let program = default_runner(project)?;
    let mut count = 0;
    for path in pages(project)? {
        let name = path.strip_prefix(&project.root).unwrap_or(&path).display().to_string();
        for example in examples(&read(&path)?) {
            check_one(&name, &example, &mut project.program(&program))?;
            count += 1;
        }
    }
    Ok(format!("{count} examples"))
}

/// Runs the README's first example with an interpreter.
pub(super) fn check_first(project: &Project, interpreter: &mut Command) -> Result<(), String> {
    let examples = examples(&read(&project.root.join("README.md"))?);
    let first = examples.first().filter(|first| first.prints.is_some());
    check_one("README.md", first.ok_or("README.md does not begin with a Lua example and what it prints")?, interpreter)
}

/// The README and the pages of the book.
pub(super) fn pages(project: &Project) -> Result<Vec<PathBuf>, String> {
    let folder = project.root.join("docs");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut pages: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages.insert(0, project.root.join("README.md"));
    Ok(pages)
}

pub(super) fn read(path: &PathBuf) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn check_one(page: &str, example: &Example, interpreter: &mut Command) -> Result<(), String> {
    let place = format!("{page}:{}", example.line);
    println!("--- {place}");
    let (printed, verdict) = process::watch(interpreter.args(["-e", &example.code]), LIMIT);
    verdict.map_err(|message| format!("{place}: {message}"))?;
    match &example.prints {
        Some(expected) if printed != *expected => {
            Err(format!("{place} promises\n{}\nand prints\n{}", expected.join("\n"), printed.join("\n")))
        }
        _ => Ok(()),
    }
}

#[derive(Debug, PartialEq)]
struct Example {
    /// The number of the first line of its code.
    line: usize,
    code: String,
    prints: Option<Vec<String>>,
}

/// The `lua` blocks of a page.
fn examples(markdown: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut may_follow = false;
    for (line, language, lines) in blocks(markdown) {
        match (language, examples.last_mut()) {
            ("lua", _) => examples.push(Example { line, code: lines.join("\n"), prints: None }),
            ("text", Some(example)) if may_follow => {
                example.prints = Some(lines.into_iter().map(str::to_owned).collect());
            }
            _ => {}
        }
        may_follow = language == "lua";
    }
    examples
}

/// All code blocks: the number of the first line, the language, the lines.
pub(super) fn blocks(markdown: &str) -> Vec<(usize, &str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(markdown.lines());
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```"));
            blocks.push((number + 1, language, inside.collect()));
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lua_blocks_are_examples_and_the_next_text_block_is_what_they_print() {
        let markdown = "# Title\n```sh\nls\n```\n```text\na picture\n```\n```lua\nlocal a\n\nprint( a )\n```\nprose\n```text\n\
                        nil\n```\n```text\na picture\n```\n```lua\nno( )\n```\n";
        let first = Example { line: 9, code: "local a\n\nprint( a )".into(), prints: Some(vec!["nil".into()]) };
        let second = Example { line: 21, code: "no( )".into(), prints: None };
        assert_eq!(examples(markdown), [first, second]);
    }
}
