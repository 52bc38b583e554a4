//! A script of one or more programs: the prelude, the programs, and an end that depends on the seed.

use super::generate;
use super::program::{LeftOut, render};

const PRELUDE: &str = include_str!("prelude.lua");

/// The functions of the prelude that programs use.
const NAMES: [&str; 31] = [
    "call", "use", "try", "tryuse", "foreign", "meta", "spoil", "operate", "set", "own", "theirs", "run", "clean",
    "take", "socket", "accept", "block", "pair", "file", "child", "kill", "service", "address", "guarded", "sort",
    "gsub", "handler", "gc", "collect", "closing", "hook",
];

/// A program, and the statements that are left out of it.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) seed: u64,
    pub(crate) left_out: LeftOut,
}

#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) members: Vec<Member>,
    /// How the script ends. 1: with the end of the file; 2: by an error; 3: by `os.exit`, which
    /// closes the state.
    pub(crate) end: u32,
}

impl Script {
    /// A script of the programs with these seeds.
    pub(crate) fn new(seeds: impl Iterator<Item = u64>) -> Self {
        let members: Vec<_> = seeds.map(|seed| Member { seed, left_out: LeftOut::new() }).collect();
        let end = members.first().map_or(1, |first| 1 + (first.seed % 3) as u32);
        Self { members, end }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("local F = ( function( )\n{PRELUDE}\nend )( )\n");
        let list = |prefix: &str| NAMES.map(|name| format!("{prefix}{name}")).join(", ");
        text += &format!("local {}\n  = {}\n", list(""), list("F."));
        text += "local tick, finalizer = F.tick, F.finalizer\n";
        text += "local cogloop, mockit, Loop = require 'cogloop', require 'luamockit', require 't.Loop'\n";
        text += "local Socket, Interface = require 't.Net.Socket', require 't.Net.Interface'\n";
        for (i, member) in self.members.iter().enumerate() {
            text += &format!(
                "\n-- seed {}\nF.program( {}, function( L, T, k, w, p, q, s, h, co, f, a, m, x )\n",
                member.seed,
                i + 1
            );
            render(&generate::program(member.seed), &member.left_out, 1, &mut text);
            text += "end )\n";
        }
        text += &format!("\nF.finish( {} )\n", self.end);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_text_again() {
        let text = |seed| Script::new(seed..seed + 3).text();
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
    }

    #[test]
    fn the_prelude_has_each_name() {
        for name in NAMES {
            assert!(PRELUDE.contains(&format!("function F.{name}(")), "{name}");
        }
    }
}
