//! A Lua state inside the test's process, with our modules preloaded.

use mlua::ffi::{
    LUA_OK, lua_State, lua_close, lua_getfield, lua_getglobal, lua_pcall, lua_settop, lua_tolstring, luaL_loadbufferx,
    luaL_newstate, luaL_openlibs,
};
use std::ptr::{null, null_mut};

pub(crate) struct State(pub(crate) *mut lua_State);

impl State {
    pub(crate) fn new() -> Self {
        // SAFETY: a state of our own, used by one thread. There is enough memory, so nothing here raises.
        unsafe {
            let lua = luaL_newstate();
            assert!(!lua.is_null(), "memory");
            luaL_openlibs(lua);
            lua_getglobal(lua, c"package".as_ptr());
            lua_getfield(lua, -1, c"preload".as_ptr());
            cogloop_lua_core::set_openers(lua);
            lua_settop(lua, 0);
            Self(lua)
        }
    }

    /// Loads code and leaves the function on top of the stack.
    pub(crate) fn load(&self, code: &str) {
        // SAFETY: the state lives, and loading raises nothing.
        let status = unsafe { luaL_loadbufferx(self.0, code.as_ptr().cast(), code.len(), c"=test".as_ptr(), null()) };
        assert_eq!(status, LUA_OK, "{}", self.top());
    }

    /// Calls the function on top. If the function raises, returns the message.
    pub(crate) fn call(&self) -> Result<(), String> {
        // SAFETY: the state lives, and there is a function on top.
        unsafe {
            let result = if lua_pcall(self.0, 0, 0, 0) == LUA_OK { Ok(()) } else { Err(self.top()) };
            lua_settop(self.0, 0);
            result
        }
    }

    /// Like [`State::call`], but allocates nothing in Rust. Returns whether the call succeeded. The message stays on
    /// the stack for [`State::take_message`].
    #[allow(dead_code, reason = "each test file uses its part")]
    pub(crate) fn call_plainly(&self) -> bool {
        // SAFETY: the state lives, and there is a function on top.
        unsafe { lua_pcall(self.0, 0, 0, 0) == LUA_OK }
    }

    #[allow(dead_code, reason = "each test file uses its part")]
    pub(crate) fn take_message(&self) -> String {
        let message = self.top();
        // SAFETY: the state lives.
        unsafe { lua_settop(self.0, 0) };
        message
    }

    pub(crate) fn run(&self, code: &str) -> Result<(), String> {
        self.load(code);
        self.call()
    }

    /// The string on top.
    fn top(&self) -> String {
        // SAFETY: the state lives. `lua_tolstring` allocates nothing for a string, and the bytes stay while they are
        // copied.
        unsafe {
            let mut length = 0;
            let bytes = lua_tolstring(self.0, -1, &raw mut length);
            assert_ne!(bytes, null_mut(), "an error without a message");
            String::from_utf8_lossy(std::slice::from_raw_parts(bytes.cast(), length)).into_owned()
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: nothing uses the state any more.
        unsafe { lua_close(self.0) };
    }
}
