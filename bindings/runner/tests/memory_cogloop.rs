//! Lua runs out of memory at each allocation in turn: an error, and never a loop of `cogloop` that is half done.

use cogloop_lua_core::set_openers;
use mlua::ffi::{
    LUA_OK, lua_State, lua_close, lua_getfield, lua_getglobal, lua_gettop, lua_pcall, lua_pop, lua_pushvalue,
    lua_setallocf, lua_settop, lua_tolstring, luaL_loadbufferx, luaL_newstate, luaL_openlibs,
};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{null, null_mut};

/// Makes a loop, uses every kind of thing, and leaves it as it is.
const COGLOOP: &str = r"
    local cogloop = require 'cogloop'
    loop = cogloop.loop{ clock = 'virtual', resolution = 0.01 }
    loop:onerror( function( ) end )
    local timer = loop:after( 1, function( a ) return a end, 'x' )
    loop:every( { ms = 2, policy = 'burst' }, function( ) loop:firing( ) end )
    loop:after( 3, function( ) error 'oh' end )
    timer:reschedule( 2 )
    local file = io.open '/dev/null'
    local watcher = loop:on( file, 'r', function( ) end, 1 )
    loop:spawn( function( ) for _ = 1, 3 do loop:sleep( 1 ) end error 'oh' end )
    loop:spawn( function( ) loop:wait( file, 'w', 5 ) end )
    local silent = require 't.Net.Socket'( 'udp' )
    loop:spawn( function( ) loop:wait( silent, 'r', 50 ) end )
    local f = loop:debounce( 1, function( ) end )
    f( 1 )
    loop:stats( true )
    loop:slow( 0, function( ) end )
    for _ = 1, 5 do loop:step( 0 ) loop:advance( 1 ) end
    silent:close( )
    loop:step( 0 )
    loop:step( 0 )
    local texts = { tostring( loop ), tostring( timer ), tostring( watcher ), loop:dump( ) }
    local lists = { loop:timers( ), loop:handles( ), loop:stats( ) }
    watcher:off( )
    loop:firing( )
";

/// Whatever happened before: the loop that there is works.
const AFTER: &str = r"
    if not loop then return end
    local ran = 0
    for i = 1, 10 do loop:after( i, function( ) ran = ran + 1 end ) end
    loop:advance( 100 )
    assert( ran == 10, ran )
";

unsafe extern "C" fn allocate(data: *mut c_void, block: *mut c_void, old: usize, new: usize) -> *mut c_void {
    // SAFETY: Lua calls it with the budget, and with blocks that came from here or from its own realloc.
    unsafe {
        if new == 0 {
            libc::free(block);
            return null_mut();
        }
        if block.is_null() || new > old {
            // How many allocations are still granted.
            let budget = &*data.cast::<Cell<u64>>();
            let Some(rest) = budget.get().checked_sub(1) else { return null_mut() };
            budget.set(rest);
        }
        libc::realloc(block, new)
    }
}

/// Runs a piece of code that was loaded at `index`; the error's text, if any.
unsafe fn call(lua: *mut lua_State, index: i32) -> Result<(), String> {
    // SAFETY: a state of the test's own.
    unsafe {
        lua_pushvalue(lua, index);
        if lua_pcall(lua, 0, 0, 0) == LUA_OK {
            return Ok(());
        }
        let mut length = 0;
        let bytes = lua_tolstring(lua, -1, &raw mut length);
        let text = if bytes.is_null() {
            "?".into()
        } else {
            String::from_utf8_lossy(std::slice::from_raw_parts(bytes.cast(), length)).into_owned()
        };
        lua_settop(lua, -2);
        Err(text)
    }
}

/// With so many allocations granted: whether they were enough.
fn run(code: &str, granted: u64) -> bool {
    // SAFETY: a state of this thread alone; each call that may raise is protected, or has all the memory it wants.
    unsafe {
        let lua = luaL_newstate();
        luaL_openlibs(lua);
        lua_getglobal(lua, c"package".as_ptr());
        lua_getfield(lua, -1, c"preload".as_ptr());
        set_openers(lua);
        lua_pop(lua, 2);
        for code in [code, AFTER] {
            assert_eq!(luaL_loadbufferx(lua, code.as_ptr().cast(), code.len(), c"=test".as_ptr(), null()), LUA_OK);
        }
        let budget = Cell::new(granted);
        lua_setallocf(lua, allocate, budget.as_ptr().cast());
        let result = call(lua, 1);
        budget.set(u64::MAX);
        assert_eq!(lua_gettop(lua), 2);
        if let Err(problem) = &result {
            assert!(problem.contains("not enough memory") || problem.contains("error in error handling"), "{problem}");
        }
        call(lua, 2).unwrap_or_else(|problem| panic!("after {granted} allocations: {problem}"));
        lua_close(lua);
        result.is_ok()
    }
}

fn every_allocation_fails_in_turn(code: &str) {
    let mut granted = 0;
    while !run(code, granted) {
        granted += 1;
        assert!(granted < 20_000, "it never gets enough");
    }
    assert!(granted > 50, "{granted} allocations");
}

#[test]
fn our_loop_survives_running_out_of_memory_at_each_allocation_c71() {
    every_allocation_fails_in_turn(COGLOOP);
}
