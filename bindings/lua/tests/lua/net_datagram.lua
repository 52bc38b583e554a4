-- UDP and Unix sockets: datagrams with their senders, paths and abstract names.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local Loop    = require 't.Loop'
local Net     = require 't.Net'
local Socket, Address = Net.Socket, Net.Address
local test, equal, is_true = T.test, T.equal, T.is_true

local HOST = '127.0.0.1'

local function path( )
  T.requires 'Unix sockets'
  local name = os.tmpname( )
  os.remove( name )
  return name
end

test( 'recv returns a datagram and its sender', function( )
  local server, client = Socket( 'udp' ), Socket( 'udp' )
  local at, from = server:bind( HOST, 0 ), client:bind( HOST, 0 )
  equal( client:send( 'hello', at ), 5 )
  equal( client:send( 'hello', at, 4 ), 4 )
  equal( client:send( '', at ), 0 )
  local adr = Address( )
  local msg, count = server:recv( adr )
  equal( msg, 'hello' )
  equal( count, 5 )
  equal( adr, from )
  equal( (server:recv( 2 )), 'he', 'the rest of a datagram is lost' )
  msg, count = server:recv( adr, 10 )
  equal( msg, nil, 'an empty datagram, as in lua-t' )
  equal( count, 0 )
  equal( client:connect( at ), at )
  equal( client:send( ('x'):rep( 60000 ) ), 60000 )
  equal( #server:recv( ), 60000 )
  local sent, message = Socket( 'udp' ):send( 'x' )
  equal( sent, false )
  -- Windows gives another reason.
  is_true( message:find( T.supports 'Unix sockets' and 'Destination address required' or "Can't send message (", 1, true ), message )
  server:close( )
  client:close( )
end )

test( 'UDP over IPv6', function( )
  local server = assert( Socket( 'udp', 'ip6' ) )
  local at, message = server:bind( '::1', 0 )
  if not at then
    print( 'skipped: ' .. message )
    return
  end
  local client, adr = Socket( 'udp', 'ip6' ), Address( )
  client:send( 'six', at )
  equal( (server:recv( adr )), 'six' )
  equal( adr.family, 'AF_INET6' )
  equal( adr.ip, '::1' )
  server:close( )
  client:close( )
end )

test( 'a UDP echo server works in a loop', function( )
  local loop, server, client = Loop( ), Socket( 'udp' ), Socket( 'udp' )
  local at, got = server:bind( HOST, 0 ), 0
  loop:addHandle( server, 'r', function( )
    local adr = Address( )
    local msg = server:recv( adr )
    server:send( msg, adr )
  end )
  loop:addHandle( client, 'r', function( )
    equal( (client:recv( )), 'ping ' .. got )
    got = got + 1
    if got == 20 then
      client:close( )
      server:close( )
    else
      client:send( 'ping ' .. got, at )
    end
  end )
  client:send( 'ping 0', at )
  loop:run( )
  equal( got, 20 )
end )

test( 'a Unix stream', function( )
  local at = path( )
  local server, adr = assert( Socket.listen( at ) )
  equal( server.family, 'AF_UNIX' )
  equal( server.protocol, nil )
  equal( adr.ip, at )
  equal( server:getsockname( ), adr )
  local client = assert( Socket.connect( at ) )
  local accepted, from = server:accept( )
  equal( from.family, 'AF_UNIX' )
  equal( from.ip, '' )
  client:send( 'hello' )
  equal( (accepted:recv( )), 'hello' )
  client:close( )
  equal( accepted:recv( ), nil )
  accepted:close( )
  server:close( )
  -- The file stays. A server that listens again has to remove it first.
  local again, message = Socket.listen( at )
  equal( again, nil )
  is_true( message:find( "Can't bind socket to " .. at .. ' (Address already in use)', 1, true ), message )
  is_true( os.remove( at ) )
  again = assert( Socket.listen( adr ) )
  again:close( )
  os.remove( at )
  local none, why = Socket.connect( at )
  equal( none, nil )
  is_true( why:find( 'No such file or directory', 1, true ), why )
end )

test( 'Unix datagrams', function( )
  T.requires 'Unix sockets'
  local a, b = Socket( 'unix', 'dgram' ), Socket( nil, 'AF_UNIX', 'SOCK_DGRAM' )
  local at, from = a:bind( path( ) ), b:bind( path( ) )
  equal( b:send( 'one', at ), 3 )
  equal( b:send( 'two', at ), 3 )
  local adr = Address( )
  equal( (a:recv( adr )), 'one' )
  equal( adr, from )
  equal( (a:recv( )), 'two', 'messages keep their boundaries' )
  a:close( )
  b:close( )
  os.remove( at.ip )
  os.remove( from.ip )
end )

test( 'a relative path and an abstract name are names of Unix sockets', function( )
  local name = '@cogloop-' .. path( ):gsub( '%W', '' )
  local server, adr = Socket.listen( name )
  if server then
    equal( adr.ip, name )
    local client = assert( Socket.connect( name ) )
    client:close( )
    server:close( )
    equal( (Socket.connect( name )), nil, 'the name is freed with the socket' )
  else
    is_true( adr:find( 'abstract', 1, true ), adr )
  end
  local adr = Address( )
  adr.family = 'unix'
  adr.ip = 'no-slash-' .. path( ):gsub( '%W', '' )
  local sck = assert( Socket.bind( adr ) )
  sck:close( )
  is_true( os.remove( adr.ip ) )
end )

test( 'an error of a socket is reported by exactly one call', function( )
  -- If no socket receives at the port, Windows does not report that.
  T.requires 'a shell'
  local server, client = Socket( 'udp' ), Socket( 'udp' )
  local adr = server:bind( HOST, 0 )
  client.nonblock = true
  client:connect( adr )
  server:close( )
  equal( client:send 'into the void', 13 )
  local numbers = { }
  for i = 1, 3 do
    local msg, problem
    msg, problem, numbers[ i ] = client:recv( )
    equal( msg, false )
    is_true( problem:find( "^Can't receive message %(.+%)$" ), problem )
  end
  is_true( numbers[ 1 ] ~= numbers[ 2 ], 'the first call reports that nothing receives' )
  equal( numbers[ 2 ], numbers[ 3 ], 'later calls find no datagram' )
  equal( select( '#', client:recv( ) ), 3 )
  client:close( )
end )

T.done( )
