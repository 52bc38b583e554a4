//! Tests in which Lua's memory runs out, at each allocation in turn: the call raises an error, and a loop of `cogloop`
//! is never half made.

#[path = "common/limited.rs"]
mod limited;
#[path = "common/state.rs"]
mod state;

use state::State;

/// Makes a loop with timers, a watcher, tasks and a debounced function, and does not close it.
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

/// Checks that an existing loop works.
const AFTER: &str = r"
    if not loop then return end
    local ran = 0
    for i = 1, 10 do loop:after( i, function( ) ran = ran + 1 end ) end
    loop:advance( 100 )
    assert( ran == 10, ran )
";

/// Runs the script with this number of allocations. Returns whether the number was enough.
fn run(code: &str, granted: usize) -> bool {
    let state = State::new();
    state.load(code);
    let result = limited::call(&state, granted);
    if let Err(problem) = &result {
        assert!(problem.contains("not enough memory") || problem.contains("error in error handling"), "{problem}");
    }
    state.run(AFTER).unwrap_or_else(|problem| panic!("after {granted} allocations: {problem}"));
    result.is_ok()
}

fn every_allocation_fails_in_turn(code: &str) {
    let mut granted = 0;
    while !run(code, granted) {
        granted += 1;
        assert!(granted < 20_000, "no number is enough");
    }
    assert!(granted > 50, "{granted} allocations");
}

#[test]
fn our_loop_survives_running_out_of_memory_at_each_allocation_c71() {
    every_allocation_fails_in_turn(COGLOOP);
}
