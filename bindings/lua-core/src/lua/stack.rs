//! `stack!` states which values are on Lua's stack. A debug build checks their number.

/// `stack!( lua: loop tasks task )` says that the stack has these values and no other. `stack!( lua, base: key value )`
/// says that the stack has these values above `base`. A debug build compares the height. In a release build the macro
/// does nothing.
///
/// A comment `// stack: loop tasks task` at the end of a line says which values the stack has after that line. Such a
/// comment stands where a check of the height alone would show little. The last value is the top; `…` stands for any
/// values, `a → b` for before and after.
macro_rules! stack {
    ($lua:ident: $($value:tt)*) => { $crate::lua::stack::stack!($lua, 0: $($value)*) };
    ($lua:ident, $base:tt: $($value:tt)*) => {
        if cfg!(debug_assertions) {
            let values = [$(stringify!($value)),*];
            let height = mlua::ffi::lua_gettop($lua);
            assert_eq!(height, $base + values.len() as std::ffi::c_int, "the stack above {} should hold {values:?}", $base);
        }
    };
}

pub(crate) use stack;
