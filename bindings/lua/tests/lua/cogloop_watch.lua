-- Handles in `require 'cogloop'`: on, off, and the methods of a watcher.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

test( 'on calls its function with its arguments as long as the handle is ready', function( )
  local loop, reader, writer = cogloop.loop( ), T.fifo( )
  local got = { }
  local watcher
  watcher = loop:on( reader, 'r', function( a, b )
    got[ #got + 1 ] = a .. b .. reader:read( )
    if #got == 2 then equal( watcher:off( ), true ) end
  end, 'x', 'y' )
  equal( watcher:active( ), true )
  is_true( tostring( watcher ):find( '^cogloop.watcher: %d+ r$' ) )
  writer:write 'one\ntwo\n'
  loop:run( )
  same_list( got, { 'xyone', 'xytwo' } )
  equal( watcher:active( ), false )
  equal( watcher:off( ), false )
  equal( tostring( watcher ), 'cogloop.watcher: off' )
end )

test( 'read is served before write, and each direction has its own function (C44, C45)', function( )
  local loop, reader, writer = cogloop.loop( ), T.fifo( )
  writer:write 'x\n'
  local ran = { }
  local watcher = loop:on( reader, 'r', function( ) error 'replaced' end )
  loop:on( reader, 'r', function( ) ran[ #ran + 1 ] = 'r' end )
  local same = loop:on( reader, 'w', function( ) ran[ #ran + 1 ] = 'w' loop:stop( ) end )
  equal( same, watcher )
  loop:run( )
  same_list( ran, { 'r', 'w' } )
  equal( watcher:off 'r', true )
  equal( watcher:off 'r', false )
  loop:run( )
  same_list( ran, { 'r', 'w', 'w' } )
  equal( watcher:off 'rw', true )
  loop:run( )
end )

test( 'onerror gets the watcher of a failing callback, and the other callbacks are called (C61)', function( )
  local loop, seen = cogloop.loop( ), { }
  local file = T.null( )
  local ran = 0
  loop:after( 0, function( ) ran = ran + 1 end )
  local watcher = loop:on( file, 'r', function( ) error( 'oh', 0 ) end )
  loop:onerror( function( err, traceback, what )
    seen = { err, what }
    is_true( traceback:find( 'stack traceback:', 1, true ) )
    what:off( )
  end )
  loop:run( )
  equal( seen[ 1 ], 'oh' )
  equal( seen[ 2 ], watcher )
  equal( ran, 1 )
end )

test( 'the write callback of a handle is called even if its read callback always fails (C61)', function( )
  local loop, ran = cogloop.loop( ), { }
  local file = T.null 'r+'
  loop:on( file, 'r', function( ) ran[ #ran + 1 ] = 'r' error 'oh' end )
  loop:on( file, 'w', function( ) ran[ #ran + 1 ] = 'w' end )
  loop:onerror( function( ) ran[ #ran + 1 ] = 'error' end )
  loop:step( 0 )
  same_list( ran, { 'r', 'error', 'w' } )
end )

test( 'an error of the kernel is returned: nil, message, errno (C47)', function( )
  local loop = cogloop.loop( )
  local watcher, message, errno = loop:on( 999, 'r', print )
  equal( watcher, nil )
  is_true( message:find( '999', 1, true ) )
  equal( errno, T.NOT_OPEN )
  loop:run( )
end )

test( 'an error about a wrong handle, direction or function names the argument (C47)', function( )
  T.requires 'Lua files as handles'
  local loop = cogloop.loop( )
  fails( "bad argument #1 to 'on' (handle: ", function( ) loop:on( 'x', 'r', print ) end )
  fails( "bad argument #1 to 'on' (handle: ", function( ) cogloop.on( -1, 'r', print ) end )
  fails( 'dir: ', function( ) loop:on( io.stdin, 'x', print ) end )
  fails( 'f: ', function( ) loop:on( io.stdin, 'r', 5 ) end )
  local file = io.tmpfile( )
  file:close( )
  fails( 'handle: it is closed', function( ) loop:on( file, 'r', print ) end )
  local watcher = loop:on( T.null( ), 'r', print )
  fails( 'watcher: cogloop.watcher expected, got', watcher.off, loop )
  fails( 'dir: ', watcher.off, watcher, 'x' )
  equal( watcher:off( ), true )
end )

test( 'a watcher does not keep its loop alive, and may outlive it', function( )
  local watcher, weak = nil, setmetatable( { }, { __mode = 'k' } )
  do
    local loop = cogloop.loop( )
    weak[ loop ] = true
    watcher = loop:on( T.null( ), 'r', print )
  end
  T.collect( )
  T.collect( )
  equal( next( weak ), nil )
  equal( watcher:active( ), false )
  equal( watcher:off( ), false )
end )

test( 'the module has on, for the default loop', function( )
  local ran = 0
  local file = T.null( )
  local watcher
  watcher = cogloop.on( file, 'r', function( ) ran = ran + 1 watcher:off( ) end )
  cogloop.run( )
  equal( ran, 1 )
  cogloop.close( )
end )

test( 'unref lets the loop end although a timer or a handle is left (C34)', function( )
  local loop, ran = cogloop.loop{ clock = 'virtual' }, 0
  local timer = loop:every( 10, function( ) ran = ran + 1 end )
  equal( timer:unref( ), timer )
  local reader, writer = T.fifo( )
  local watcher = loop:on( reader, 'r', function( ) ran = ran + 100 end )
  equal( watcher:unref( ), watcher )
  loop:run( )
  equal( ran, 0 )
  loop:after( 25, function( ) end )
  loop:run( )
  equal( ran, 2 )
  timer:ref( )
  watcher:ref( )
  loop:after( 1, function( ) timer:cancel( ) watcher:off( ) end )
  loop:run( )
  is_true( writer )
end )

test( 'an unreferenced handle does not keep the loop running when its other direction is observed after a wait', function( )
  local socket = require 't.Net.Socket'( 'udp' )
  -- In the first case the wait ends because the handle is ready, in the second because its time limit is over.
  for _, case in ipairs{ { 'w', 'r' }, { 'r', 'w', 5 } } do
    local loop, count = cogloop.loop{ clock = 'virtual' }, 0
    local watcher = loop:on( socket, case[ 2 ], function( ) end )
    loop:spawn( function( )
      loop:wait( socket, case[ 1 ], case[ 3 ] )
      watcher:unref( )
      loop:on( socket, 'rw', function( )
        count = count + 1
        if count > 2 then loop:stop( ) end
      end )
    end )
    loop:run( )
    is_true( count <= 1, count )
    equal( loop:step( 0 ), false )
  end
end )

test( 'unref lasts until ref, whichever directions of the handle are observed', function( )
  local loop, reader = cogloop.loop( ), T.fifo( )
  local f = function( ) end
  local watcher = loop:on( reader, 'r', f ):unref( )
  equal( loop:on( reader, 'w', f ), watcher )
  watcher:off 'w'
  loop:run( )
  loop:on( reader, 'r', f )
  loop:run( )
  watcher:off 'w'
  -- A coroutine that waits for the unreferenced handle keeps the loop running.
  local got
  loop:spawn( function( ) got = loop:wait( reader, 'w' ) end )
  loop:run( )
  equal( got, 'w' )
  loop:run( )
  watcher:ref( )
  loop:after( 1, function( ) watcher:off( ) end )
  loop:run( )
  equal( loop:on( reader, 'r', f ):active( ), true )
  local again = loop:on( reader, 'r', f )
  loop:after( 1, function( ) again:off( ) end )
  loop:run( )
end )

test( 'an object is kept alive while any of its directions is observed, even by its number (C62)', function( )
  local Socket, Address = require 't.Net.Socket', require 't.Net.Address'
  for _, first in ipairs{ 'object', 'number' } do
    local loop, peer = cogloop.loop( ), nil
    local weak = setmetatable( { }, { __mode = 'k' } )
    local function observe( )
      local server = Socket.listen( Address( '127.0.0.1', 0 ) )
      local client = Socket.connect( Address( '127.0.0.1', server:getsockname( ).port ) )
      peer = server:accept( )
      weak[ client ] = true
      local number, f = client:getfd( ), function( ) end
      if first == 'object' then
        loop:on( client, 'r', f )
        loop:on( number, 'w', f ):off 'w'
      else
        loop:on( number, 'w', f )
        loop:on( client, 'r', f ):off 'w'
      end
      server:close( )
      return number
    end
    local number = observe( )
    T.collect( )
    T.collect( )
    is_true( next( weak ), first )
    equal( type( loop:handles( )[ 1 ].handle ), 'userdata', first )
    loop:on( number, 'r', print ):off( )
    T.collect( )
    T.collect( )
    equal( next( weak ), nil, first )
    peer:close( )
  end
end )

test( 'two objects with one descriptor are each kept alive while their own direction is observed (C62)', function( )
  local loop, reader, writer = cogloop.loop( ), T.fifo( )
  local weak = setmetatable( { }, { __mode = 'v' } )
  local watcher = loop:on( reader, 'r', print )
  local number  = tonumber( tostring( watcher ):match '%d+' )
  watcher:off( )
  local function object( name )
    weak[ name ] = { getfd = function( ) return number end }
    return weak[ name ]
  end
  local function kept( )
    T.collect( )
    T.collect( )
    local names = { }
    for _, name in ipairs{ 'a', 'b', 'c' } do
      if weak[ name ] then names[ #names + 1 ] = name end
    end
    return table.concat( names, ' ' )
  end
  loop:on( object 'a', 'r', print )
  equal( kept( ), 'a' )
  loop:on( object 'b', 'w', print )
  equal( kept( ), 'a b' )
  loop:on( object 'c', 'w', print )
  equal( kept( ), 'a c' )
  loop:on( object 'b', 'r', print )
  equal( kept( ), 'b c' )
  equal( loop:handles( )[ 1 ].handle, weak.b )
  loop:on( number, 'w', print ):off 'w'
  equal( kept( ), 'b' )
  loop:on( object 'a', 'w', print )
  equal( kept( ), 'a b' )
  loop:on( object 'c', 'rw', print )
  equal( kept( ), 'c' )
  loop:on( object 'a', 'w', print )
  loop:on( number, 'r', print ):off( )
  equal( kept( ), '' )
  reader:close( )
  writer:close( )
end )

test( 'timers that a turn has left for the next turn are not lost when the last handle is removed (C05)', function( )
  local loop, seen = cogloop.loop{ clock = 'virtual' }, { }
  local function note( name ) seen[ #seen + 1 ] = name end
  T.requires 'Lua files as handles'
  local file, watcher = io.tmpfile( ), nil
  watcher = loop:on( file, 'r', function( ) note 'handle' watcher:off( ) end )
  -- This callback uses up the turn's time for timers, so the handle is served next.
  loop:after( 0, function( ) note 'slow' loop:advance( 20 ) end )
  loop:after( 0, note, 'plain' )
  loop:spawn( function( ) note 'spawned' loop:sleep( 1 ) note 'slept' end )
  loop:every( 1, function( ) note 'again' return loop:stop( ) end )
  loop:run( )
  same_list( seen, { 'slow', 'handle', 'plain', 'spawned', 'again' } )
  equal( #loop:timers( ), 2 )
end )

-- Another process holds the closed file open. So epoll goes on reporting the file, and refuses each change for its
-- descriptor number.
test( 'a direction of a closed descriptor that is turned off is not served again, even if another process holds the file open', function( )
  local function nothing( ) end
  local function story( drop )
    local reader, writer = T.fifo( )
    local loop, failed = cogloop.loop( ), { }
    local watcher = loop:on( reader, 'r', nothing )
    local number = tonumber( loop:dump( ):match 'fd (%d+)' )
    watcher:off( )
    local holder = io.popen( 'cat >/dev/null', 'w' )
    loop:onerror( function( message ) failed[ #failed + 1 ] = tostring( message ) end )
    loop:on( number, 'w', nothing )
    local reads = 0
    local go_on = drop( loop, number, function( ) reads = reads + 1 end )
    local function send( )
      writer:write 'x'
      loop:after( 20, function( ) loop:stop( ) end )
    end
    loop:after( 5, function( )
      reader:close( )
      go_on( send )
    end )
    loop:run( )
    equal( reads, 0 )
    equal( table.concat( failed, '\n' ), '' )
    loop:close( )
    holder:close( )
    writer:close( )
  end
  story( function( loop, number, read )
    local watcher = loop:on( number, 'r', read )
    return function( send ) is_true( watcher:off 'r' ) send( ) end
  end )
  story( function( loop, number, read )
    local task = loop:spawn( function( ) loop:wait( number, 'r' ) read( ) end )
    return function( send ) is_true( task:cancel( ) ) send( ) end
  end )
  story( function( loop, number, read )
    local go_on
    loop:spawn( function( )
      if loop:wait( number, 'r', 20 ) then read( ) end
      go_on( )
    end )
    -- The time limit of the wait ends later than the timer that closes the descriptor.
    return function( send ) go_on = send end
  end )
end )

T.done( )
