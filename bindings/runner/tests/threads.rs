//! Two Lua states in two threads of one process. The number `C…` names a row of docs/conformance.md.

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

/// C68: two Lua states in two threads.
#[test]
fn states_in_two_threads_are_independent_c68() {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| State::new().run(SCRIPT).expect("the script runs"));
        }
    });
}
