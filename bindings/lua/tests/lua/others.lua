-- Handles of other libraries: LuaSocket, luaposix, cqueues and luv, each with the real package if it is installed.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T      = require 'harness'
local Loop   = require 't.Loop'
local Socket = require 't.Net.Socket'
local cogloop = require 'cogloop'
local test, equal, is_true, fails = T.test, T.equal, T.is_true, T.fails

local HOST = '127.0.0.1'
local function nothing( ) end

-- Runs a test that needs a package. Without the package the test is reported as skipped.
local function with( name, story, body )
  local found, package = pcall( require, name )
  if found then
    test( name .. ': ' .. story, function( ) body( package ) end )
  else
    print( ('skipped: %s: %s'):format( name, story ) )
  end
end

with( 'socket', 'an echo server gets lines that LuaSocket has already buffered', function( socket )
  local loop   = Loop( )
  local server = assert( socket.bind( HOST, 0 ) )
  local _, port = server:getsockname( )
  local client = assert( socket.connect( HOST, port ) )
  local got = { }
  loop:addHandle( server, 'r', function( )
    local sck = assert( server:accept( ) )
    server:close( )
    loop:addHandle( sck, 'r', function( )
      local line = sck:receive( '*l' )
      if line then
        sck:send( line .. '\n' )
      else
        loop:removeHandle( sck, 'r' )
        sck:close( )
      end
    end )
  end )
  -- Three lines arrive at once. receive( ) returns one of them and buffers the other two, which the kernel no longer
  -- has.
  client:send( 'one\ntwo\nthree\n' )
  loop:addHandle( client, 'r', function( )
    got[ #got + 1 ] = client:receive( '*l' )
    if #got == 3 then
      loop:removeHandle( client, 'r' )
      client:close( )
    end
  end )
  loop:run( )
  T.same_list( got, { 'one', 'two', 'three' } )
  equal( #loop, 0 )
end )

with( 'socket', 'a closed socket is dropped from the loop, and cannot be added', function( socket )
  local loop, server = Loop( ), assert( socket.bind( HOST, 0 ) )
  loop:addHandle( server, 'r', nothing )
  equal( #loop, 1 )
  server:close( )
  loop:run( )
  equal( #loop, 0 )
  fails( 'handle: it is closed', loop.addHandle, loop, server, 'r', nothing )
end )

with( 'posix.unistd', 'the descriptors of a pipe are handles', function( unistd )
  local loop = Loop( )
  local reader, writer = assert( unistd.pipe( ) )
  local got = { }
  loop:addHandle( reader, 'r', function( )
    local text = unistd.read( reader, 100 )
    got[ #got + 1 ] = text
    if text == '' then
      loop:removeHandle( reader, 'r' )
      unistd.close( reader )
    end
  end )
  loop:addHandle( writer, 'w', function( )
    unistd.write( writer, 'hello' )
    loop:removeHandle( writer, 'w' )
    unistd.close( writer )
  end )
  loop:run( )
  equal( table.concat( got ), 'hello' )
  equal( got[ #got ], '', 'the end' )
end )

with( 'luv', 'a wait that the kernel refuses is returned: nil, message, errno', function( uv )
  for _, name in ipairs{ 'run', 'step' } do
    local loop = cogloop.loop( )
    -- This timer only keeps the loop running. If a timer were due, the loop would not ask the kernel.
    loop:after( 60000, nothing )
    local number = loop:fd( )
    if not number then return end
    assert( uv.fs_close( number ) )
    local ok, message, errno = loop[ name ]( loop )
    -- The loop is closed before another file gets the number. Otherwise the loop would close that file.
    loop:close( )
    equal( ok, nil, name )
    is_true( message:find( 'waiting failed: ', 1, true ), message )
    equal( errno, 9, name )
  end
end )

-- A server in several processes. Each process has a loop on the same listener, which is in blocking mode.
with( 'posix.unistd', 'of two processes that accept on one listener, the later one does not block', function( unistd )
  local wait = require 'posix.sys.wait'.wait
  local server, adr = Socket.listen( HOST, 0 )
  local told, teller = assert( unistd.pipe( ) )
  local children = { }
  local function serve( )
    local loop, ended = cogloop.loop( ), false
    loop:on( server, 'r', function( )
      Loop.sleep( 50 )                        -- meanwhile the other process gets a report of the same client
      local sck = server:accept( )
      if not sck then return end
      sck:send 'served'
      sck:close( )
    end )
    -- If accept blocked, this callback would not be called.
    loop:on( told, 'r', function( ) ended = true loop:stop( ) end )
    loop:run( )
    unistd._exit( ended and 0 or 1 )
  end
  for i = 1, 2 do
    local pid = unistd.fork( )
    if pid == 0 then
      pcall( serve )
      unistd._exit( 2 )
    end
    children[ i ] = pid
  end
  local served = 0
  for _ = 1, 3 do
    local client = assert( Socket.connect( adr ) )
    if client:recv( ) == 'served' then served = served + 1 end
    client:close( )
  end
  equal( served, 3 )
  unistd.write( teller, 'the end' )     -- no child reads it, so both see it
  for _, pid in ipairs( children ) do
    local _, how, code = wait( pid )
    equal( how, 'exited' )
    equal( code, 0 )
  end
  unistd.close( told )
  unistd.close( teller )
  server:close( )
end )

with( 'posix.unistd', "in a forked child run and step of the parent's loops return an error, and the child can make its own loop", function( unistd )
  local EPERM = 1
  local wait, reader, writer = require 'posix.sys.wait'.wait, T.fifo( )
  local outcomes = { }
  -- If `body` fails in a child, the child's exit code is 1.
  local function child( body )
    local ok, problem = pcall( body )
    if not ok then io.stderr:write( tostring( problem ), '\n' ) end
    unistd._exit( ok and 0 or 1 )
  end
  local function outcome( pid )
    local _, how, code = wait( pid )
    outcomes[ #outcomes + 1 ] = how .. ' ' .. code
  end
  local function is_told( none, message, errno )
    equal( none, nil )
    is_true( message:find( 'fork', 1, true ), message )
    equal( errno, EPERM )
  end
  local function has_its_own( )
    local own, called = cogloop.loop( ), nil
    own:on( reader, 'r', function( ) called = true own:stop( ) end )
    own:after( 1, function( ) writer:write 'x' end )
    equal( own:run( ), true )
    equal( called, true )
    own:close( )
  end

  -- Forks while no loop runs.
  local loop, other, fired = cogloop.loop( ), Loop( ), 0
  local function fire( ) fired = fired + 1 end
  loop:after( 20, fire )
  other:addTask( 20, fire )
  local pid = assert( unistd.fork( ) )
  if pid == 0 then
    child( function( )
      is_told( loop:run( ) )
      is_told( loop:step( 0 ) )
      fails( 'fork', other.run, other )
      is_true( not pcall( loop.on, loop, reader, 'r', fire ) or not loop:on( reader, 'r', fire ) )
      equal( fired, 0 )
      loop:close( )
      has_its_own( )
    end )
  end
  outcome( pid )
  equal( reader:read( 1 ), 'x' )
  equal( loop:run( ), true )
  other:run( )
  equal( fired, 2 )

  -- Forks in a callback: `run` returns in the child, too.
  local is_child
  loop:after( 1, function( )
    loop:after( 20, fire )     -- armed in this turn, so it fires in a later turn, however long this turn takes
    pid = assert( unistd.fork( ) )
    is_child = pid == 0
  end )
  local answer = { loop:run( ) }
  if is_child then
    child( function( )
      is_told( (unpack or table.unpack)( answer, 1, 3 ) )
      has_its_own( )
    end )
  end
  equal( answer[ 1 ], true )
  outcome( pid )
  equal( fired, 3 )
  T.same_list( outcomes, { 'exited 0', 'exited 0' } )
  reader:close( )
  writer:close( )
end )

with( 'posix.sys.socket', 'two sockets', function( posix )
  local loop, unistd = Loop( ), require 'posix.unistd'
  local a, b = assert( posix.socketpair( posix.AF_UNIX, posix.SOCK_STREAM, 0 ) )
  local got
  loop:addHandle( b, 'r', function( )
    got = posix.recv( b, 10 )
    loop:removeHandle( b, 'r' )
  end )
  posix.send( a, 'hello' )
  loop:run( )
  equal( got, 'hello' )
  unistd.close( a )
  unistd.close( b )
end )

with( 'cqueues.socket', 'two sockets', function( cqs )
  local loop = Loop( )
  local a, b = assert( cqs.pair( ) )
  equal( type( b:pollfd( ) ), 'number' )
  b:setmode( 'bn', 'bn' )
  a:setmode( 'bn', 'bn' )
  local got
  loop:addHandle( b, 'r', function( )
    got = b:recv( -10 )
    loop:removeHandle( b, 'r' )
  end )
  loop:addHandle( a, 'w', function( )
    a:write( 'hello' )
    loop:removeHandle( a, 'w' )
  end )
  loop:run( )
  equal( got, 'hello' )
  loop:addHandle( b, 'r', nothing )
  a:close( )
  b:close( )
  loop:addTask( 0, nothing )
  loop:run( )
  equal( #loop, 0, 'closed, so dropped' )
end )

with( 'cqueues', 'the threads of a controller run when its descriptor is ready', function( cqueues )
  local loop, cq = Loop( ), cqueues.new( )
  local ticks = 0
  cq:wrap( function( )
    for _ = 1, 3 do
      cqueues.sleep( 0.005 )
      ticks = ticks + 1
    end
  end )
  local function step( )
    assert( cq:step( 0 ) )
    if cq:empty( ) then
      loop:stop( )
    else
      loop:addTask( (cq:timeout( ) or 0) * 1000, step )
    end
  end
  loop:addHandle( cq, 'r', function( ) assert( cq:step( 0 ) ) end )
  step( )
  loop:run( )
  equal( ticks, 3 )
end )

with( 'cqueues', 'a controller polls a loop of ours by pollfd, events and timeout', function( cqueues )
  local inner, cq, ran = cogloop.loop( ), cqueues.new( ), { }
  if not inner:pollfd( ) then return end
  local reader, writer = T.fifo( )
  local before = cqueues.monotime( )
  local watcher
  watcher = inner:on( reader, 'r', function( )
    ran[ #ran + 1 ] = reader:read( )
    watcher:off( )
  end )
  inner:after( 5, function( )
    ran[ #ran + 1 ] = 'timer'
    inner:after( 5, function( ) writer:write 'line\n' end )
  end )
  cq:wrap( function( )
    repeat
      cqueues.poll( inner )
      local is_left = assert( inner:step( 0 ) ~= nil ) and #inner:handles( ) > 0
    until not is_left
    ran[ #ran + 1 ] = 'end'
  end )
  assert( cq:loop( 600 ) )
  T.same_list( ran, { 'timer', 'line', 'end' } )
  is_true( cqueues.monotime( ) - before >= 0.01, 'early' )
end )

with( 'cqueues', 'a coroutine of ours waits for a whole controller', function( cqueues )
  local loop, cq, ticks = cogloop.loop( ), cqueues.new( ), 0
  cq:wrap( function( )
    for _ = 1, 3 do
      cqueues.sleep( 0.002 )
      ticks = ticks + 1
    end
  end )
  loop:spawn( function( )
    while not cq:empty( ) do
      assert( cq:step( 0 ) )
      local seconds = cq:timeout( )
      loop:wait( cq, 'r', seconds and seconds * 1000 or 1000 )
    end
  end )
  assert( loop:run( ) )
  equal( ticks, 3 )
end )

with( 'luv', "a server of luv is a handle, and luv's own loop runs inside ours", function( uv )
  local loop, server = Loop( ), uv.new_tcp( )
  assert( server:bind( HOST, 0 ) )
  local got, woken = nil, 0
  assert( server:listen( 5, function( )
    local sck = uv.new_tcp( )
    server:accept( sck )
    sck:read_start( function( _, text )
      if text then got = text else sck:close( ) server:close( ) end
    end )
  end ) )
  local client = assert( Socket.connect( HOST, server:getsockname( ).port ) )
  loop:addHandle( server, 'r', function( )
    woken = woken + 1
    loop:removeHandle( server, 'r' )
    -- Takes two turns of luv: if a callback starts a handle, luv registers that handle only in the next turn.
    local function turn( )
      uv.run( 'nowait' )
      if not uv.run( 'nowait' ) then loop:stop( ) end
    end
    loop:addHandle( uv.backend_fd( ), 'r', turn )
    turn( )
    client:send( 'hello' )
    client:close( )
  end )
  loop:run( )
  equal( woken, 1 )
  equal( got, 'hello' )
end )

with( 'luv', 'a handle of luv that is closed is dropped', function( uv )
  local loop, server = Loop( ), uv.new_tcp( )
  assert( server:bind( HOST, 0 ) )
  loop:addHandle( server, 'r', nothing )
  equal( #loop, 1 )
  loop:addTask( 0, function( )
    server:close( )
    uv.run( 'nowait' )
  end )
  loop:run( )
  equal( #loop, 0 )
end )

test( 'a table of the script that returns its descriptor is a handle', function( )
  local loop, a = Loop( ), Socket( 'udp' )
  local b = Socket( 'udp' )
  a:bind( HOST, 0 )
  for _, object in ipairs{ { getfd = function( ) return a.descriptor end }, { pollfd = a.descriptor },
                           { fileno = function( ) return a.descriptor end } } do
    local calls = 0
    loop:addHandle( object, 'r', function( )
      a:recv( )
      calls = calls + 1
      loop:removeHandle( object, 'r' )
    end )
    b:send( 'x', a:getsockname( ) )
    loop:run( )
    equal( calls, 1 )
  end
  a:close( )
  b:close( )
  is_true( not pcall( loop.addHandle, loop, { getfd = function( ) return a.descriptor end }, 'r', nothing ) )
end )

T.done( )
