-- The timers of `require 'cogloop'`: after, every, at, and what a timer can be asked.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

test( 'after calls once, with its arguments, trailing nils too (C02)', function( )
  local loop, got = virtual( ), nil
  loop:after( 5, function( ... ) got = { select( '#', ... ), ... } end, 'a', nil, 3, nil )
  loop:run( )
  equal( got[ 1 ], 4 )
  equal( got[ 2 ], 'a' )
  equal( got[ 4 ], 3 )
  equal( loop:now( ), 5 )
end )

test( 'real time: none is early (C01)', function( )
  local loop, early = cogloop.loop( ), 0
  for i = 1, 200 do
    local due = loop:now( ) + i / 10
    loop:after( i / 10, function( ) if loop:now( ) < due then early = early + 1 end end )
  end
  loop:run( )
  equal( early, 0 )
end )

test( 'equal deadlines keep the order in which they were armed (C03)', function( )
  local loop, ran = virtual( ), { }
  for i = 1, 500 do loop:after( 64, function( ) ran[ #ran + 1 ] = i end ) end
  loop:run( )
  for i = 1, 500 do equal( ran[ i ], i ) end
end )

test( 'a timer armed in a callback with 0 ms runs in a later turn (C04)', function( )
  local loop, ran = virtual( ), { }
  local function note( name ) ran[ #ran + 1 ] = name end
  loop:after( 1, function( ) note 'a' loop:after( 0, note, 'added' ) end )
  loop:after( 1, note, 'b' )
  loop:run( )
  same_list( ran, { 'a', 'b', 'added' } )
end )

test( 'every does not drift, and stops when it is cancelled in its own callback (C07, C14)', function( )
  local loop, times, timer = virtual( ), { }, nil
  timer = loop:every( 10, function( )
    times[ #times + 1 ] = loop:now( )
    if #times == 100 then equal( timer:cancel( ), true ) end
  end )
  loop:run( )
  equal( #times, 100 )
  for i = 1, 100 do equal( times[ i ], i * 10 ) end
end )


test( 'every learns what it missed, by each policy (C13, C16)', function( )
  for policy, wanted in pairs{
    skip  = { '10 0 0', '20 17 1', '40 0 0' },
    burst = { '10 0 0', '20 17 0', '30 7 0', '40 0 0' },
    delay = { '10 0 0', '20 17 0', '47 0 0' },
  } do
    local loop, got = virtual( ), { }
    local timer
    timer = loop:every( { ms = 10, policy = policy }, function( )
      local fired, late, missed = loop:firing( )
      equal( fired, timer )
      got[ #got + 1 ] = ('%d %d %d'):format( loop:now( ) - late, late, missed )
      if #got == 1 then loop:advance( 27 ) end          -- so long does this callback take
      if #got == #wanted then timer:cancel( ) end
    end )
    loop:run( )
    same_list( got, wanted, policy )
    equal( loop:firing( ), nil )
  end
end )

test( 'every takes its first time and its arguments', function( )
  local loop, got = virtual( ), { }
  loop:every( { ms = 10, first = 3, slack = 0 }, function( a, b ) got[ #got + 1 ] = a .. b .. loop:now( ) end, 'x', 'y' )
  loop:advance( 25 )
  same_list( got, { 'xy3', 'xy13', 'xy23' } )
end )

test( 'slack lets neighbours meet, and is never early', function( )
  local loop, times = virtual( ), { }
  for first = 100, 110 do
    loop:every( { ms = 1000, first = first, slack = 30 }, function( )
      is_true( loop:now( ) >= first )
      times[ loop:now( ) ] = true
    end )
  end
  loop:advance( 200 )
  local count = 0
  for _ in pairs( times ) do count = count + 1 end
  is_true( count > 0 and count < 6, count .. ' wake-ups' )
end )

test( 'at is a time of the loop; one that is past is due in the next turn', function( )
  local loop, got = virtual( ), { }
  loop:advance( 100 )
  loop:at( 130, function( ) got[ #got + 1 ] = loop:now( ) end )
  loop:at( 7, function( ) got[ #got + 1 ] = loop:now( ) end )
  loop:run( )
  same_list( got, { 100, 130 } )
end )

test( 'a cancelled timer does not run, and a second cancel says so (C06, C08)', function( )
  local loop, ran = virtual( ), 0
  local b
  loop:after( 5, function( ) equal( b:cancel( ), true ) end )
  b = loop:after( 5, function( ) ran = ran + 1 end )
  loop:run( )
  equal( ran, 0 )
  equal( b:cancel( ), false )
  equal( b:active( ), false )
  equal( b:remaining( ), nil )
end )

test( 'a timer that is done is left alone, though its place is taken (C09)', function( )
  local loop, ran = virtual( ), 0
  local old = loop:after( 1, function( ) end )
  loop:run( )
  local new = loop:after( 1, function( ) ran = ran + 1 end )
  equal( old:cancel( ), false )
  equal( old:reschedule( 5 ), false )
  equal( old:pause( ), false )
  equal( old:resume( ), false )
  is_true( old ~= new )
  loop:run( )
  equal( ran, 1 )
end )

test( 'reschedule, pause and resume', function( )
  local loop, times = virtual( ), { }
  local function note( name ) times[ #times + 1 ] = name .. loop:now( ) end
  local a = loop:after( 10, note, 'a' )
  local b = loop:after( 20, note, 'b' )
  local c = loop:every( 30, note, 'c' )
  equal( a:reschedule( 25 ), true )
  equal( b:pause( ), true )
  equal( b:pause( ), false )
  equal( b:active( ), false )
  equal( b:remaining( ), 20 )
  loop:advance( 26 )
  equal( c:reschedule( 10 ), true )
  equal( c:active( ), true )
  equal( b:resume( ), true )
  equal( b:resume( ), false )
  loop:advance( 50 )
  same_list( times, { 'a25', 'c36', 'b46', 'c66' } )
end )

test( 'delays that make no sense are refused, by name and place (C18)', function( )
  local loop = virtual( )
  local f = function( ) end
  for _, ms in ipairs{ -1, 0 / 0, 1 / 0, '5', false } do
    fails( "bad argument #1 to 'after' (ms: ", function( ) loop:after( ms, f ) end )
    fails( "bad argument #1 to 'at' (ms: ", function( ) loop:at( ms, f ) end )
  end
  fails( 'ms: ', function( ) loop:after( nil, f ) end )
  fails( 'ms: ', function( ) loop:every( 0, f ) end )
  fails( 'ms: ', function( ) loop:every( { }, f ) end )
  fails( 'first', function( ) loop:every( { ms = 1, first = 'x' }, f ) end )
  fails( 'policy', function( ) loop:every( { ms = 1, policy = 'none' }, f ) end )
  fails( 'policy', function( ) loop:every( { ms = 1, policy = 1 }, f ) end )
  fails( "#2 to 'after' (f: a function", function( ) loop:after( 1, 'print' ) end )
  fails( "(f: a function", function( ) loop:every( 1 ) end )
  equal( loop:step( 0 ), false )
end )

test( 'the longest delays are exact, and no reason to spin (C17)', function( )
  local loop, steps = virtual( ), 0
  for _, ms in ipairs{ 2 ^ 31 - 1, 2 ^ 31 + 1, 2 ^ 32 + 10, 2 ^ 40 } do
    loop:after( ms, function( ) equal( loop:now( ), ms ) end )
  end
  local far = loop:after( 1e300, function( ) end )
  far:cancel( )
  while loop:step( ) do steps = steps + 1 end
  is_true( steps <= 4, steps .. ' turns' )
end )

test( 'a callable table is a function (C70)', function( )
  local loop, got = virtual( ), nil
  loop:after( 1, setmetatable( { }, { __call = function( _, a ) got = a end } ), 'x' )
  loop:run( )
  equal( got, 'x' )
end )

test( 'a timer that nobody holds fires, and leaves nothing behind (C62)', function( )
  local loop, ran = virtual( ), 0
  local weak = setmetatable( { }, { __mode = 'v' } )
  for i = 1, 100 do
    local argument = { }
    weak[ i ] = argument
    loop:after( i, function( ) ran = ran + 1 collectgarbage( ) end, argument )
  end
  T.collect( )
  loop:run( )
  T.collect( )
  equal( ran, 100 )
  equal( next( weak ), nil )
end )

test( 'a timer does not keep its loop, and outlives it (C65)', function( )
  local weak = setmetatable( { }, { __mode = 'k' } )
  local timer
  do
    local loop = virtual( )
    weak[ loop ] = true
    timer = loop:after( 1, function( ) return loop end )
  end
  T.collect( )
  T.collect( )
  equal( next( weak ), nil )
  equal( timer:cancel( ), false )
  equal( timer:remaining( ), nil )
  equal( tostring( timer ), 'cogloop.timer: done' )
end )

test( 'a timer tells what it is', function( )
  local loop = virtual( )
  local timer = loop:after( 2.5, function( ) end )
  equal( tostring( timer ), 'cogloop.timer: 2.5 ms left' )
  fails( 'timer: cogloop.timer expected, got', timer.cancel, loop )
  fails( 'timer: cogloop.timer expected, got', timer.pause, io.stdout )
  fails( 'timer: cogloop.timer expected, got no value', timer.remaining )
  fails( 'ms: ', timer.reschedule, timer, -1 )
end )

test( 'what is armed in a coroutine fires, dead or not (C63)', function( )
  local loop, ran = virtual( ), 0
  coroutine.wrap( function( ) loop:after( 1, function( ) ran = ran + 1 end ) end )( )
  T.collect( )
  coroutine.wrap( function( ) loop:run( ) end )( )
  equal( ran, 1 )
end )

test( 'timers are armed and cancelled from __gc, at any moment (C72)', function( )
  local loop, finalized, fired, rounds, timers = virtual( ), 0, 0, 0, { }
  local function litter( )
    T.on_collect( function( )
      finalized = finalized + 1
      timers[ #timers + 1 ] = loop:after( 1, function( ) fired = fired + 1 end )
      if #timers % 3 == 0 and timers[ #timers ]:cancel( ) then fired = fired + 1 end
    end )
  end
  local pause = T.gc_pause( 0 )
  loop:every( 1, function( )
    rounds = rounds + 1
    for _ = 1, 50 do litter( ) end
    for _ = 1, 50 do loop:after( 0, function( ) end, { }, { } ) end
    if rounds == 40 then loop:firing( ):cancel( ) end
  end )
  loop:run( )
  T.gc_pause( pause )
  T.collect( )
  loop:run( )
  equal( fired, finalized )
end )

test( 'memory follows the timers that live', function( )
  local loop = virtual( )
  local function churn( )
    for _ = 1, 20000 do loop:after( 1000, print, 'x' ):cancel( ) end
    T.collect( )
    return collectgarbage 'count'
  end
  local first = churn( )
  for _ = 1, 5 do churn( ) end
  is_true( churn( ) < first + 20, 'kilobytes' )
end )

T.done( )
