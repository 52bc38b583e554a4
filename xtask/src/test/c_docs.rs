//! The C programs of the README and of the book must compile without a warning. A `c` block is a whole program, and
//! must print the text of the next `text` block.

use std::path::Path;

use super::book::{blocks, pages, read};
use super::c_compiler::{Compiler, LIMIT, compile};
use crate::process;
use crate::project::Project;

const COMPILER: Compiler = Compiler { words: &["gcc", "-std=c99"], is_static: false };

/// Compiles and runs the programs with the library that is installed at `prefix`.
pub(super) fn run(project: &Project, prefix: &Path) -> Result<(), String> {
    let folder = prefix.join("book");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    for path in pages(project)? {
        let name = path.strip_prefix(&project.root).unwrap_or(&path).display().to_string();
        for (line, source, expected) in programs(&read(&path)?).map_err(|line| format!("{name}:{line}: {WHY}"))? {
            let program = folder.join(format!("{}-{line}", path.file_stem().unwrap_or_default().to_string_lossy()));
            let file = program.with_extension("c");
            std::fs::write(&file, source).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
            compile(project, &COMPILER, &file, &program, prefix)?;
            println!("--- {name}:{line}");
            let mut command = project.program(&program);
            let (printed, verdict) = process::watch(command.env("LD_LIBRARY_PATH", prefix.join("lib")), LIMIT);
            verdict?;
            if printed != expected {
                let (expected, printed) = (expected.join("\n"), printed.join("\n"));
                return Err(format!("{name}:{line} promises\n{expected}\nand prints\n{printed}"));
            }
        }
    }
    Ok(())
}

const WHY: &str = "no text block says what this program prints";

/// The number of the program's first line, its source, and the lines that it prints.
type Program<'a> = (usize, String, Vec<&'a str>);

/// The programs of a page. The error is the line of a program that no `text` block follows.
fn programs(markdown: &str) -> Result<Vec<Program<'_>>, usize> {
    let mut blocks = blocks(markdown).into_iter();
    let mut programs = Vec::new();
    while let Some((line, language, source)) = blocks.next() {
        if language == "c" {
            let prints = blocks.next().filter(|(_, language, _)| *language == "text").ok_or(line)?;
            programs.push((line, source.join("\n") + "\n", prints.2));
        }
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_followed_by_its_output() {
        let markdown = "```text\nno\n```\n```c\nint a;\n\nint b;\n```\nwords\n```text\none\ntwo\n```\n";
        assert_eq!(programs(markdown), Ok(vec![(5, "int a;\n\nint b;\n".to_owned(), vec!["one", "two"])]));
        assert_eq!(programs("```c\nint a;\n```\n```sh\n```\n"), Err(2));
    }
}
