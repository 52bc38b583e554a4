-- Tests with whole scripts, as users of lua-t write them. The scripts use only a loop, `t.Net` sockets, Lua files and
-- tasks.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T   = require 'harness'
local t   = require 't'
local Loop, Net = require 't.Loop', require 't.Net'
local test, equal, is_true, same_list = T.test, T.equal, T.is_true, T.same_list

local HOST = '127.0.0.1'

test( 'a regular file, a device and the output of another program each stop the loop', function( )
  T.requires 'Lua files as handles'
  for _, open in ipairs{
    function( ) return io.open( arg[ 0 ], 'r' ) end,
    function( ) return io.open( '/dev/urandom', 'r' ) end,
    function( ) return io.popen( 'echo hello' ) end,
  } do
    local l, got = Loop( 123 ), nil
    local f = assert( open( ) )
    l:addHandle( f, 'r', function( fl )
      got = fl:read( 5 )
      l:removeHandle( fl, 'r' )
      l:stop( )
    end, f )
    l:run( )
    equal( #got, 5 )
    equal( #l, 0 )
    f:close( )
  end
end )

test( 'a task ends the wait for a slow child, and the callback of a fast child cancels the task', function( )
  T.requires 'Lua files as handles'
  for _, case in ipairs{ { 'echo here', 60000, 'here' }, { 'exec sleep 0.3', 1, 'given up' } } do
    local l, handle, result = Loop( 4 ), io.popen( case[ 1 ] ), nil
    local limit = l:addTask( case[ 2 ], function( )
      result = 'given up'
      is_true( l:removeHandle( handle, 'read' ) )
      l:stop( )
    end )
    l:addHandle( handle, 'read', function( h )
      result = h:read( )
      is_true( l:cancelTask( limit ) )
      h:close( )
      l:stop( )
    end, handle )
    l:run( )
    equal( result, case[ 3 ] )
  end
end )

test( 'a TCP echo server works with a client that observes the write direction only while it has output', function( )
  local l      = Loop( 10 )
  local report = { }
  local function accept( s )
    local c, address = s:accept( )
    c.nonblock = true
    is_true( address.port > 0 )
    local pending = ''
    local function echo( sck )
      local sent = sck:send( pending )
      pending = pending:sub( sent + 1 )
      if pending == '' then l:removeHandle( sck, 'write' ) end
    end
    l:addHandle( c, 'read', function( sck )
      local message, count = sck:recv( )
      if message then
        equal( #message, count )
        pending = pending .. message
        l:addHandle( sck, 'write', echo, sck )
      else
        report[ #report + 1 ] = 'client gone'
        l:removeHandle( sck, 'read' )
        sck:shutdown( 'write' )
        sck:close( )
        l:removeHandle( s, 'read' )
        s:close( )
      end
    end, c )
  end
  local server, address = Net.Socket.listen( HOST, 0, 5 )
  server.nonblock = true
  l:addHandle( server, 'read', accept, server )

  local payload, offset, echoed = ('0123456789'):rep( 50000 ), 0, { }
  local client = Net.Socket.connect( HOST, address.port )
  client.nonblock = true
  l:addHandle( client, 'write', function( c )
    local sent = c:send( payload:sub( offset + 1, offset + 60000 ) )
    offset = offset + (sent or 0)
    if offset == #payload then l:removeHandle( c, 'write' ) end
  end, client )
  local length = 0
  l:addHandle( client, 'read', function( c )
    local message, count = c:recv( )
    length = length + count
    echoed[ #echoed + 1 ] = message
    if length == #payload then
      l:removeHandle( c, 'read' )
      c:close( )
    end
  end, client )
  l:run( )
  is_true( table.concat( echoed ) == payload, 'what came back' )
  same_list( report, { 'client gone' } )
end )

-- Makes an HTTP server, as scripts for lua-t do. The server has a table of connections with the sockets as keys, and a
-- task that closes idle connections. A read handler gathers requests. A write handler exists only while there is an
-- answer to send. A handler may close its own socket while the other direction is still observed.
local function http_server( ael, answer, idle_ms )
  assert( t.type( ael ) == 'T.Loop', '`T.Loop` is required' )
  local server = { streams = { }, closed = { } }
  local socket, address = Net.Socket.listen( HOST, 0, 5 )
  assert( socket, address )
  socket.nonblock = true
  local function destroy( stream, why )
    server.streams[ stream.socket ] = nil
    server.closed[ #server.closed + 1 ] = why
    stream.socket:close( )
  end
  local function respond( stream )
    local sent = stream.socket:send( stream.out, 700 )
    stream.out = stream.out:sub( (sent or 0) + 1 )
    if #stream.out > 0 then return end
    ael:removeHandle( stream.socket, 'write' )
    stream.responding = false
    if not stream.keep then destroy( stream, 'done' ) end
  end
  local function receive( stream )
    local data = stream.socket:recv( )
    if not data then
      ael:removeHandle( stream.socket, 'read' )
      return destroy( stream, 'hung up' )
    end
    stream.has_asked, stream.inp = true, stream.inp .. data
    while true do
      local head, start = stream.inp:match '^(.-)\r\n\r\n()'
      local length = head and tonumber( head:match '[Ll]ength: (%d+)' or 0 )
      if not head or #stream.inp < start + length - 1 then return end
      local body = stream.inp:sub( start, start + length - 1 )
      stream.inp  = stream.inp:sub( start + length )
      stream.keep = not head:find 'close'
      local text  = answer( head:match '^(%u+) (%S+)', body )
      stream.out  = stream.out .. ('HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s'):format( #text, text )
      if not stream.responding then
        ael:addHandle( stream.socket, 'write', respond, stream )
        stream.responding = true
      end
    end
  end
  ael:addHandle( socket, 'read', function( )
    local client, peer = socket:accept( )
    if not client then return end
    equal( t.type( client ), 'T.Net.Socket' )
    equal( t.type( peer ), 'T.Net.Address' )
    local stream = { socket = client, inp = '', out = '', keep = true, since = ael:time( ) }
    server.streams[ client ] = stream
    ael:addHandle( client, 'read', receive, stream )
  end )
  ael:addTask( idle_ms, function( )
    local idle, now = { }, ael:time( )
    for _, stream in pairs( server.streams ) do
      if server.may_sweep and not stream.has_asked and now - stream.since >= idle_ms then idle[ #idle + 1 ] = stream end
    end
    for _, stream in ipairs( idle ) do
      ael:removeHandle( stream.socket, 'read' )
      destroy( stream, 'idle' )
    end
    if server.is_over then
      ael:removeHandle( socket, 'read' )
      socket:close( )
      return
    end
    return idle_ms
  end )
  return server, address
end

test( 'an HTTP server serves requests in a row and in pieces, long answers, and clients that hang up or stay silent', function( )
  local ael = Loop( 20 )
  local server, address = http_server( ael, function( method, body )
    return method == 'POST' and body:upper( ) or ('x'):rep( 20000 )
  end, 20 )
  -- A client sends its pieces one after the other, and reads until it has `enough` bytes or the stream ends.
  local function client( pieces, enough, done )
    local socket, got = assert( Net.Socket.connect( address ) ), ''
    local function send( )
      local piece = table.remove( pieces, 1 )
      if piece then socket:send( piece ) end
      return #pieces > 0 and 5 or nil
    end
    ael:addHandle( socket, 'read', function( )
      local data = socket:recv( )
      got = got .. (data or '')
      if data and #got < enough then return end
      ael:removeHandle( socket, 'read' )
      done( got, not data )
      socket:close( )
    end )
    ael:addTask( 1, send )
  end
  local left, results = 4, { }
  local function result( name, value )
    results[ name ], left = value, left - 1
    -- The server may close idle connections only after all other clients have been served. So a slow machine does not
    -- make the test fail.
    server.may_sweep, server.is_over = left <= 1, left == 0
  end
  local get, long = 'GET /long HTTP/1.1\r\n\r\n', #'HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n' + 20000
  client( { get .. get .. get }, 3 * long, function( got ) result( 'in a row', #got ) end )
  client( { 'POST / HTTP/1.1\r\nContent-Le', 'ngth: 10\r\n\r\nhello', ' mind' }, 49, function( got )
    result( 'in pieces', got:match '%C+$' )
  end )
  client( { 'GET /once HTTP/1.1\r\nConnection: close\r\n\r\n' }, 1e9, function( got, is_end )
    result( 'once', is_end and #got )
  end )
  client( { }, 1e9, function( got, is_end ) result( 'silent', is_end and got ) end )
  ael:run( )
  equal( results[ 'in a row' ], 3 * long )
  equal( results[ 'in pieces' ], 'HELLO MIND' )
  equal( results.once, long )
  equal( results.silent, '' )
  equal( next( server.streams ), nil )
  table.sort( server.closed )
  same_list( server.closed, { 'done', 'hung up', 'hung up', 'idle' } )
  equal( #ael, 0 )
end )

test( 'a UDP server shows and stops its loop on request', function( )
  local l, commands, shown = t.Loop( 3 ), { }, nil
  local server, client = t.Net.Socket( 'udp' ), t.Net.Socket( 'udp' )
  local address = t.Net.Address( HOST, 0 )
  server:bind( address )
  l:addHandle( server, 'read', function( s )
    local from = t.Net.Address( )
    local command = s:recv( from )
    commands[ #commands + 1 ] = command
    if command == 'show' then
      local outer = print
      print = function( ) end             -- luacheck: ignore
      shown = l:show( )
      print = outer                       -- luacheck: ignore
      s:send( 'shown', from )
    elseif command == 'exit' then
      l:stop( )
    end
  end, server )
  l:addHandle( client, 'read', function( c )
    equal( c:recv( ), 'shown' )
    c:send( 'exit', server:getsockname( ) )
  end, client )
  -- Adds intervals that end by themselves, and a task that is not due for a day.
  local runs = 0
  for i = 1, 9 do l:addTask( i, function( ) runs = runs + 1 return runs < 20 and i or nil end, 'timer', i ) end
  l:addTask( 86400000, error, 'a day has not passed' )
  l:addTask( 20, function( ) client:send( 'show', server:getsockname( ) ) end )
  l:run( )
  same_list( commands, { 'show', 'exit' } )
  is_true( shown:find( 'TIMER LIST:', 1, true ) and shown:find( '[R]', 1, true ) )
  is_true( shown:find( '`a day has not passed`', 1, true ) )
  equal( #l, 2 )
  l:clean( )
  l:run( )
  server:close( )
  client:close( )
end )

test( 'the user values of a node and of a task have the documented meaning', function( )
  local l, sck = Loop( 2 ), Net.Socket( 'udp' )
  local node = l:addHandle( sck, 'rw', print, 'argument' )
  equal( l[ sck ], node )
  equal( l[ sck.descriptor ], node, 'by its number' )
  equal( T.user_value( node, 1 )[ 2 ], 'argument' )
  equal( T.user_value( node, 2 )[ 1 ], print )
  equal( T.user_value( node, 3 ), sck )
  equal( sck.nonblock, false, 'O_NONBLOCK' )
  local task = l:addTask( 5, print, 'foo', 'bar' )
  same_list( T.user_value( task, 2 ), { print, 'foo', 'bar' } )
  l:clean( )
  sck:close( )
end )

test( 'the table t has the small functions of lua-t', function( )
  local sck = Net.Socket( 'udp' )
  equal( t.type( sck ), 'T.Net.Socket' )
  equal( t.type( Net.Address( ) ), 'T.Net.Address' )
  equal( t.type( Loop( ) ), 'T.Loop' )
  equal( t.type( 5 ), 'number' )
  equal( t.type( { } ), 'table' )
  equal( t.type( setmetatable( { }, { __name = 'Mine' } ) ), 'Mine' )
  equal( t.type( nil ), 'nil' )
  sck:close( )
  same_list( { t.assert( 1, 'never', 3 ) }, { 1, 'never', 3 } )
  equal( T.fails( 'not 7 but x', t.assert, false, 'not %d but %s', 7, 'x' ), 'not 7 but x' )
  T.fails( '100% wrong', t.assert, nil, '100% wrong' )
  T.fails( 'assertion failed!', t.assert, false )
  equal( t.print, print )
end )

test( 't.require finds a module in the folder of the script', function( )
  T.requires "Unix's names of files"
  local name   = os.tmpname( )
  local folder = name:match '^(.*)/'
  local module = 'cogloop_' .. name:match '([%w_]+)$'
  local function write( path, text )
    local file = assert( io.open( path, 'w' ) )
    file:write( text )
    file:close( )
  end
  write( folder .. '/' .. module .. '.lua', 'return 42' )
  write( name, ('local got = require "t".require "%s" return got'):format( module ) )
  local path = package.path
  equal( dofile( name ), 42 )
  equal( package.path, path )
  T.fails( 'nowhere', t.require, 'nowhere' )
  equal( package.path, path )
  os.remove( name )
  os.remove( folder .. '/' .. module .. '.lua' )
end )

test( 'families, protocols and types have names and numbers', function( )
  local Family, Protocol, Type = Net.Family, Net.Socket.Protocol, Net.Socket.Type
  equal( require 't.Net.Family', Family )
  equal( require 't.Net.Socket.Protocol', Protocol )
  equal( require 't.Net.Socket.Type', Type )
  for list, name in pairs{ [Family] = 'AF_INET', [Protocol] = 'IPPROTO_TCP', [Type] = 'SOCK_STREAM' } do
    equal( type( list[ name ] ), 'number', name )
    equal( list[ list[ name ] ], name )
  end
  equal( Family.ip4, Family.AF_INET )
  equal( Protocol.Tcp, Protocol.TCP )
  local sck = Net.Socket( Protocol.udp, Family.ip4, Type.dgram )
  equal( sck.type, 'SOCK_DGRAM' )
  equal( sck.protocol, 'IPPROTO_UDP' )
  sck:close( )
end )

T.done( )
