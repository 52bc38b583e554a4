//! Finds a script that is nearly as short as possible and still fails in the same way. It uses delta debugging (Zeller
//! and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, 2002), first on the programs and then on their
//! statements.

use super::generate;
use super::program::numbers;
use super::script::Script;

/// The greatest number of scripts that are tried.
const TRIES_MAX: u32 = 400;

/// Returns the shortest script found for which `fails` is true. `fails` is true for `whole`.
pub(crate) fn shortest(whole: Script, fails: &mut dyn FnMut(&Script) -> bool) -> Script {
    let mut tries = 0;
    let mut try_one = |script: &Script| {
        tries += 1;
        tries <= TRIES_MAX && fails(script)
    };
    let mut best = whole;
    let members: Vec<_> = (0..best.members.len()).collect();
    // Usually the last program alone is enough.
    let last = Script { members: best.members.last().into_iter().cloned().collect(), ..best.clone() };
    if best.members.len() > 1 && try_one(&last) {
        best = last;
    } else {
        let all = best.clone();
        let of =
            |kept: &[usize]| Script { members: kept.iter().map(|&i| all.members[i].clone()).collect(), ..all.clone() };
        let kept = minimal(members, &mut |kept| try_one(&of(kept)));
        best = of(&kept);
    }
    for i in (0..best.members.len()).rev() {
        let every = numbers(&generate::program(best.members[i].seed));
        let of = |kept: &[u32]| {
            let mut script = best.clone();
            script.members[i].left_out = every.iter().copied().filter(|number| !kept.contains(number)).collect();
            script
        };
        let kept = minimal(every.clone(), &mut |kept| try_one(&of(kept)));
        best = of(&kept);
    }
    best
}

/// Keeps as few items as possible. It first tries to remove many at a time, then fewer.
fn minimal<T: Copy>(mut items: Vec<T>, fails: &mut dyn FnMut(&[T]) -> bool) -> Vec<T> {
    let mut size = items.len().div_ceil(2);
    while size > 0 {
        let before = items.len();
        let mut from = 0;
        while from < items.len() {
            let end = (from + size).min(items.len());
            let fewer: Vec<T> = items[..from].iter().chain(&items[end..]).copied().collect();
            if fails(&fewer) {
                items = fewer;
            } else {
                from += size;
            }
        }
        // If pieces of this size were removed, the same size is tried again.
        if items.len() == before {
            size /= 2;
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_items_that_cause_the_failure_are_kept() {
        let kept = minimal((0..100).collect(), &mut |items| [3, 50, 51].iter().all(|needed| items.contains(needed)));
        assert_eq!(kept, [3, 50, 51]);
    }

    #[test]
    fn a_script_shrinks_to_the_statement_that_fails() {
        let whole = Script::new(10..16);
        let shrunk = shortest(whole, &mut |script| script.text().contains("T[ 2 ] = theirs"));
        assert_eq!(shrunk.members.len(), 1);
        let statements = numbers(&generate::program(shrunk.members[0].seed));
        assert_eq!(statements.len() - shrunk.members[0].left_out.len(), 1);
    }
}
