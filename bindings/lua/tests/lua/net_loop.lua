-- Sockets as handles: echo servers, sockets that are closed while a loop observes them, large messages in parts.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local Loop    = require 't.Loop'
local Net     = require 't.Net'
local Socket, Address = Net.Socket, Net.Address
local test, equal, is_true = T.test, T.equal, T.is_true

local HOST = '127.0.0.1'
local function nothing( ) end

local function pair( )
  local server, adr = assert( Socket.listen( HOST, 0 ) )
  local client = assert( Socket.connect( adr ) )
  local accepted = assert( server:accept( ) )
  server:close( )
  return client, accepted
end

-- A listener that pauses, as in docs/net.md. A test below runs this file again with few descriptors, so a client has to
-- wait in the system's queue. Virtual time passes only when nothing is ready. So a listener that did not pause would be
-- called for ever.
if arg[ 1 ] == 'few descriptors' then
  local loop, calls, served = require 'cogloop'.loop{ clock = 'virtual' }, 0, 0
  local server, adr = assert( Socket.listen( '127.0.0.1', 0 ) )
  local client = assert( Socket.connect( adr ) )
  local kept, watcher = { client = client }, nil
  repeat
    local file = io.open( arg[ 0 ] )
    kept[ #kept + 1 ] = file
  until not file
  local function listen( )
    watcher = assert( loop:on( server, 'r', function( )
      calls = calls + 1
      if server:accept( ) then served = served + 1 loop:stop( ) return end
      watcher:off( )
      loop:after( 100, listen )
    end ) )
  end
  listen( )
  loop:after( 1050, function( ) table.remove( kept ):close( ) end )
  loop:run( )
  print( calls, served, loop:now( ) )
  os.exit( calls == 12 and served == 1 and 0 or 1 )
end

test( 'an echo server serves 100 clients with 10 messages each', function( )
  local loop = Loop( )
  local server, adr = Socket.listen( HOST, 0 )
  local accepted, echoed, ended = 0, 0, 0
  local function echo( sck )
    local msg = sck:recv( )
    if msg then
      equal( sck:send( msg ), #msg )
    else
      sck:close( )
      ended = ended + 1
      if ended == 100 then server:close( ) end
    end
  end
  loop:addHandle( server, 'r', function( )
    local sck, from = server:accept( )
    equal( from.ip, HOST )
    accepted = accepted + 1
    loop:addHandle( sck, 'r', echo, sck )
  end )
  for i = 1, 100 do
    local sck, count = Socket.connect( adr ), 0
    sck:send( ('%d:%d'):format( i, count ) )
    loop:addHandle( sck, 'read', function( )
      equal( (sck:recv( )), ('%d:%d'):format( i, count ) )
      echoed, count = echoed + 1, count + 1
      if count == 10 then sck:close( ) else sck:send( ('%d:%d'):format( i, count ) ) end
    end )
  end
  equal( #loop, 101 )
  loop:run( )
  equal( accepted, 100 )
  equal( echoed, 1000 )
  equal( #loop, 0 )
end )

test( 'a message that is larger than the buffers is sent in parts', function( )
  local loop, a, b = Loop( ), pair( )
  a.nonblock = true
  local message = ('0123456789abcdef'):rep( 250000 )
  local sent, parts, got = 0, 0, { }
  loop:addHandle( a, 'w', function( )
    local count, text = a:send( message:sub( sent + 1, sent + 300000 ) )
    is_true( count and count > 0, tostring( text ) )
    sent, parts = sent + count, parts + 1
    if sent == #message then
      loop:removeHandle( a, 'w' )
      a:shutdown( 'write' )
    end
  end )
  loop:addHandle( b, 'r', function( )
    local part = b:recv( 100000 )
    if part then got[ #got + 1 ] = part else b:close( ) end
  end )
  loop:run( )
  is_true( parts > 1 )
  is_true( table.concat( got ) == message, 'the received message is the sent message' )
  a:close( )
end )

test( 'C41 close without removeHandle removes the socket from the loop, and the peer sees the end at once', function( )
  local loop, a, b = Loop( ), pair( )
  local args = setmetatable( { { } }, { __mode = 'v' } )
  loop:addHandle( a, 'rw', nothing, args[ 1 ] )
  equal( #loop, 1 )
  a:close( )
  equal( #loop, 0 )
  equal( b:recv( ), nil )
  loop:run( )
  a = nil
  T.collect( )
  equal( args[ 1 ], nil, 'the argument of its callback' )
  b:close( )
end )

test( 'C40 if a callback removes and closes its socket, the peer sees the end in the same turn', function( )
  local loop, a, b = Loop( ), pair( )
  local seen
  loop:addHandle( a, 'r', function( )
    a:recv( )
    loop:removeHandle( a, 'r' )
    a:close( )
    seen = { b:recv( ) }
  end )
  b:send( 'x' )
  loop:run( )
  equal( seen[ 1 ], nil )
  b:close( )
end )

test( 'C37 C38 a socket that another callback closes gets no event, even if its number is used again at once', function( )
  local loop = Loop( )
  local a, a2 = pair( )
  local b, b2 = pair( )
  local calls, wrong, others = 0, 0, { }
  local fresh
  local function serve( _, other )
    calls = calls + 1
    local number = other.descriptor
    other:close( )
    -- The next descriptor gets the lowest free number.
    repeat
      fresh = Socket( 'udp' )
      others[ #others + 1 ] = fresh
    until fresh.descriptor == number
    loop:addHandle( fresh, 'r', function( ) wrong = wrong + 1 end )
    loop:addTask( 5, loop.stop, loop )
  end
  loop:addHandle( a, 'r', function( ) a:recv( ) serve( a, b ) end )
  loop:addHandle( b, 'r', function( ) b:recv( ) serve( b, a ) end )
  a2:send( 'x' )
  b2:send( 'x' )
  loop:run( )
  equal( calls, 1 )
  equal( wrong, 0 )
  for _, list in ipairs{ { a, a2, b, b2 }, others } do
    for _, sck in ipairs( list ) do sck:close( ) end
  end
end )

test( 'closing a socket that two loops observe removes it from both', function( )
  local one, two, a, b = Loop( ), Loop( ), pair( )
  one:addHandle( a, 'r', nothing )
  two:addHandle( a, 'w', nothing )
  a:close( )
  equal( #one, 0 )
  equal( #two, 0 )
  one:run( )
  two:run( )
  b:close( )
end )

test( 'loops and sockets that observe each other are collected together', function( )
  local alive = setmetatable( { }, { __mode = 'k' } )
  for _ = 1, 20 do
    local loop, a, b = Loop( ), pair( )
    loop:addHandle( a, 'r', nothing, loop, b )
    loop:addHandle( b, 'rw', nothing, loop, a )
    alive[ loop ], alive[ a ], alive[ b ] = true, true, true
  end
  T.collect( )
  local left = 0
  for _ in pairs( alive ) do left = left + 1 end
  -- Registers may still hold the objects of the last round.
  is_true( left <= 3, left )
  local loop, a, b = Loop( ), pair( )
  loop:addHandle( a, 'r', nothing )
  loop:clean( )
  a:close( )
  equal( #loop, 0 )
  b:close( )
end )

test( 'a socket has a node with user values in the loop', function( )
  local loop, a, b = Loop( ), pair( )
  local node = loop:addHandle( a, 'r', nothing, 1, 2 )
  equal( loop[ a ], node )
  equal( loop[ a.descriptor ], node )
  equal( loop[ b ], nil )
  equal( loop:removeHandle( a, 'r' ), node )
  equal( loop:removeHandle( a, 'r' ), false )
  loop:addHandle( a, 'r', nothing )
  is_true( loop:show( ):find( '[R]', 1, true ) )
  a:close( )
  is_true( not loop:show( ):find( '[R]', 1, true ) )
  equal( loop[ a ], nil )
  b:close( )
end )

test( 'C43 a half-closed peer wakes the reader, and the writer goes on', function( )
  local loop, a, b = Loop( ), pair( )
  local story = { }
  loop:addHandle( a, 'r', function( )
    local msg = a:recv( )
    story[ #story + 1 ] = msg or 'end'
    if not msg then
      loop:removeHandle( a, 'r' )
      loop:addHandle( a, 'w', function( )
        a:send( 'answer' )
        a:close( )
      end )
    end
  end )
  b:send( 'question' )
  b:shutdown( 'w' )
  loop:run( )
  T.same_list( story, { 'question', 'end' } )
  equal( (b:recv( )), 'answer' )
  equal( b:recv( ), nil )
  b:close( )
end )

-- Another callback or process may take the reported input before a callback reads it.
test( 'accept, recv and send of an observed socket do not block in a callback', function( )
  local c = require 'cogloop'
  for _, use in ipairs{ 'watcher', 'coroutine', 't.Loop' } do
    local loop = use == 't.Loop' and Loop( ) or c.loop( )
    local got = { }
    local server, adr = Socket.listen( '127.0.0.1', 0 )
    local client = Socket.connect( adr )
    local one, two = Socket( 'udp' ), Socket( 'udp' )
    two:send( 'hello', one:bind( '127.0.0.1', 0 ) )
    local function on_client( )
      local sck = assert( server:accept( ) )
      -- The listener is in blocking mode, and there is no second client.
      local none, message, number = server:accept( )
      got.accept = none == nil and message:match 'accept' and number
      sck:close( )
      server:close( )
    end
    local function on_datagram( )
      equal( one:recv( ), 'hello' )
      local none, message, number = one:recv( )
      got.recv = none == false and message:match 'receive' and number
      one:close( )
    end
    local function on_room( )
      local sent, message, number
      repeat sent, message, number = client:send( ('x'):rep( 1000000 ) ) until not sent
      got.send = number
      client:close( )
    end
    if use == 'coroutine' then
      loop:spawn( function( ) loop:wait( server, 'r' ) on_client( ) end )
      loop:spawn( function( ) loop:wait( one, 'r' ) on_datagram( ) end )
    elseif use == 'watcher' then
      loop:on( server, 'r', on_client )
      loop:on( one, 'r', on_datagram )
    else
      loop:addHandle( server, 'r', on_client )
      loop:addHandle( one, 'r', on_datagram )
    end
    loop:run( )
    equal( got.accept, got.recv, use )
    is_true( got.recv and got.recv > 0, use .. ': EAGAIN' )
    client:close( )
    two:close( )
    -- A peer that does not read.
    server, adr = Socket.listen( '127.0.0.1', 0 )
    client = Socket.connect( adr )
    local silent = server:accept( )
    if use == 'coroutine' then
      loop:spawn( function( ) loop:wait( client, 'w' ) on_room( ) end )
    else
      (loop.on or loop.addHandle)( loop, client, 'w', on_room )
    end
    loop:run( )
    equal( got.send, got.recv, use )
    silent:close( )
    server:close( )
  end
end )

test( 'a listener that pauses after EMFILE tries ten times a second, and accepts when a descriptor is free', function( )
  T.requires 'a shell'
  local here = ('"%s" "%s" "few descriptors"'):format( arg[ -1 ], arg[ 0 ] )
  -- The descriptors that this process has inherited do not count.
  local done = os.execute( 'last=$(ls /dev/fd | sort -n | tail -1); ulimit -n $((last + 40)); ' .. here .. ' > /dev/null' )
  is_true( done == true or done == 0, done )
end )

test( 'outside callbacks, and on a socket that no loop observes, a call blocks if the socket does', function( )
  local loop, got = Loop( ), nil
  local server, adr = Socket.listen( '127.0.0.1', 0 )
  local client = Socket.connect( adr )
  local sck = server:accept( )
  sck.recvtimeout = 30
  loop:addTask( 1, function( )
    local start = T.now( )
    got = { sck:recv( ) }
    got.waited = T.now( ) - start
  end )
  loop:run( )
  equal( got[ 1 ], false )
  is_true( got.waited >= 29 )
  loop:addHandle( sck, 'r', function( ) end )
  local start = T.now( )
  equal( sck:recv( ), false )
  is_true( T.now( ) - start >= 29, 'observed, in no callback' )
  client:close( )
  sck:close( )
  server:close( )
end )

T.done( )
