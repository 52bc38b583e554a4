-- Tests that reports of readiness are true. If another callback has used up the input or the room for output, the
-- callback of a handle is not called. So a blocking handle does not block the loop. If one did, the test would hang.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local Loop    = require 't.Loop'
local cogloop = require 'cogloop'
local Socket  = require 't.Net'.Socket
local test, equal, is_true = T.test, T.equal, T.is_true

-- Returns two blocking sockets that are connected to each other.
local function pair( )
  local server, adr = assert( Socket.listen( '127.0.0.1', 0 ) )
  local client = assert( Socket.connect( adr ) )
  local accepted = assert( server:accept( ) )
  server:close( )
  return client, accepted
end

-- Returns a child that has printed two lines, and a function. When the function is called, the child prints the third
-- line.
local function child_with_two_lines( )
  T.requires 'children'
  local name = os.tmpname( )
  os.remove( name )
  assert( os.execute( 'mkfifo ' .. name ) )
  local word  = assert( io.open( name, 'r+' ) )
  local child = assert( io.popen( ('printf "one\\ntwo\\n"; read word < %s; rm %s; echo three'):format( name, name ) ) )
  return child, function( )
    word:write 'go on\n'
    -- The pipe stays open: a slow child may open it only now, and a pipe without a writer loses the line.
    word:flush( )
  end
end

test( 'the callback of a socket is not called if a timer has taken the input', function( )
  local c, a, b = cogloop.loop( ), pair( )
  local got, alive = 0, false
  local watcher = c:on( b, 'r', function( ) got = got + #b:recv( ) end )
  c:after( 1, function( )
    a:send 'ping'
    equal( b:recv( ), 'ping' )
  end )
  c:after( 100, function( )
    alive = true
    watcher:off( )
  end )
  c:run( )
  is_true( alive )
  equal( got, 0 )
  a:close( )
  b:close( )
end )

test( 'of two ready sockets, the second callback is not called if the first takes the input of both', function( )
  local c = cogloop.loop( )
  local a1, b1 = pair( )
  local a2, b2 = pair( )
  local calls, watchers = 0, { }
  local function take_both( )
    calls = calls + 1
    equal( b1:recv( ), 'one' )
    equal( b2:recv( ), 'two' )
    c:after( 20, function( ) for i = 1, 2 do watchers[ i ]:off( ) end end )
  end
  watchers[ 1 ] = c:on( b1, 'r', take_both )
  watchers[ 2 ] = c:on( b2, 'r', take_both )
  a1:send 'one'
  a2:send 'two'
  c:run( )
  equal( calls, 1 )
  for _, socket in ipairs{ a1, b1, a2, b2 } do socket:close( ) end
end )

test( 'the callback of a file is not called if a timer has emptied the buffer', function( )
  local c = cogloop.loop( )
  local child, go = child_with_two_lines( )
  local got, taken, watcher = { }, nil, nil
  watcher = c:on( child, 'r', function( )
    got[ #got + 1 ] = child:read( ) or 'end'
    -- The second line is in the file's buffer now, so the next turn reports the file. The turn serves this timer
    -- first. There is no other timer that could use up the turn's time for timers.
    if #got == 1 then c:after( 0, function( ) taken = child:read( ) c:after( 50, go ) end ) end
    if got[ #got ] == 'end' then watcher:off( ) end
  end )
  c:run( )
  equal( taken, 'two' )
  equal( table.concat( got, ' ' ), 'one three end' )
  child:close( )
end )

test( 'the callback of a file is not called if another handle has taken its lines in the same turn', function( )
  local c, child, go, other = cogloop.loop( )
  local reader, writer = T.fifo( )
  child, go = child_with_two_lines( )
  local got, watcher = { }, nil
  watcher = c:on( child, 'r', function( )
    got[ #got + 1 ] = child:read( ) or 'end'
    if #got == 1 then writer:write 'x' end
    if got[ #got ] == 'end' then watcher:off( ) end
  end )
  reader:setvbuf( 'no' )
  -- In either order, only one of the two callbacks reads the second line.
  other = c:on( reader, 'r', function( )
    reader:read( 1 )
    if #got == 1 then got[ #got + 1 ] = child:read( ) end
    other:off( )
  end )
  c:after( 100, go )
  c:run( )
  equal( table.concat( got, ' ' ), 'one two three end' )
  child:close( )
end )

-- The turn serves only one handle, so the file waits for the next turn. Before that turn another callback empties the
-- file's buffer. The callback of the file notes its calls and does not read, so this test does not hang if it fails.
test( 'the callback of a file is not called if its buffer was emptied in a turn that had no room for the file', function( )
  local loop = cogloop.loop{ clock = 'virtual', max_callbacks = 1 }
  local reader, writer = T.fifo( )
  local first, wake = T.fifo( )
  first:setvbuf( 'no' )
  writer:write 'one\ntwo\n'
  equal( reader:read( ), 'one' )
  local order, watcher = { }, nil
  loop:on( reader, 'r', function( ) order[ #order + 1 ] = 'file' loop:stop( ) end )
  -- The loop serves handles that the kernel reports before files with buffered input.
  watcher = loop:on( first, 'r', function( )
    order[ #order + 1 ] = first:read( 1 ) .. reader:read( )
    watcher:off( )
  end )
  wake:write 'x'
  loop:after( 1, function( ) loop:stop( ) end )
  loop:run( )
  equal( table.concat( order, ' ' ), 'xtwo' )
  for _, file in ipairs{ reader, writer, first, wake } do file:close( ) end
end )

test( 'the write callback is not called if the read callback of the same report has filled the pipe', function( )
  local loop, pipe = Loop( ), T.fifo( )
  local order = { }
  pipe:setvbuf( 'no' )
  loop:addHandle( pipe, 'r', function( )
    order[ #order + 1 ] = 'r'
    if order[ 2 ] then
      -- The timer is armed here: on a busy machine an earlier timer might make room before this second call.
      loop:addTask( 20, function( ) pipe:read( 65536 ) end )
      return loop:removeHandle( pipe, 'r' )
    end
    -- Fills the pipe.
    pipe:read( 1 )
    pipe:write( ('x'):rep( 65536 ) )
  end )
  loop:addHandle( pipe, 'w', function( )
    order[ #order + 1 ] = 'w'
    loop:removeHandle( pipe, 'w' )
  end )
  pipe:write 'x'
  loop:run( )
  equal( table.concat( order ), 'rrw' )
end )

test( "every backend refuses a loop's own descriptor as its handle", function( )
  T.requires 'the backends of Linux'
  for _, backend in ipairs{ 'uring', 'epoll', 'select', 'portable' } do
    local loop = cogloop.loop{ backend = backend }
    local fd   = loop and loop:fd( )
    -- If the system refuses io_uring, `loop` is nil. A loop on `select` has no descriptor.
    if fd then
      local watcher, why, errno = loop:on( fd, 'r', print )
      equal( watcher, nil, backend )
      is_true( why:find( 'Invalid argument', 1, true ), why )
      equal( errno, 22, backend )
      equal( #loop:handles( ), 0, backend )
    end
  end
end )

T.done( )
