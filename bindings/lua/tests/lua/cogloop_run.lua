-- Running a loop of `require 'cogloop'`: run, step, advance, stop, close, errors, and the default loop.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

test( 'the module exists once, even if package.loaded is cleared (C67)', function( )
  package.loaded.cogloop, package.loaded[ 't.cogloop' ] = nil, nil
  equal( require 'cogloop', cogloop )
end )

test( 'the names of options are checked', function( )
  fails( "option 'clock'", cogloop.loop, { clock = 'sun' } )
  fails( "option 'backend'", cogloop.loop, { backend = 1 } )
  fails( "option 'resolution'", cogloop.loop, { resolution = 0 } )
  fails( "unknown option 'colour'", cogloop.loop, { colour = 1 } )
  fails( 'options: a table expected', cogloop.loop, 5 )
  fails( 'unknown backend', cogloop.loop, { backend = 'none' } )
  equal( tostring( cogloop.loop{ backend = 'portable' } ):match( '^cogloop.loop: 0 timers, 0 handles' ) ~= nil, true )
end )

test( 'deadlines in the same tick of the resolution are equal', function( )
  local loop, ran = cogloop.loop{ clock = 'virtual', resolution = 1 }, { }
  loop:after( 0.9, function( ) ran[ #ran + 1 ] = 'first' end )
  loop:after( 0.1, function( ) ran[ #ran + 1 ] = 'second' end )
  loop:run( )
  same_list( ran, { 'first', 'second' } )
end )

test( 'a ready handle waits for only a few of a thousand busy intervals', function( )
  local loop, calls = cogloop.loop( ), 0
  local clock = os.clock
  for _ = 1, 1000 do
    loop:every( 1, function( )
      calls = calls + 1
      local stop = clock( ) + 0.005
      while clock( ) < stop do end
    end )
  end
  local _, writer = T.fifo( )
  local waited
  loop:on( writer, 'w', function( ) waited = calls loop:stop( ) end )
  loop:run( )
  is_true( waited <= 17, waited )
  loop:close( )
end )

test( 'a virtual clock goes on while a loop stays busy', function( )
  local loop, rounds, came = virtual( ), 0, nil
  local function again( )
    rounds = rounds + 1
    if not came and rounds < 100000 then loop:after( 0, again ) end
  end
  loop:after( 0, again )
  loop:after( 5, function( ) came = loop:now( ) end )
  loop:run( )
  equal( came, 5 )
  rounds, came = 0, nil
  loop:after( 0, again )
  is_true( loop:advance( 10 ) )
  is_true( rounds < 100000, rounds )
  is_true( loop:now( ) >= 15 and loop:now( ) < 15.01, loop:now( ) )
end )

test( 'a host limits timers, handles, and callbacks in a turn', function( )
  local loop = cogloop.loop{ clock = 'virtual', max_timers = 2, max_handles = 1, max_callbacks = 3 }
  local first = loop:after( 1, print )
  loop:every( 1, print )
  for _, add in ipairs{ 'after', 'every', 'at' } do
    fails( 'too many timers: the limit of this loop is 2', loop[ add ], loop, 1, print )
  end
  fails( 'too many timers', loop.spawn, loop, print )
  equal( #loop:timers( ), 2 )
  is_true( first:cancel( ) )
  -- The limit leaves room for one more timer. A coroutine can sleep and wait even if another timer takes that room.
  local steps = { }
  local reader, writer = T.fifo( )
  loop:spawn( function( )
    loop:timers( )[ 1 ].timer:cancel( )
    for _ = 1, 2 do loop:after( 5, function( ) steps[ #steps + 1 ] = 'timer' end ) end
    fails( 'too many timers', loop.after, loop, 1, print )
    loop:sleep( 1 )
    steps[ #steps + 1 ] = 'slept'
    local ready, message = loop:wait( writer, 'r', 2 )
    steps[ #steps + 1 ] = tostring( ready or message )
    local watcher, why = loop:on( reader, 'r', print )
    is_true( watcher, why )
    watcher, why = loop:on( writer, 'w', print )
    equal( watcher, nil )
    is_true( why:find( 'too many descriptors: the limit of this loop is 1', 1, true ), why )
    loop:handles( )[ 1 ].watcher:off( )
  end )
  loop:run( )
  same_list( steps, { 'slept', 'timed out', 'timer', 'timer' } )

  local served
  loop = cogloop.loop{ clock = 'virtual', max_callbacks = 3 }
  for _ = 1, 7 do loop:after( 1, function( ) served = served + 1 end ) end
  for _, expected in ipairs{ 3, 3, 1 } do
    served = 0
    loop:step( )
    equal( served, expected )
  end
  for _, limit in ipairs{ 0, -1, 1.5, '1', true } do
    for _, name in ipairs{ 'max_timers', 'max_handles', 'max_callbacks' } do
      fails( ("option '%s': a whole number from 1 to 4294967294 expected, got "):format( name ), cogloop.loop, { [ name ] = limit } )
    end
  end
end )

test( 'run returns when nothing is left, and at once without timers and handles (C25)', function( )
  virtual( ):run( )
  cogloop.loop( ):run( )
end )

test( 'after stop, due timers stay due for the next run (C30, C31)', function( )
  local loop, ran = virtual( ), { }
  loop:after( 1, function( ) ran[ #ran + 1 ] = 'a' loop:stop( ) end )
  loop:after( 1, function( ) ran[ #ran + 1 ] = 'b' end )
  loop:stop( )
  loop:run( )
  same_list( ran, { 'a' } )
  loop:run( )
  same_list( ran, { 'a', 'b' } )
end )

test( 'a callback cannot run its own loop, but can run another loop (C32)', function( )
  local loop, other, ran = virtual( ), virtual( ), 0
  loop:after( 1, function( )
    fails( 'running already', loop.run, loop )
    fails( 'running already', loop.step, loop )
    other:after( 1000, function( ) ran = ran + 1 end )
    other:run( )
  end )
  loop:run( )
  equal( ran, 1 )
end )

test( 'step takes one turn, and returns whether anything is left (C33)', function( )
  local loop, ran = virtual( ), 0
  for i = 1, 3 do loop:after( i, function( ) ran = ran + 1 end ) end
  equal( loop:step( 0 ), true )
  equal( ran, 0 )
  equal( loop:step( ), true )
  equal( ran, 1 )
  equal( loop:step( 0.5 ), true )
  equal( loop:now( ), 1.5 )
  equal( loop:step( 10 ), true )
  equal( loop:step( ), false )
  equal( ran, 3 )
  fails( 'ms: ', loop.step, loop, -1 )
end )

test( 'advance serves each timer at its deadline, and stops at the given time', function( )
  local loop, times = virtual( ), { }
  local timer = loop:every( 10, function( ) times[ #times + 1 ] = loop:now( ) end )
  loop:after( 15, function( ) loop:after( 2, function( ) times[ #times + 1 ] = loop:now( ) end ) end )
  loop:advance( 35 )
  same_list( times, { 10, 17, 20, 30 } )
  equal( loop:now( ), 35 )
  timer:cancel( )
  loop:advance( 5 )
  equal( loop:now( ), 40 )
  fails( 'no virtual clock', function( ) cogloop.loop( ):advance( 1 ) end )
end )

test( 'advance serves a ready handle before time passes, and time passes even if the handle stays ready', function( )
  local loop, got, always = virtual( ), { }, 0
  local reader, writer = T.fifo( )
  loop:on( T.null( ), 'r', function( ) always = always + 1 end )
  loop:on( reader, 'r', function( )
    got[ #got + 1 ] = reader:read( ) .. loop:now( )
    loop:after( 10, function( ) got[ #got + 1 ] = 'later' .. loop:now( ) end )
  end )
  writer:write 'now\n'
  loop:after( 50, function( ) writer:write 'sent\n' end )
  loop:advance( 100 )
  same_list( got, { 'now0', 'later10', 'sent50', 'later60' } )
  equal( loop:now( ), 100 )
  is_true( always > 0 and always < 20 )
end )

test( 'an hour of virtual time passes at once', function( )
  local loop, ticks = virtual( ), 0
  local timer = loop:every( 1000, function( ) ticks = ticks + 1 end )
  loop:after( 3600 * 1000, function( ) timer:cancel( ) end )
  loop:run( )
  is_true( ticks == 3599 or ticks == 3600 )
  equal( loop:now( ), 3600 * 1000 )
end )

test( 'run raises an error unchanged, and the loop goes on (C61)', function( )
  local loop, ran = virtual( ), 0
  local function broken( ) error 'oh' end
  loop:after( 1, broken )
  loop:after( 1, function( ) ran = ran + 1 end )
  local message = fails( 'oh', loop.run, loop )
  is_true( not message:find( 'stack traceback:', 1, true ), message )
  equal( loop:firing( ), nil )
  equal( ran, 0 )
  loop:run( )
  equal( ran, 1 )
  for _, err in ipairs{ 'x', { }, 5, false } do
    loop:after( 1, function( ) error( err, 0 ) end )
    local ok, got = pcall( loop.run, loop )
    equal( ok, false )
    equal( got, err )
  end
end )

test( 'an error that ends the script is printed with one traceback', function( )
  T.requires 'a shell'
  local script = os.tmpname( )
  local file = assert( io.open( script, 'w' ) )
  file:write "local loop = require 'cogloop'.loop( ) loop:after( 0, error, 'trouble' ) loop:run( )"
  file:close( )
  local pipe = assert( io.popen( ( "'%s' %s 2>&1" ):format( arg[ -1 ], script ) ) )
  local said = pipe:read '*a'
  pipe:close( )
  os.remove( script )
  is_true( said:find( 'trouble', 1, true ), said )
  local _, count = said:gsub( 'stack traceback:', '' )
  equal( count, 1 )
end )

test( 'run raises the error of a coroutine unchanged', function( )
  local loop = virtual( )
  loop:spawn( function( ) loop:sleep( 5 ) error( 'x', 0 ) end )
  local ok, got = pcall( loop.run, loop )
  equal( ok, false )
  equal( got, 'x' )
end )

test( 'onerror gets each error once, with its timer, and the other timers are served (C61)', function( )
  local loop, seen, ran = virtual( ), { }, 0
  local timers = { }
  local handler = function( err, traceback, what ) seen[ #seen + 1 ] = { err, traceback, what } end
  equal( loop:onerror( handler ), nil )
  equal( loop:onerror( ), handler )
  local object = { }
  for i, err in ipairs{ 'text', object, false } do
    timers[ i ] = loop:after( 1, function( ) error( err, 0 ) end )
    loop:after( 1, function( ) ran = ran + 1 end )
  end
  timers[ 4 ] = loop:every( 10, function( ) error( nil ) end )
  loop:advance( 20 )
  equal( ran, 3 )
  equal( #seen, 5 )
  equal( seen[ 1 ][ 1 ], 'text' )
  equal( seen[ 2 ][ 1 ], object )
  equal( seen[ 3 ][ 1 ], false )
  is_true( seen[ 1 ][ 2 ]:find( 'stack traceback:', 1, true ) )
  for i = 1, 4 do equal( seen[ i ][ 3 ], timers[ i ] ) end
  equal( seen[ 5 ][ 3 ], timers[ 4 ] )
  equal( timers[ 4 ]:active( ), true )
  equal( loop:onerror( nil ), handler )
  timers[ 4 ]:cancel( )
  loop:after( 1, error, 'plain' )
  fails( 'plain', loop.run, loop )
  fails( 'f: ', loop.onerror, loop, 5 )
end )

test( 'an error in onerror leaves run', function( )
  local loop = virtual( )
  loop:onerror( function( err ) error( 'again: ' .. err, 0 ) end )
  loop:after( 1, function( ) error( 'first', 0 ) end )
  fails( 'again: first', loop.run, loop )
end )

test( 'an error of a debug hook during a callback is an error like any other (C73)', function( )
  local loop, caught, ran = virtual( ), 0, 0
  loop:onerror( function( ) caught = caught + 1 end )
  loop:after( 1, function( )
    debug.sethook( function( ) debug.sethook( ) error 'hook' end, '', 1 )
    for _ = 1, 100 do ran = ran + 0 end
  end )
  loop:after( 1, function( ) ran = ran + 1 end )
  loop:run( )
  equal( caught, 1 )
  equal( ran, 1 )
end )

test( 'use of a closed loop is an error, in a callback too (C65)', function( )
  local loop = virtual( )
  loop:after( 1, function( ) loop:close( ) end )
  loop:after( 1, function( ) error 'not reached' end )
  loop:run( )
  for _, name in ipairs{ 'after', 'every', 'at', 'run', 'step', 'stop', 'now', 'firing', 'onerror' } do
    fails( 'the loop is closed', loop[ name ], loop, 1, print )
  end
  loop:close( )
  is_true( tostring( loop ):find( 'closed', 1, true ) )
end )

test( 'no other userdata is accepted as a loop', function( )
  local loop = virtual( )
  local timer = loop:after( 1, print )
  for _, name in ipairs{ 'after', 'every', 'at', 'run', 'step', 'stop', 'now', 'firing', 'onerror', 'close' } do
    for _, other in ipairs{ timer, io.stdout, { }, 'x', 5 } do
      fails( 'loop: cogloop.loop expected, got', loop[ name ], other, 1, print )
    end
  end
  fails( 'loop: T.Loop expected', require 't.Loop'.addTask, loop, 1, print )
end )

test( 'the functions of the module work on a default loop', function( )
  local ran = { }
  local timer = cogloop.after( 1, function( a ) ran[ #ran + 1 ] = a end, 'x' )
  cogloop.every( 1, function( ) cogloop.stop( ) end )
  equal( timer:active( ), true )
  cogloop.run( )
  equal( timer:active( ), false )
  same_list( ran, { 'x' } )
  is_true( cogloop.now( ) >= 1 )
  fails( "bad argument #1 to 'after' (ms: ", function( ) cogloop.after( 'x' ) end )
  cogloop.close( )
  cogloop.run( )
  equal( cogloop.step( ), false )
  cogloop.close( )
  cogloop.close( )
end )

test( 'an error in onerror leaves run, together with the error that onerror was handling', function( )
  local loop = virtual( )
  loop:onerror( function( ) error 'second' end )
  loop:after( 1, error, 'first' )
  local message = fails( 'second', loop.run, loop )
  is_true( message:find( 'while this error was handled: first', 1, true ), message )
  -- Errors may also be objects. In the message the text `(error object is a table value)` stands for such an error.
  loop:onerror( function( ) error( { } ) end )
  loop:after( 1, error, { } )
  fails( 'while this error was handled: (error object is a table value)', loop.run, loop )
  -- If `onerror` raises the same error again, it is reported once, unchanged.
  local object = { }
  loop:onerror( function( err ) error( err, 0 ) end )
  for _, err in ipairs{ object, 'text' } do
    loop:after( 1, error, err, 0 )
    local ok, got = pcall( loop.run, loop )
    equal( ok, false )
    equal( got, err )
    is_true( not tostring( got ):find( 'while', 1, true ) )
  end
  -- The next error is independent of the earlier ones.
  local seen
  loop:onerror( function( err, traceback ) seen = err .. traceback end )
  loop:after( 1, error, 'later', 0 )
  loop:run( )
  is_true( not seen:find( 'while', 1, true ), seen )
end )

if (_VERSION == 'Lua 5.4' or _VERSION == 'Lua 5.5') and not rawget( _G, 'jit' ) then
  test( 'an error in __close during another error: the message has both', function( )
    local chunk = assert( load( [[
      local function closing( value ) return setmetatable( { }, { __close = function( ) error( value, 0 ) end } ) end
      return function( ) local one <close> = closing 'second' error( 'first', 0 ) end
    ]] ) )( )
    for _, how in ipairs{ 'after', 'spawn' } do
      local loop, seen = virtual( ), nil
      local function arm( ) if how == 'after' then loop:after( 1, chunk ) else loop:spawn( chunk ) end end
      arm( )
      local message = fails( 'first', loop.run, loop )
      is_true( message:find( 'second', 1, true ), message )
      loop:onerror( function( err, traceback ) seen = err .. traceback end )
      arm( )
      loop:run( )
      is_true( seen:find( 'first', 1, true ) and seen:find( 'second', 1, true ), seen )
    end
  end )
end

T.done( )
