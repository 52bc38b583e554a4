-- The timers of `require 'cogloop'`: after, every, at, and the methods of a timer.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

test( 'after calls its function once, with its arguments, including trailing nils (C02)', function( )
  local loop, got = virtual( ), nil
  loop:after( 5, function( ... ) got = { select( '#', ... ), ... } end, 'a', nil, 3, nil )
  loop:run( )
  equal( got[ 1 ], 4 )
  equal( got[ 2 ], 'a' )
  equal( got[ 4 ], 3 )
  equal( loop:now( ), 5 )
end )

test( 'no timer is early in real time (C01)', function( )
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


test( 'every reports missed deadlines, by each policy (C13, C16)', function( )
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
      if #got == 1 then loop:advance( 27 ) end          -- as if the callback took this long
      if #got == #wanted then timer:cancel( ) end
    end )
    loop:run( )
    same_list( got, wanted, policy )
    equal( loop:firing( ), nil )
  end
end )

test( 'every passes its arguments, and obeys its first delay', function( )
  local loop, got = virtual( ), { }
  loop:every( { ms = 10, first = 3, slack = 0 }, function( a, b ) got[ #got + 1 ] = a .. b .. loop:now( ) end, 'x', 'y' )
  loop:advance( 25 )
  same_list( got, { 'xy3', 'xy13', 'xy23' } )
end )

test( 'slack lets neighbouring timers fire together, and none is early', function( )
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

test( 'at takes a time of the loop, and a past time is due in the next turn', function( )
  local loop, got = virtual( ), { }
  loop:advance( 100 )
  loop:at( 130, function( ) got[ #got + 1 ] = loop:now( ) end )
  loop:at( 7, function( ) got[ #got + 1 ] = loop:now( ) end )
  loop:run( )
  same_list( got, { 100, 130 } )
end )

test( 'a cancelled timer does not run, and a second cancel returns false (C06, C08)', function( )
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

test( 'the object of a finished timer does not affect the timer that has taken its place (C09)', function( )
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

test( 'a timer can be rescheduled, paused and resumed', function( )
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

test( 'an error about an invalid delay names the argument and its number (C18)', function( )
  local loop = virtual( )
  local f = function( ) end
  for _, ms in ipairs{ -1, 0 / 0, 1 / 0, '5', false } do
    fails( "bad argument #1 to 'after' (ms: ", function( ) loop:after( ms, f ) end )
    fails( "bad argument #1 to 'at' (time: ", function( ) loop:at( ms, f ) end )
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

test( 'the longest delays are exact, and the loop does not spin (C17)', function( )
  local loop, steps = virtual( ), 0
  for _, ms in ipairs{ 2 ^ 31 - 1, 2 ^ 31 + 1, 2 ^ 32 + 10, 2 ^ 40 } do
    loop:after( ms, function( ) equal( loop:now( ), ms ) end )
  end
  local far = loop:after( 1e300, function( ) end )
  far:cancel( )
  while loop:step( ) do steps = steps + 1 end
  is_true( steps <= 4, steps .. ' turns' )
end )

test( 'a callable table is accepted as a function (C70)', function( )
  local loop, got = virtual( ), nil
  loop:after( 1, setmetatable( { }, { __call = function( _, a ) got = a end } ), 'x' )
  loop:run( )
  equal( got, 'x' )
end )

test( 'a timer without references fires, and then nothing of it stays (C62)', function( )
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

test( 'the object of a timer does not keep the loop alive, and may outlive it (C65)', function( )
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

test( 'tostring of a timer', function( )
  local loop = virtual( )
  local timer = loop:after( 2.5, function( ) end )
  equal( tostring( timer ), 'cogloop.timer: 2.5 ms left' )
  fails( 'timer: cogloop.timer expected, got', timer.cancel, loop )
  fails( 'timer: cogloop.timer expected, got', timer.pause, io.stdout )
  fails( 'timer: cogloop.timer expected, got no value', timer.remaining )
  fails( 'ms: ', timer.reschedule, timer, -1 )
end )

test( 'a timer armed in a coroutine fires even if the coroutine is dead (C63)', function( )
  local loop, ran = virtual( ), 0
  coroutine.wrap( function( ) loop:after( 1, function( ) ran = ran + 1 end ) end )( )
  T.collect( )
  coroutine.wrap( function( ) loop:run( ) end )( )
  equal( ran, 1 )
end )

test( '__gc may arm and cancel timers at any time (C72)', function( )
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

test( 'memory depends on the number of live timers, not on the number of timers ever made', function( )
  local loop = virtual( )
  local function churn( )
    for _ = 1, 20000 do loop:after( 1000, print, 'x' ):cancel( ) end
    T.collect( )
    return collectgarbage 'count'
  end
  local first = churn( )
  for _ = 1, 5 do churn( ) end
  is_true( churn( ) < first + 20, 'memory grew by 20 KiB or more' )
end )

test( 'timers of a loop with slack share a wake-up, a timer keeps a slack of its own, and none fires early', function( )
  local loop, at = cogloop.loop{ clock = 'virtual', slack = 10 }, { }
  local function fired( name ) at[ name ] = loop:now( ) end
  loop:after( 36, fired, 'after' )
  loop:at( 38, fired, 'at' )
  loop:every( 40, function( ) fired 'every' end ):unref( )
  loop:every( { ms = 37, slack = 0 }, function( ) at.exact = at.exact or loop:now( ) end ):unref( )
  loop:spawn( function( ) loop:sleep( 39 ) fired 'sleep' end )
  loop:after( 0, fired, 'now' )
  loop:run( )
  equal( at.now, 0 )
  equal( at.exact, 37 )
  is_true( at.after >= 40 and at.after <= 46, at.after )
  same_list( { at.at, at.every, at.sleep }, { at.after, at.after, at.after } )
  for _, slack in ipairs{ -1, 'x', true } do
    fails( "option 'slack': milliseconds, 0 or more, expected, got", cogloop.loop, { slack = slack } )
  end
end )

test( 'lateness within the slack is no missed deadline under any policy (C13)', function( )
  for _, policy in ipairs{ 'skip', 'burst', 'delay' } do
    local loop, calls = virtual( ), 0
    loop:every( { ms = 10, slack = 5, policy = policy }, function( )
      local _, late, missed = loop:firing( )
      calls = calls + 1
      is_true( late <= 5, policy )
      equal( missed, 0, policy )
    end )
    loop:advance( 10000 )
    is_true( calls >= 999, policy .. ': ' .. calls )
  end
end )

test( 'one-shots and intervals report the same deadline, and fire in the order of arming', function( )
  local loop, got = virtual( ), { }
  local function note( name )
    local timer, late, missed = loop:firing( )
    got[ #got + 1 ] = ('%s %g %g %d'):format( name, loop:now( ), late, missed )
    timer:cancel( )
  end
  local timers = { loop:every( 0.0015, note, 'a' ), loop:at( 0.0015, note, 'b' ), loop:after( 0.0017, note, 'c' ),
                   loop:every( { ms = 5, first = 0.0011 }, note, 'd' ) }
  for i, timer in ipairs( timers ) do equal( timer:remaining( ), 0.002, i ) end
  loop:run( )
  same_list( got, { 'a 0.002 0 0', 'b 0.002 0 0', 'c 0.002 0 0', 'd 0.002 0 0' } )
end )

test( 'an interval whose first call is late goes on like a task of t.Loop', function( )
  local loop, at = virtual( ), { }
  loop:every( 10, function( )
    at[ #at + 1 ] = loop:now( )
    if #at == 4 then loop:firing( ):cancel( ) end
  end )
  loop:after( 5, function( ) loop:advance( 15 ) end )      -- as if the callback took this long
  loop:run( )
  local Loop, other, tasks = require 't.Loop', nil, { }
  other = Loop{ clock = 'virtual' }
  other:addTask( 10, function( )
    tasks[ #tasks + 1 ] = other:time( )
    return #tasks < 4 and 10
  end )
  other:addTask( 5, function( ) other:sleep( 15 ) end )
  other:run( )
  same_list( at, { 20, 30, 40, 50 } )
  same_list( tasks, at )
end )

test( 'a paused timer does not keep the loop running', function( )
  local loop, ran = virtual( ), 0
  local timer = loop:every( 10, function( ) ran = ran + 1 loop:firing( ):cancel( ) end )
  timer:pause( )
  equal( loop:run( ), true )
  equal( loop:step( ), false )
  equal( timer:unref( ):resume( ), true )
  loop:run( )
  equal( ran, 0 )
  timer:pause( )
  timer:ref( )
  loop:run( )
  timer:resume( )
  loop:run( )
  equal( ran, 1 )
end )

test( 'virtual time passes for unreferenced timers, and each fires at its deadline', function( )
  local loop, at = virtual( ), { }
  loop:every( 10, function( ) at[ #at + 1 ] = loop:now( ) end ):unref( )
  loop:advance( 100 )
  same_list( at, { 10, 20, 30, 40, 50, 60, 70, 80, 90, 100 } )
  loop:run( )
  equal( #at, 10 )
  loop:advance( 9 )
  equal( loop:now( ), 109 )
  equal( loop:step( ), false )
  equal( loop:now( ), 109, 'an idle loop does not wait' )
  local empty = virtual( )
  empty:advance( 7 )
  equal( empty:now( ), 7 )
end )

test( 'step serves due timers that are unreferenced', function( )
  local loop, ran = cogloop.loop( ), 0
  loop:after( 0, function( ) ran = ran + 1 end ):unref( )
  equal( loop:step( ), false )
  equal( ran, 1 )
end )

test( 'a call that needs more virtual time than is left raises or returns an error', function( )
  local loop, ran = virtual( ), 0
  equal( loop:advance( 1e300 ), true )                      -- 2^63 ns, the longest delay
  fails( "bad argument #1 to 'advance' (ms: the virtual clock ends", function( ) loop:advance( 1e300 ) end )
  equal( loop:now( ), 2 ^ 63 / 1e6 )
  loop:after( 10, function( ) ran = ran + 1 end )
  loop:run( )
  equal( ran, 1 )
  loop:after( 1, function( )
    fails( 'the virtual clock ends', function( ) loop:advance( 1e300 ) end )
    loop:after( 1e300, print )
  end )
  local done, message, errno = loop:run( )
  equal( done, nil )
  is_true( message:find( 'the virtual clock ends before the next timer is due', 1, true ), message )
  is_true( errno > 0 )
  local other = require 't.Loop'{ clock = 'virtual' }
  other:sleep( 1e300 )
  fails( "bad argument #1 to 'sleep' (ms: the virtual clock ends", function( ) other:sleep( 1e300 ) end )
end )

test( 'an unknown option is refused, and the message lists the known ones', function( )
  local loop = virtual( )
  local f = function( ) end
  fails( "bad argument #1 to 'every' (unknown option 'slak'; there are ms, first, slack and policy)",
    function( ) loop:every( { ms = 1, slak = 3 }, f ) end )
  fails( "unknown option '1'", function( ) loop:every( { 10 }, f ) end )
  fails( "unknown option 'clok'", function( ) cogloop.loop{ clok = 'virtual' } end )
  fails( "unknown option 'clok'; there is only clock", function( )
    require 'luamockit'.service{ clok = 'virtual' }
  end )
  equal( #loop:timers( ), 0 )
end )

test( 'a refusal at the limit leaves debounce and throttle as they were', function( )
  for _, name in ipairs{ 'debounce', 'throttle' } do
    local loop, got = cogloop.loop{ clock = 'virtual', max_timers = 1 }, { }
    local other = loop:after( 5, function( ) end )
    local f = loop[ name ]( loop, 10, function( x ) got[ #got + 1 ] = x .. loop:now( ) end )
    fails( 'too many timers', f, 'a' )
    fails( 'too many timers', f, 'b' )
    other:cancel( )
    f 'c'
    loop:run( )
    same_list( got, { name == 'throttle' and 'c0' or 'c10' }, name )
    f 'd'
    f 'e'
    loop:run( )
    same_list( got, name == 'throttle' and { 'c0', 'd10', 'e20' } or { 'c10', 'e20' }, name )
  end
end )

test( 'a throttle starts again if another timer took its place at the limit', function( )
  local loop, got, failed = cogloop.loop{ clock = 'virtual', max_timers = 1 }, { }, nil
  local f = loop:throttle( 10, function( x ) got[ #got + 1 ] = x .. loop:now( ) end )
  loop:onerror( function( err ) failed = tostring( err ) end )
  loop:spawn( function( )
    f 'a'
    f 'b'
    loop:sleep( 50 )              -- a coroutine that exists can always sleep
    is_true( failed:find( 'too many timers', 1, true ), failed )
    f 'c'
    f 'd'
  end )
  loop:run( )
  same_list( got, { 'a0', 'c50', 'd60' } )
end )

test( 'timers lists timers in the order in which they fire, including those with slack and those armed again', function( )
  local loop, fired, names = virtual( ), { }, { }
  local function add( name, arm, ... )
    local timer
    timer = loop[ arm ]( loop, ..., function( ) fired[ #fired + 1 ] = name timer:cancel( ) end )
    names[ #names + 1 ] = { name, timer }
    return timer
  end
  local moved, paused = add( 'moved', 'after', 20 ), add( 'paused', 'after', 30 )
  add( 'slack', 'every', { ms = 17, slack = 10 } )
  add( 'every', 'every', 20 )
  add( 'once', 'after', 20 )
  add( 'first', 'after', 5 )
  paused:pause( )
  moved:reschedule( 20 )
  paused:resume( )
  paused:reschedule( 20 )
  local listed = { }
  for _, item in ipairs( loop:timers( ) ) do
    for _, known in ipairs( names ) do
      if known[ 2 ] == item.timer then listed[ #listed + 1 ] = known[ 1 ] end
    end
    equal( item.paused, false )
  end
  loop:run( )
  same_list( listed, fired )
  local count, order = 0, { }
  loop:every( 10, function( )
    count = count + 1
    order[ #order + 1 ] = 'every'
    if count == 1 then return end
    loop:firing( ):cancel( )
  end )
  loop:after( 5, function( ) loop:after( 15, function( ) order[ #order + 1 ] = 'once' end ) end )
  loop:advance( 10 )
  local list = loop:timers( )
  equal( #list, 2 )
  equal( list[ 1 ].repeats, false )
  loop:run( )
  same_list( order, { 'every', 'once', 'every' } )
end )

T.done( )
