//! Runs the fuzzer of the Lua border briefly: the same programs each time on every Lua, and a few of them under
//! valgrind.

use super::StepResult;
use super::interpreters::Interpreter;
use crate::border::{self, Tally, Target};
use crate::project::Project;

/// The number of programs on each Lua.
const PROGRAMS: u64 = 500;

/// The interpreter and the number of programs under valgrind. Valgrind is fifty times slower. The step `valgrind` uses
/// the same interpreter.
const UNDER_VALGRIND: (&str, u64) = ("lua5.4", 25);

pub(super) fn run(project: &Project) -> StepResult {
    for note in border::check_faults(project)? {
        println!("{note}");
    }
    let mut total = Tally::default();
    let plain = Interpreter::names().map(|name| (name, false, PROGRAMS));
    let (checked, few) = UNDER_VALGRIND;
    for (name, valgrind, programs) in plain.chain([(checked.to_owned(), true, few)]) {
        let target = Target { project, interpreter: Interpreter::named(project, &name)?, valgrind };
        let tally = target.fuzz(&mut (0..programs), &mut |_| true)?;
        println!("{}: {tally}", target.name());
        total.add(tally);
    }
    if total.crashes.is_empty() { Ok(total.to_string()) } else { Err(total.to_string()) }
}
