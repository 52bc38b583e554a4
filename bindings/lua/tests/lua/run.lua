-- Tests of run, stop and clean, and of errors in callbacks.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T    = require 'harness'
local Loop = require 't.Loop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return Loop{ clock = 'virtual' } end

test( 'run returns at once without tasks and handles (C25)', function( )
  virtual( ):run( )
  Loop( ):run( )
end )

test( 'after stop, run returns when the callback has ended, and due tasks stay due (C30)', function( )
  local loop, ran = virtual( ), { }
  for i = 1, 4 do
    loop:addTask( 10, function( )
      ran[ #ran + 1 ] = i
      if i == 2 then loop:stop( ) ran[ #ran + 1 ] = 'rest of the callback' end
    end )
  end
  loop:run( )
  same_list( ran, { 1, 2, 'rest of the callback' } )
  loop:run( )
  same_list( ran, { 1, 2, 'rest of the callback', 3, 4 } )
end )

test( 'a due task that stop left can be cancelled before the next run (C30)', function( )
  local loop, ran, second = virtual( ), 0, nil
  loop:addTask( 1, function( ) loop:stop( ) end )
  second = loop:addTask( 1, function( ) ran = ran + 1 end )
  loop:run( )
  is_true( loop:cancelTask( second ) )
  loop:run( )
  equal( ran, 0 )
end )

test( 'an interval that stops the loop goes on in the next run', function( )
  local loop, at = virtual( ), { }
  loop:addTask( 10, function( ) at[ #at + 1 ] = loop:time( ) loop:stop( ) return #at < 3 and 10 end )
  for _ = 1, 3 do loop:run( ) end
  same_list( at, { 10, 20, 30 } )
  loop:run( )
  equal( #at, 3 )
end )

test( 'after stop in a read callback, the next run calls the write callback of the handle', function( )
  local loop, served, file = Loop( ), { }, T.null 'r+'
  loop:addHandle( file, 'r', function( )
    served[ #served + 1 ] = 'r'
    if #served == 1 then loop:stop( ) end
  end )
  loop:addHandle( file, 'w', function( ) served[ #served + 1 ] = 'w' loop:stop( ) end )
  loop:run( )
  same_list( served, { 'r' } )
  loop:run( )
  same_list( served, { 'r', 'r', 'w' } )
end )

test( 'stop outside of run has no effect (C31)', function( )
  local loop, ran = virtual( ), false
  loop:stop( )
  loop:addTask( 1, function( ) ran = true end )
  loop:run( )
  is_true( ran )
end )

test( 'a nested run of the same loop raises an error, and the loop goes on (C32)', function( )
  local loop, message, after = virtual( ), nil, false
  loop:addTask( 1, function( ) message = fails( 'this loop is running already', loop.run, loop ) end )
  loop:addTask( 2, function( ) after = true end )
  loop:run( )
  is_true( message and after )
end )

test( 'a nested run of the same loop through another loop also raises an error (C32)', function( )
  local one, two, refused = virtual( ), virtual( ), false
  two:addTask( 0, function( ) fails( 'this loop is running already', one.run, one ) refused = true end )
  one:addTask( 0, function( ) two:run( ) end )
  one:run( )
  is_true( refused )
end )

test( 'a callback of an inner loop can stop the outer loop', function( )
  local outer, inner, ran = virtual( ), virtual( ), { }
  inner:addTask( 0, function( ) outer:stop( ) end )
  inner:addTask( 1, function( ) ran[ #ran + 1 ] = 'inner goes on' end )
  outer:addTask( 0, function( ) inner:run( ) end )
  outer:addTask( 1, function( ) ran[ #ran + 1 ] = 'too much' end )
  outer:run( )
  same_list( ran, { 'inner goes on' } )
end )

test( 'clean in the callback of a task ends the run (C35)', function( )
  local loop, ran, task, other = virtual( ), 0, nil, nil
  loop:addHandle( T.null( ), 'r', function( ) end )
  for _ = 1, 10 do other = loop:addTask( 0, function( ) ran = ran + 1 if ran == 3 then loop:clean( ) end return 1 end ) end
  task = loop:addTask( 5, print )
  loop:run( )
  equal( ran, 3 )
  equal( #loop, 0 )
  equal( loop:cancelTask( task ), false )
  equal( loop:cancelTask( other ), false )
  loop:addTask( 0, function( ) ran = 0 end )
  loop:run( )
  equal( ran, 0 )
end )

test( 'after clean in the callback of a handle nothing is called, not even its write callback (C35)', function( )
  local loop, served, files = Loop( ), 0, { }
  for i = 1, 10 do
    files[ i ] = T.null 'r+'
    loop:addHandle( files[ i ], 'rw', function( ) served = served + 1 loop:clean( ) end )
  end
  loop:addTask( 100000, print )
  loop:run( )
  equal( served, 1 )
  equal( #loop, 0 )
  equal( loop[ files[ 1 ] ], nil )
  loop:addHandle( files[ 1 ], 'r', function( ) served = served + 1 loop:removeHandle( files[ 1 ], 'r' ) end )
  loop:run( )
  equal( served, 2 )
end )

test( 'a string error leaves run with its traceback, and the loop goes on (C61)', function( )
  local loop, ran = virtual( ), { }
  local function deep( ) error( 'trouble in here' ) end
  loop:addTask( 1, function( ) deep( ) return 1 end )
  loop:addTask( 1, function( ) ran[ #ran + 1 ] = 'same turn' end )
  loop:addTask( 2, function( ) ran[ #ran + 1 ] = 'later' end )
  local message = fails( 'trouble in here', loop.run, loop )
  is_true( message:find( '\nstack traceback:\n', 1, true ), message )
  is_true( message:find( 'deep', 1, true ), 'the traceback names the function' )
  same_list( ran, { } )
  loop:run( )
  same_list( ran, { 'same turn', 'later' } )
end )

test( 'an error value that is no string is raised unchanged (C61)', function( )
  for _, value in ipairs{ { }, 42, true, false, io.stdout } do
    local loop = virtual( )
    loop:addTask( 1, function( ) error( value, 0 ) end )
    local ok, got = pcall( loop.run, loop )
    equal( ok, false )
    equal( got, value )
    loop:run( )
  end
  local loop = virtual( )
  loop:addTask( 1, function( ) error( ) end )
  local ok, got = pcall( loop.run, loop )
  equal( ok, false )
  is_true( got == nil or _VERSION == 'Lua 5.5' and got:find( '^<no error object>' ) )
end )

test( 'an error in a handle keeps the handle (C61)', function( )
  local loop, served, file = Loop( ), 0, T.null( )
  local node = loop:addHandle( file, 'r', function( )
    served = served + 1
    if served < 3 then error( 'again' ) end
    loop:removeHandle( file, 'r' )
  end )
  fails( 'again', loop.run, loop )
  fails( 'again', loop.run, loop )
  equal( loop[ file ], node )
  loop:run( )
  equal( served, 3 )
end )

test( 'ten thousand errors leave nothing behind on the stack (C61)', function( )
  local loop, caught = virtual( ), 0
  loop.onerror = function( ) caught = caught + 1 end
  for _ = 1, T.many( 10000 ) do loop:addTask( 1, error, 'x' ) end
  loop:run( )
  equal( caught, T.many( 10000 ) )
  loop.onerror = nil
  for _ = 1, T.many( 1000 ) do
    loop:addTask( 1, error, 'x' )
    fails( 'x', loop.run, loop )
  end
end )

test( 'onerror gets the error, its traceback and its object, and the other callbacks are called', function( )
  local loop, got, ran = virtual( ), nil, { }
  local value = { }
  local task = loop:addTask( 1, function( ) error( value ) end )
  loop:addTask( 1, function( ) ran[ #ran + 1 ] = 'same turn' end )
  loop.onerror = function( ... ) got = { n = select( '#', ... ), ... } end
  loop:run( )
  equal( got.n, 3 )
  equal( got[ 1 ], value )
  is_true( got[ 2 ]:find( '^stack traceback:\n' ) )
  equal( got[ 3 ], task )
  same_list( ran, { 'same turn' } )
  equal( loop:cancelTask( task ), false )
end )

test( 'with onerror, a handle that always fails does not keep the next handle from being served', function( )
  -- With a virtual clock, the load of the machine does not change how many callbacks a turn serves.
  local loop, one, two = virtual( ), T.null( ), T.null( )
  local failed, served, turns, whose = 0, 0, 0, nil
  loop.onerror = function( _, _, what ) failed, whose = failed + 1, what end
  local node = loop:addHandle( one, 'r', function( ) error 'always' end )
  loop:addHandle( two, 'r', function( )
    served = served + 1
    if served == 10 then loop:clean( ) end
  end )
  local function turn( ) turns = turns + 1 loop:addTask( 0, turn ) end
  loop:addTask( 0, turn )
  loop:run( )
  equal( served, 10 )
  is_true( failed >= 9 )
  is_true( turns <= 11, turns .. ' turns' )
  equal( whose, node )
end )

test( 'an error in onerror leaves run, and stop in onerror ends run', function( )
  local loop, ran = virtual( ), 0
  loop:addTask( 1, error, 'first' )
  loop:addTask( 2, function( ) ran = ran + 1 end )
  loop.onerror = function( ) error 'second' end
  fails( 'second', loop.run, loop )
  loop:run( )
  equal( ran, 1 )
  loop:addTask( 1, error, 'third' )
  loop:addTask( 1, function( ) ran = ran + 1 end )
  loop.onerror = function( ) loop:stop( ) end
  loop:run( )
  equal( ran, 1 )
  loop:run( )
  equal( ran, 2 )
end )

test( 'an error of a nested loop has its traceback once', function( )
  local outer, inner = virtual( ), virtual( )
  inner:addTask( 0, function( ) error 'deep' end )
  outer:addTask( 0, function( ) inner:run( ) end )
  local message = fails( 'deep', outer.run, outer )
  local _, count = message:gsub( 'stack traceback:', '' )
  equal( count, 1 )
end )

test( 'a yield in a callback raises an error, and the loop goes on (C69)', function( )
  local loop, ran = virtual( ), false
  loop:addTask( 1, function( ) coroutine.yield( ) end )
  loop:addTask( 2, function( ) ran = true end )
  local thread = coroutine.wrap( function( ) return pcall( loop.run, loop ) end )
  local ok, message = thread( )
  equal( ok, false )
  is_true( message:find( 'attempt to yield', 1, true ), message )
  loop:run( )
  is_true( ran )
end )

test( 'coroutines work in a callback (C69)', function( )
  local loop, got = virtual( ), { }
  loop:addTask( 1, function( )
    for i in coroutine.wrap( function( ) for i = 1, 3 do coroutine.yield( i ) end end ) do got[ #got + 1 ] = i end
  end )
  loop:run( )
  same_list( got, { 1, 2, 3 } )
end )

test( 'an error from a debug hook in a callback leaves run (C73)', function( )
  local loop, ran = virtual( ), false
  local function spin( )
    debug.sethook( function( ) debug.sethook( ) error 'from the hook' end, '', 100 )
    while true do end
  end
  local jit = rawget( _G, 'jit' )
  if jit then jit.off( spin ) end       -- code that LuaJIT has compiled calls no hook, and would spin for ever
  loop:addTask( 1, spin )
  loop:addTask( 2, function( ) ran = true end )
  fails( 'from the hook', loop.run, loop )
  loop:run( )
  is_true( ran )
end )

test( 'an error from a call hook at any call in a run leaves the loop usable (C73)', function( )
  for nth = 1, 30 do
    local loop, ran, calls, armed = virtual( ), 0, 0, true
    local run = loop.run
    for i = 1, 5 do loop:addTask( i, function( ) ran = ran + 1 end ) end
    debug.sethook( function( )
      calls = calls + 1
      if armed and calls == nth + 1 then debug.sethook( ) error 'from the hook' end     -- the first call is pcall itself
    end, 'c' )
    pcall( run, loop )
    armed = false
    debug.sethook( )
    loop:run( )
    is_true( ran >= 4, 'ran ' .. ran )
    equal( loop:show( ):match( '^T.Loop%[(%d+)%]' ), '0' )
  end
end )

T.done( )
