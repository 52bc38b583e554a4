//! Tests in which Lua's memory runs out, at each allocation in turn. With a debug build of LuaJIT an assertion of
//! LuaJIT itself then fails when the state is closed. So test LuaJIT with
//! `--release --no-default-features --features luajit`. The number `C…` names a row of docs/conformance.md.

#[path = "common/limited.rs"]
mod limited;
#[path = "common/state.rs"]
mod state;

use state::State;

/// Makes each kind of object, and runs the loop.
const SCRIPT: &str = r#"
local Loop = require 't.Loop'
loop = Loop{ clock = 'virtual', debug = DEBUG }
local fired = 0
local function fire( again ) fired = fired + 1 return again end
local tasks = { }
for i = 1, 5 do tasks[ i ] = loop:addTask( i, fire, nil, 'argument' ) end
loop:cancelTask( tasks[ 2 ] )
local file = io.open( '/dev/null', 'r+' )
loop:addHandle( file, 'r', function( ) fire( ) loop:removeHandle( file, 'r' ) end, 'argument' )
loop:addHandle( file, 'w', function( ) fire( ) loop:removeHandle( file, 'w' ) end )
loop:addTask( 2, function( ) loop:addTask( 1, fire ) return fired < 20 and fire( 3 ) end )
loop:run( )
loop:addTask( 1, fire )
loop:addHandle( file, 'rw', fire )
loop:show( )
loop:clean( )
loop:addTask( 1, error, 'a callback fails' )
loop.onerror = function( err ) failed = err end
loop:run( )
assert( failed == 'a callback fails' )
"#;

/// Checks that every object that exists is complete, and that the loop works.
const CHECK: &str = r#"
if loop then
  loop.onerror = nil
  local text = loop:show( )
  local _, listed = text:match( '(.*)\nT%.Loop{' ):gsub( '\n', '' )
  assert( tonumber( text:match '^T%.Loop%[(%d+)%]' ) == tonumber( text:match '{ *(%d+)ms}' or 0 ), text )
  if listed == 0 and #loop == 0 then loop:run( ) end     -- no hidden object keeps the loop running
  local ran = false
  loop:addTask( 0, function( ) ran = true end )
  loop:addTask( 0, loop.clean, loop )
  loop:run( )
  assert( ran and #loop == 0 )
end
"#;

fn descriptors() -> usize {
    std::fs::read_dir("/dev/fd").expect("it can be listed").count()
}

/// Runs the script with this number of allocations. Returns whether the number was enough.
fn with_allocations(count: usize, debug: bool) -> bool {
    let state = State::new();
    state.run(&format!("DEBUG = {debug} print = function( ) end")).expect("it runs");
    state.load(SCRIPT);
    let result = limited::call(&state, count);
    if let Err(message) = &result {
        assert!(message.contains("not enough memory"), "after {count} allocations: {message}");
    }
    state.run(CHECK).unwrap_or_else(|message| panic!("after {count} allocations: {message}"));
    result.is_ok()
}

/// C71: memory runs out at the n-th allocation.
#[test]
fn out_of_memory_at_any_allocation_is_an_error_and_leaves_the_loop_usable_c71() {
    let before = descriptors();
    for debug in [false, true] {
        let enough = (0..10_000).find(|&count| with_allocations(count, debug));
        assert!(enough.is_some_and(|count| count > 50), "{enough:?}");
    }
    assert_eq!(descriptors(), before, "nothing stays open");
}
