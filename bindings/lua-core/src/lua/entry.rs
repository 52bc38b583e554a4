//! Functions that Lua calls.

/// Defines an *entry*, a function that Lua calls. An entry is written like an ordinary function; its body is unsafe
/// code.
///
/// The body of an entry may rely on this:
///
/// 1. `lua` is a live state. The stack has the arguments from index 1 on, and room for 20 values more.
/// 2. The function has the upvalues of its module, as `set_functions` gave them, or the upvalues that a comment names
///    where the function is pushed.
/// 3. A userdata whose metatable is one of these upvalues was made by this module and holds the type of that metatable.
///
/// The body must obey [the rule for Lua calls](crate). Where a Lua call may raise, no value with a destructor is alive.
/// A pointer into a loop is valid only until Lua code may have run.
///
/// Rust code that calls an entry passes its own stack on. That code is an entry itself, or an entry has called it.
macro_rules! entry {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($lua:ident: *mut lua_State) -> c_int $body:block) => {
        $(#[$meta])*
        $vis unsafe extern "C-unwind" fn $name($lua: *mut lua_State) -> c_int {
            // SAFETY: the contract above. If a body relies on more, it says so.
            unsafe { $body }
        }
    };
}

pub(crate) use entry;
