//! Generates hostile objects, whose fields and metamethods do anything. Also generates places other than callbacks
//! where Lua code runs.

use super::generate::{DEPTH_MAX, Generator, Parts, text};
use super::program::Statement;
use super::surface::Slot;
use super::values;

impl Generator {
    /// A place where Lua code runs, other than a callback.
    pub(super) fn place(&mut self, depth: u32) -> Parts {
        let function = self.function(depth);
        match self.dice.below(7) {
            0 => text("sort( ").and(function).text(" )"),
            1 => text("gsub( ").and(function).text(" )"),
            2 => text("handler( ").and(function).text(" )"),
            3 | 4 => text(format!("{} = gc( ", self.slot(Slot::Any))).and(function).text(" )"),
            5 => text(format!("closing( {}, ", self.any_slot())).and(function).text(" )"),
            _ => {
                let (mask, count) =
                    self.dice.pick(&[("''", 1), ("''", 10), ("''", 100), ("'c'", 0), ("'l'", 0), ("'r'", 0)]);
                let body = self.function(depth);
                text(format!("hook( {mask}, {count}, ")).and(function).text(", ").and(body).text(" )")
            }
        }
    }

    /// A table whose fields and metamethods do anything.
    pub(super) fn hostile(&mut self, depth: u32) -> Statement {
        const FIELDS: [&str; 6] = ["getfd", "fileno", "pollfd", "dirty", "close", "cancel"];
        const META: [&str; 11] = [
            "__index",
            "__newindex",
            "__call",
            "__len",
            "__eq",
            "__tostring",
            "__concat",
            "__close",
            "__name",
            "__gc",
            "__metatable",
        ];
        let mut parts = text(format!("{} = setmetatable( {{ ", self.slot(Slot::Any)));
        parts = self.fields(parts, &FIELDS, 4, depth).text("}, { ");
        parts = self.fields(parts, &META, 4, depth).text("} )");
        Statement { number: self.number(), pieces: parts.0 }
    }

    fn fields(&mut self, mut parts: Parts, names: &[&str], one_in: u32, depth: u32) -> Parts {
        for &name in names {
            if !self.dice.one_in(one_in) {
                continue;
            }
            parts = parts.text(format!("{name} = "));
            let is_descriptor = ["getfd", "fileno", "pollfd"].contains(&name);
            parts = match self.dice.below(5) {
                0 if name == "__gc" => parts.text("5"),
                _ if name == "__gc" => parts.text("finalizer( ").and(self.function(depth)).text(" )"),
                0 => parts.and(self.whatever(depth)),
                _ if is_descriptor => self.descriptor(parts, depth),
                _ => parts.and(self.function(depth)),
            };
            parts = parts.text(", ");
        }
        parts
    }

    /// A method that returns a descriptor's number after doing something else.
    fn descriptor(&mut self, parts: Parts, depth: u32) -> Parts {
        let number = if self.dice.one_in(2) {
            values::descriptor(&mut self.dice).into()
        } else {
            format!("s[ {} ]:getfd( )", 1 + self.dice.below(3))
        };
        let body = if depth >= DEPTH_MAX { Vec::new() } else { self.body(depth) };
        parts.text("function( ... ) tick( )").body(body).text(format!("return {number} end"))
    }
}
