//! Lua states in several threads of one process. The number `C…` names a row of docs/conformance.md.

#[path = "common/state.rs"]
mod state;

use state::State;

const SCRIPT: &str = r#"
local Loop = require 't.Loop'
for round = 1, 100 do
  local loop, ran, file = Loop( ), { }, assert( io.open( '/dev/null', 'r+' ) )
  for i = 1, 20 do loop:addTask( i % 3, function( ) ran[ #ran + 1 ] = i end ) end
  local again = 0
  loop:addTask( 0.1, function( ) again = again + 1 return again < 3 and 1 end )
  loop:addHandle( file, 'rw', function( ) if #ran == 20 then loop:removeHandle( file, 'rw' ) end end )
  loop:run( )
  assert( #ran == 20 and again == 3 and #loop == 0 )
end
"#;

/// The loop of another thread begins to run before the script's loop, and ends. Then an interrupt still finds the
/// script's loop and ends its wait. The interrupt does not end the loops of other threads.
#[cfg(unix)]
#[test]
fn an_interrupt_finds_the_loop_of_its_thread_whatever_other_threads_run() {
    use cogloop_lua_core::interrupt::{self, Found};
    use std::io::{Read, Write, pipe};
    use std::os::fd::AsRawFd;

    let ((mut runs, told), (waits, mut go), (ends, mut end)) = (pipe().unwrap(), pipe().unwrap(), pipe().unwrap());
    let script = |ended_by: i32| {
        format!(
            "local loop = require 'cogloop'.loop( )
            loop:on( {ended_by}, 'r', function( ) loop:stop( ) end )
            loop:after( 0, function( ) assert( io.open( '/dev/fd/{}', 'w' ) ):write( 'x' ):close( ) end )
            loop:run( )",
            told.as_raw_fd()
        )
    };
    let again = "local ok, err = pcall( require 'cogloop'.run ) assert( not ok and err:find 'interrupted', err )";
    let mut wait_for_one = || runs.read_exact(&mut [0]).unwrap();
    let found = std::thread::scope(|scope| {
        let other = scope.spawn(|| State::new().run(&script(waits.as_raw_fd())));
        wait_for_one();
        let of_script = scope.spawn(|| {
            interrupt::install().unwrap();
            let state = State::new();
            state.run(&script(ends.as_raw_fd())).and_then(|()| state.run(again))
        });
        wait_for_one();
        go.write_all(b"x").unwrap();
        other.join().unwrap().unwrap();
        let (_, found) = interrupt::raise();
        let left = scope.spawn(|| State::new().run(SCRIPT));
        left.join().unwrap().expect("another thread's loops run");
        // If the interrupt was lost, this byte ends the loop. Otherwise the test would hang.
        end.write_all(b"x").unwrap();
        of_script.join().unwrap().expect("the script learns of the interrupt");
        matches!(found, Found::Waiting | Found::Calling(_))
    });
    assert!(found, "a loop ran");
}

/// C68: two Lua states in two threads.
#[test]
fn states_in_two_threads_are_independent_c68() {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| State::new().run(SCRIPT).expect("the script runs"));
        }
    });
}
