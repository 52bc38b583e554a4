-- Coroutines in `require 'cogloop'`: spawn, sleep, wait.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

test( 'a spawned coroutine begins in the next turn, with its arguments', function( )
  local loop, got = virtual( ), nil
  local co = loop:spawn( function( ... ) got = { select( '#', ... ), ... } end, 'a', nil, nil ):thread( )
  equal( type( co ), 'thread' )
  equal( got, nil )
  loop:run( )
  equal( got[ 1 ], 3 )
  equal( got[ 2 ], 'a' )
  equal( coroutine.status( co ), 'dead' )
end )

test( 'several coroutines sleep at the same time', function( )
  local loop, ran = virtual( ), { }
  for _, name in ipairs{ 'a', 'b' } do
    loop:spawn( function( ms )
      for _ = 1, 2 do
        equal( select( '#', loop:sleep( ms ) ), 0 )
        ran[ #ran + 1 ] = name .. loop:now( )
      end
    end, name == 'a' and 10 or 15 )
  end
  loop:run( )
  same_list( ran, { 'a10', 'b15', 'a20', 'b30' } )
end )

test( 'after a plain yield other tasks run first', function( )
  local loop, ran = virtual( ), { }
  for _, name in ipairs{ 'a', 'b' } do
    loop:spawn( function( )
      for i = 1, 2 do ran[ #ran + 1 ] = name .. i coroutine.yield( 'what', 'ever' ) end
    end )
  end
  loop:run( )
  same_list( ran, { 'a1', 'b1', 'a2', 'b2' } )
end )

test( 'wait returns the direction that is ready', function( )
  local loop, reader, writer = cogloop.loop( ), T.fifo( )
  local got = { }
  loop:spawn( function( )
    got[ 1 ] = loop:wait( reader, 'r' )
    got[ 2 ] = reader:read( )
    got[ 3 ] = loop:wait( reader, 'w' )
    writer:write 'more\n'
    got[ 4 ] = loop:wait( reader, 'rw' )
  end )
  loop:after( 5, function( ) writer:write 'line\n' end )
  loop:run( )
  same_list( got, { 'r', 'line', 'w', 'rw' } )
end )

test( 'a wait that times out returns nil, message, errno', function( )
  local loop, reader, writer = virtual( ), T.fifo( )
  local got
  loop:spawn( function( ) got = { loop:wait( reader, 'r', 50 ) } got[ 4 ] = loop:now( ) end )
  loop:run( )
  equal( got[ 1 ], nil )
  equal( got[ 2 ], 'timed out' )
  equal( got[ 3 ], 110 )
  equal( got[ 4 ], 50 )
  equal( #loop:handles( ), 0 )
  writer:write 'x\n'
  loop:spawn( function( ) got = { loop:wait( reader, 'r', 50 ) } end )
  loop:run( )
  same_list( got, { 'r' } )
  equal( #loop:timers( ), 0 )
end )

test( 'two coroutines can wait for one handle, one for each direction', function( )
  local loop, reader, writer = cogloop.loop( ), T.fifo( )
  local got = { }
  local function wait( direction )
    local ready = loop:wait( reader, direction )
    got[ #got + 1 ] = ready
  end
  loop:spawn( wait, 'r' )
  loop:spawn( function( )
    wait 'w'
    writer:write 'x\n'
  end )
  loop:run( )
  same_list( got, { 'w', 'r' } )
end )

test( 'a coroutine that waits to read does not keep the write callback of its handle from being called', function( )
  local loop, ran = virtual( ), { }
  local file = T.null 'r+'
  loop:spawn( function( ) loop:wait( file, 'r' ) ran[ #ran + 1 ] = 'r' end )
  loop:step( 0 )
  loop:on( file, 'w', function( ) ran[ #ran + 1 ] = 'w' end )
  loop:step( 0 )
  same_list( ran, { 'r', 'w' } )
end )

test( 'a direction of a handle has one function or one coroutine', function( )
  local loop, reader, writer = cogloop.loop( ), T.fifo( )
  local watcher = loop:on( reader, 'r', function( ) end )
  loop:spawn( function( )
    fails( "(handle: it is watched already", loop.wait, loop, reader, 'rw' )
    watcher:off( )
    loop:wait( reader, 'r', 20 )
  end )
  loop:after( 5, function( )
    fails( 'handle: a coroutine waits for it', loop.on, loop, reader, 'r', print )
    equal( watcher:off( ), false )
  end )
  loop:run( )
  is_true( writer )
end )

test( 'wait returns the error when the kernel refuses', function( )
  local loop, got = cogloop.loop( ), nil
  loop:spawn( function( ) got = { loop:wait( 999, 'r' ) } end )
  loop:run( )
  equal( got[ 1 ], nil )
  equal( got[ 3 ], T.NOT_OPEN )
end )

test( 'closing a handle of any kind ends the wait of its coroutine with an error', function( )
  local Socket = require 't.Net.Socket'
  local descriptor = Socket( 'udp' )
  local object = { getfd = function( ) return descriptor and descriptor.descriptor or -1 end }
  local handles = {
    file   = { T.fifo( ) },
    socket = { Socket( 'udp' ) },
    object = { object, close = function( ) descriptor:close( ) descriptor = nil end },
  }
  for _, limit in ipairs{ false, 3600000 } do
    for name, handle in pairs( handles ) do
      local loop, got = cogloop.loop( ), { }
      if name == 'file' then handle = { T.fifo( ) } end
      if name == 'socket' then handle = { Socket( 'udp' ) } end
      if name == 'object' then descriptor = Socket( 'udp' ) end
      loop:spawn( function( ) got = { n = select( '#', loop:wait( handle[ 1 ], 'r', limit or nil ) ), loop:now( ) } end )
      loop:spawn( function( )
        loop:sleep( 1 )
        if handle.close then handle.close( ) else handle[ 1 ]:close( ) end
      end )
      loop:run( )
      equal( got.n, 3, name )
      is_true( got[ 1 ] < 3600000, name )
      equal( #loop:handles( ), 0 )
      equal( #loop:timers( ), 0 )
    end
  end
end )

test( 'a wait for a closed handle returns nil, message, errno, even if the number is used again', function( )
  T.collect( )     -- closes garbage files now, so that their numbers are not freed later
  local Socket = require 't.Net.Socket'
  local loop, got, server, taken = cogloop.loop( ), nil, Socket.listen( '127.0.0.1', 0 ), nil
  loop:spawn( function( ) got = { n = 3, loop:wait( server, 'r' ) } end )
  loop:after( 1, function( )
    local number = server.descriptor
    server:close( )
    taken = Socket.listen( '127.0.0.1', 0 )
    equal( taken.descriptor, number )
    loop:on( taken, 'r', print )
    loop:stop( )
  end )
  loop:run( )
  loop:step( 0 )
  equal( got[ 1 ], nil )
  equal( got[ 2 ], 'the handle was closed' )
  equal( got[ 3 ], 9 )
  equal( #loop:handles( ), 1 )
end )

test( 'each coroutine that waits for a closed handle is woken once, even if it waits for both directions', function( )
  local Socket = require 't.Net.Socket'
  for _, directions in ipairs{ { 'r', 'w' }, { 'rw' } } do
    local loop, told, server = cogloop.loop( ), 0, Socket.listen( '127.0.0.1', 0 )
    for _, direction in ipairs( directions ) do
      loop:spawn( function( )
        equal( loop:wait( server, direction, 3600000 ), nil )
        told = told + 1
        loop:sleep( 5 )
        told = told + 10
      end )
    end
    loop:after( 1, function( ) server:close( ) end )
    loop:run( )
    equal( told, 11 * #directions, #directions )
  end
end )

test( 'sleep and wait raise outside a coroutine of spawn (C69)', function( )
  local loop, other = virtual( ), virtual( )
  fails( "only a task of this loop can wait", loop.sleep, loop, 1 )
  fails( "only a task of this loop can wait", loop.wait, loop, 0, 'r' )
  equal( loop:running( ), false )
  local checked = 0
  loop:spawn( function( )
    equal( loop:running( ), true )
    fails( "only a task of this loop can wait", other.sleep, other, 1 )
    fails( 'ms: ', loop.sleep, loop, -1 )
    coroutine.wrap( function( )
      equal( loop:running( ), false )
      fails( "only a task of this loop can wait", loop.sleep, loop, 1 )
      checked = checked + 1
    end )( )
    checked = checked + 1
  end )
  loop:run( )
  equal( checked, 2 )
end )

test( 'if a coroutine cannot yield, sleep raises, and no timer stays armed (C69)', function( )
  local loop, message, after = virtual( ), nil, nil
  loop:spawn( function( )
    table.sort( { 3, 1, 2 }, function( a, b )
      if not message then
        local ok
        ok, message = pcall( loop.sleep, loop, 1000 )
        equal( ok, false )
      end
      return a < b
    end )
    equal( #loop:timers( ), 0 )
    coroutine.yield( )
    after = loop:now( )
  end )
  loop:run( )
  is_true( message )
  equal( after, 0 )
end )

test( 'an error in a coroutine has the traceback of the coroutine (C61)', function( )
  local loop, seen, ran = virtual( ), nil, 0
  local function broken( ) loop:sleep( 5 ) error( 'oh', 0 ) end
  local co = loop:spawn( broken )
  loop:spawn( function( ) loop:sleep( 10 ) ran = ran + 1 end )
  loop:onerror( function( ... ) seen = { ... } end )
  loop:run( )
  equal( seen[ 1 ], 'oh' )
  is_true( seen[ 2 ]:find( 'cogloop_task.lua', 1, true ), seen[ 2 ] )
  equal( seen[ 3 ], co )
  equal( ran, 1 )
  loop:onerror( nil )
  loop:spawn( broken )
  fails( 'oh', loop.run, loop )
end )

test( 'a coroutine without references survives collections until it ends, and then is collected (C62, C63)', function( )
  local loop, ran = virtual( ), 0
  local weak = setmetatable( { }, { __mode = 'k' } )
  for _ = 1, 50 do
    weak[ loop:spawn( function( ) loop:sleep( 1 ) T.collect( ) loop:sleep( 1 ) ran = ran + 1 end ) ] = true
  end
  T.collect( )
  loop:run( )
  T.collect( )
  equal( ran, 50 )
  equal( next( weak ), nil )
end )

test( 'a coroutine may close its loop, and may run another loop', function( )
  local loop, other, ran = virtual( ), virtual( ), 0
  loop:spawn( function( )
    other:spawn( function( ) other:sleep( 5 ) ran = ran + 1 end )
    other:run( )
    loop:sleep( 1 )
    ran = ran + 1
    loop:close( )
    fails( 'the loop is closed', loop.sleep, loop, 1 )
  end )
  loop:run( )
  equal( ran, 2 )
end )

test( 'a script may resume a coroutine itself, to its end or not', function( )
  local loop, reader, writer = virtual( ), T.fifo( )
  local steps = 0
  local a = loop:spawn( function( ) steps = steps + 1 end ):thread( )
  local b = loop:spawn( function( ) loop:sleep( 5 ) steps = steps + 10 end ):thread( )
  local c = loop:spawn( function( ) loop:wait( reader, 'r', 5 ) steps = steps + 100 end ):thread( )
  local d = loop:spawn( function( ) error 'oh' end ):thread( )
  coroutine.resume( a )
  coroutine.resume( d )
  loop:advance( 1 )
  coroutine.resume( b )
  coroutine.resume( c )
  equal( steps, 111 )
  loop:onerror( function( ) end )
  loop:advance( 100 )
  equal( steps, 111 )
  local e
  e = loop:spawn( function( )
    fails( "only a task of this loop can wait", loop.sleep, loop, 1 )
    coroutine.yield( )
    steps = steps + 1000
  end ):thread( )
  coroutine.resume( e )
  loop:run( )
  equal( steps, 1111 )
  is_true( writer )
end )

test( 'ten thousand coroutines run', function( )
  local loop, ran = virtual( ), 0
  for i = 1, 10000 do
    loop:spawn( function( ) for _ = 1, 3 do loop:sleep( i % 7 ) end ran = ran + 1 end )
  end
  loop:run( )
  equal( ran, 10000 )
end )

T.done( )
