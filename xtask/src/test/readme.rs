//! The README's Lua example runs on the runner, and prints what the README says it prints.

use std::process::Command;
use std::time::Duration;

use super::Outcome;
use super::interpreters::default_runner;
use crate::process;
use crate::project::Project;

const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn run(project: &Project) -> Outcome {
    let mut runner = project.program(default_runner(project)?);
    check(project, &mut runner)?;
    Ok(String::new())
}

/// Runs the example with an interpreter.
pub(super) fn check(project: &Project, interpreter: &mut Command) -> Result<(), String> {
    let path = project.root.join("README.md");
    let readme = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let script = block(&readme, "lua").ok_or("README.md has no ```lua block")?;
    let expected =
        block(&readme, "text").ok_or("README.md has no ```text block that says what the Lua example prints")?;

    let (printed, verdict) = process::watch(interpreter.args(["-e", &script]), LIMIT);
    verdict?;
    let expected: Vec<_> = expected.lines().map(str::to_owned).collect();
    if printed == expected {
        return Ok(());
    }
    Err(format!("the README promises\n{}\nand its example prints\n{}", expected.join("\n"), printed.join("\n")))
}

/// The first code block of that language.
fn block(markdown: &str, language: &str) -> Option<String> {
    let fence = format!("```{language}");
    let mut lines = markdown.lines().skip_while(|line| line.trim_end() != fence);
    lines.next()?;
    Some(lines.take_while(|line| !line.starts_with("```")).map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_of_the_language_is_taken_whole() {
        let markdown = "# Title\n```sh\nls\n```\ntext\n```lua\nlocal a\n\nprint( a )\n```\n```lua\nno\n```\n";
        assert_eq!(block(markdown, "lua").as_deref(), Some("local a\n\nprint( a )\n"));
        assert_eq!(block(markdown, "sh").as_deref(), Some("ls\n"));
        assert_eq!(block(markdown, "rust"), None);
    }
}
