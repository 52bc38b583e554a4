//! Tests in which Rust's allocator refuses a request, each request in turn: the call raises an error in Lua, and the
//! loop goes on.
//!
//! Some allocations of the standard library have no call that can fail: those for a loop, its statistics, or a message.
//! Before such an allocation, Cogloop requests at least as many bytes in one piece, with a call that can fail. So the
//! test of these allocations limits the number of bytes, and does not refuse single requests.

#[path = "../../../proptests/tests/memory/allocator.rs"]
mod allocator;
#[path = "common/state.rs"]
mod state;

use allocator::{Grant, with};
use state::State;

/// Runs before memory runs out. Makes the functions that the tests need.
const BEFORE: &str = r"
    cogloop, net, Loop, mockit = require 'cogloop', require 't.Net', require 't.Loop', require 'luamockit'
    loop, older = cogloop.loop{ clock = 'virtual', resolution = 0.01 }, Loop{ clock = 'virtual' }
    service = mockit.service{ clock = 'virtual' }
    loop:onerror( function( ) end )
    older.onerror = function( ) end
    sockets = { }
    for i = 1, 40 do sockets[ i ] = require 't.Net.Socket'( 'udp' ) end
";

/// Makes many objects of each kind, so that tables grow.
const SCRIPTS: [&str; 5] = [
    r"
    for i = 1, 3000 do loop:after( i * 7919 % 3000, function( ) end ) end
    for _ = 1, 10 do loop:advance( 300 ) end
    ",
    r"
    local timers = { }
    for i = 1, 600 do timers[ i ] = loop:every( { ms = i, slack = i % 3 }, function( ) end ) end
    for i = 1, 600, 2 do timers[ i ]:pause( ) timers[ i + 1 ]:unref( ) end
    for i = 1, 300 do timers[ #timers + 1 ] = loop:after( i, function( ) end ) timers[ #timers ]:pause( ) end
    loop:advance( 10 )
    local list, text = loop:timers( ), loop:dump( )
    for i = 1, #timers do timers[ i ]:cancel( ) end
    ",
    r"
    local watchers = { }
    for i, socket in ipairs( sockets ) do
      local watcher, why = loop:on( socket, i % 2 == 0 and 'w' or 'r', function( ) end )
      if not watcher then error( why ) end
      watchers[ i ] = watcher
    end
    loop:step( 0 )
    local list = loop:handles( )
    for i = 1, 40, 3 do sockets[ i ]:close( ) end
    loop:step( 0 )
    loop:step( 0 )
    for i = 2, 40, 3 do watchers[ i ]:off( ) end
    ",
    r"
    for i = 1, 300 do loop:spawn( function( ) loop:sleep( i ) loop:wait( sockets[ i % 40 + 1 ], 'w', 5 ) end ) end
    for _ = 1, 20 do loop:step( 0 ) loop:advance( 20 ) end
    ",
    r"
    for i = 1, 300 do older:addTask( i * 31 % 300, function( ) return i % 5 == 0 and i < 100 and 200 or nil end ) end
    for i = 1, 20 do older:addHandle( sockets[ i ], 'r', function( ) end ) end
    older:addTask( 250, function( ) older:clean( ) end )
    older:run( )
    ",
];

/// Fills the queue of `luamockit`, whose events are in a map of the standard library.
const QUEUE: &str = r"
    for i = 1, 200 do service.oneoff( i, function( ) end ) end
    local timers = { }
    for i = 1, 200 do timers[ i ] = service.getit( i, function( ) end ) end
    service.sleep( 20 )
    for i = 1, 200, 2 do timers[ i ]:destroy( ) end
    service.process_events( )
    ";

/// Checks that the existing loops work.
const AFTER: &str = r"
    local ran = 0
    for i = 1, 10 do loop:after( i, function( ) ran = ran + 1 end ) end
    loop:advance( 4000 )
    assert( ran == 10, ran )
    local socket = require 't.Net.Socket'( 'udp' )
    assert( loop:on( socket, 'w', function( ) ran = ran + 1 end ) )
    loop:step( 0 )
    assert( ran > 10, ran )
    older:clean( )
    older:addTask( 1, function( ) ran = 0 end )
    older:run( )
    assert( ran == 0 )
    service.oneoff( 1, function( ) ran = 5 end )
    service.sleep( 5000 )
    service.process_events( )
    assert( ran == 5 )
";

/// Runs a test with this grant. Returns the number of refused requests.
fn run_script(script: &str, grant: Grant) -> usize {
    let state = State::new();
    state.run(BEFORE).expect("there is memory");
    state.load(script);
    let (result, refused) = with(grant, || state.call_plainly());
    if !result {
        let problem = state.take_message();
        assert!(refused > 0 && problem.contains("not enough memory"), "{problem}");
    }
    state.run(AFTER).unwrap_or_else(|problem| panic!("{problem}\nafter{script}"));
    refused
}

#[test]
fn memory_that_runs_out_in_rust_is_an_error_in_lua_at_each_request_c71() {
    for script in SCRIPTS {
        let enough =
            (0..10_000).find(|&count| run_script(script, Grant::Requests(count)) == 0).expect("it gets enough");
        assert!(enough > 3, "{enough} requests in{script}");
        for count in 0..enough {
            run_script(script, Grant::AllBut(count));
        }
    }
}

#[test]
fn making_a_loop_or_statistics_without_memory_is_an_error_in_lua_c71() {
    for script in [
        "local made, why = require 'cogloop'.loop( ) if not made then error( why ) end",
        "require 't.Loop'( )",
        "require 'luamockit'.service( )",
        "loop:stats( true )",
        QUEUE,
        "local made, why = loop:signal( 'USR1', print ) if not made then error( why ) end",
    ] {
        let refusals =
            (0..1_200).step_by(8).filter(|kilobytes| run_script(script, Grant::Bytes(kilobytes << 10)) > 0).count();
        assert!((1..149).contains(&refusals), "{refusals} in {script}");
    }
}
