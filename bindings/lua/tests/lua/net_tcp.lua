-- TCP with t.Net.Socket: every form of a call, failures, and sockets that connect or close while a loop runs.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local Loop    = require 't.Loop'
local Net     = require 't.Net'
local Socket, Address = Net.Socket, Net.Address
local test, equal, is_true, fails = T.test, T.equal, T.is_true, T.fails

local HOST = '127.0.0.1'

-- Returns the two ends of a connection.
local function pair( )
  local server, adr = assert( Socket.listen( HOST, 0 ) )
  local client = assert( Socket.connect( adr ) )
  local accepted = assert( server:accept( ) )
  server:close( )
  return client, accepted
end

-- Checks the results of a failed call: `first`, a message that contains `text`, and an error number, which it returns.
local function refused( first, text, got, message, number )
  equal( got, first )
  is_true( message and message:find( text, 1, true ), tostring( message ) )
  is_true( type( number ) == 'number' and number > 0, 'number' )
  return number
end

test( 'tostring shows the descriptor of a socket', function( )
  local sck = Socket( )
  equal( sck.protocol, 'IPPROTO_TCP' )
  equal( sck.family, 'AF_INET' )
  equal( sck.type, 'SOCK_STREAM' )
  is_true( sck.descriptor > 2 )
  equal( sck:getfd( ), sck.descriptor )
  is_true( tostring( sck ):match( '^t%.Net%.Socket{' .. sck.descriptor .. '}: ' .. T.ADDRESS .. '$' ) )
  sck:close( )
end )

test( 'the constructor accepts all names of protocols, families and types', function( )
  local function is( sck, protocol, family, kind )
    equal( sck.protocol, protocol )
    equal( sck.family, family )
    equal( sck.type, kind )
    sck:close( )
  end
  for _, name in ipairs{ 'TCP', 'tcp', 'IPPROTO_TCP' } do
    is( Socket( name ), 'IPPROTO_TCP', 'AF_INET', 'SOCK_STREAM' )
  end
  for _, name in ipairs{ 'AF_INET6', 'ip6', 'Ip6', 'IP6', 'IPv6' } do
    is( Socket( 'TCP', name ), 'IPPROTO_TCP', 'AF_INET6', 'SOCK_STREAM' )
  end
  for _, name in ipairs{ 'SOCK_DGRAM', 'dgram', 'DGRAM', 'Datagram' } do
    is( Socket( 'UDP', 'ip4', name ), 'IPPROTO_UDP', 'AF_INET', 'SOCK_DGRAM' )
  end
  is( Socket( 'UDP' ), 'IPPROTO_UDP', 'AF_INET', 'SOCK_DGRAM' )
  is( Socket( nil, nil, 'dgram' ), 'IPPROTO_UDP', 'AF_INET', 'SOCK_DGRAM' )
  is( Socket( nil, 'ip6' ), 'IPPROTO_TCP', 'AF_INET6', 'SOCK_STREAM' )
  is( Socket( 'ip4', 'TCP' ), 'IPPROTO_TCP', 'AF_INET', 'SOCK_STREAM' )
  if T.supports 'Unix sockets' then is( Socket( 'unix', 'dgram' ), nil, 'AF_UNIX', 'SOCK_DGRAM' ) end
  fails( "protocol: 'xyz' is not known", Socket, 'xyz' )
  fails( "family: 'xyz' is not known", Socket, 'tcp', 'xyz' )
  -- A name that fits only another argument is read as that argument. A number is always read as the argument of its
  -- place. So a call can give the same argument twice, which is an error.
  local function twice( nth, what, ... )
    local message = fails( what .. ': an earlier argument has given it already', Socket, ... )
    is_true( message:find( 'bad argument #' .. nth, 1, true ), message )
  end
  twice( 2, 'family', 'unix', 5 )
  twice( 2, 'family', 'unix', 'ip4' )
  twice( 3, 'family', 'tcp', 'ip4', 'ip6' )
  twice( 3, 'type', 'dgram', nil, 1 )
  twice( 3, 'type', nil, 'dgram', 'stream' )
  twice( 2, 'protocol', 6, 'udp' )
  twice( 3, 'protocol', nil, 'udp', 'tcp' )
  fails( 'type: a name expected', Socket, 'tcp', 'ip4', { } )
  for _, number in ipairs{ 2^40, -2^40, 1.5, 1/0, 0/0 } do
    fails( 'protocol: a name or a whole number of 32 bits expected, got ', Socket, number )
    fails( 'family: a name or a whole number of 32 bits expected, got ', Socket, 'tcp', number )
    fails( 'type: a name or a whole number of 32 bits expected, got ', Socket, nil, nil, number )
  end
  is( Socket( 6.0 ), 'IPPROTO_TCP', 'AF_INET', 'SOCK_STREAM' )
  refused( nil, "Can't create socket (", Socket( 'tcp', 'ip4', 'dgram' ) )
end )

-- Calls `body` with a port that was free a moment ago. If another program has taken the port meanwhile, tries another.
local function on_a_free_port( body )
  local ok, problem
  for _ = 1, 100 do
    local sck, adr = assert( Socket.bind( HOST, 0 ) )
    sck:close( )
    ok, problem = pcall( body, adr.port )
    if ok or not tostring( problem ):find( 'Address already in use', 1, true ) then break end
  end
  if not ok then error( problem, 0 ) end
end

test( 'every form of bind', function( )
  local function is( ip, sck, adr )
    is_true( sck, adr )
    equal( adr.ip, ip )
    is_true( adr.port > 0 )
    equal( sck:getsockname( ), adr )
    sck:close( )
    return adr.port
  end
  is( '0.0.0.0', Socket.bind( ) )
  is( HOST, Socket.bind( HOST ) )
  is( HOST, Socket.bind( HOST, 0 ) )
  on_a_free_port( function( port ) equal( is( '0.0.0.0', Socket.bind( port ) ), port ) end )
  on_a_free_port( function( port ) equal( is( HOST, Socket.bind( HOST, port ) ), port ) end )
  is( HOST, Socket:bind( HOST ) )
  local adr = Address( HOST, 0 )
  local sck, same = Socket.bind( adr )
  is_true( rawequal( adr, same ) )
  is( HOST, sck, adr )
  for _, args in ipairs{ { }, { HOST }, { HOST, 0 }, { 0 }, { Address( HOST ) } } do
    sck = Socket( )
    is( args[ 1 ] and args[ 1 ] ~= 0 and HOST or '0.0.0.0', sck, (sck:bind( (unpack or table.unpack)( args ) )) )
  end
  sck = Socket( 'tcp', 'ip6' )
  equal( sck:bind( ).ip, '::' )
  fails( 'adr: ', sck.bind, sck, { } )
  fails( 'adr: ', Socket.bind, true )
  fails( 'port: ', Socket.bind, 70000 )
  fails( 'ip: ', Socket.bind, 'nowhere' )
end )

test( 'listen accepts each form of its arguments', function( )
  local function is( ip, sck, adr )
    is_true( sck, adr )
    equal( adr.ip, ip )
    is_true( adr.port > 0 )
    local client = assert( Socket.connect( HOST, adr.port ) )
    client:close( )
    sck:close( )
    return adr.port
  end
  is( '0.0.0.0', Socket.listen( ) )
  is( '0.0.0.0', Socket.listen( 5 ) )
  is( HOST, Socket.listen( HOST ) )
  is( HOST, Socket.listen( HOST, 0 ) )
  on_a_free_port( function( port ) equal( is( '0.0.0.0', Socket.listen( port, 5 ) ), port ) end )
  on_a_free_port( function( port ) equal( is( HOST, Socket.listen( HOST, port ) ), port ) end )
  on_a_free_port( function( port ) equal( is( HOST, Socket.listen( HOST, port, 5 ) ), port ) end )
  is( HOST, Socket.listen( Address( HOST ) ) )
  is( HOST, Socket.listen( Address( HOST ), 5 ) )
  for _, args in ipairs{ { }, { 5 } } do
    local sck, bound = Socket.bind( HOST )
    local adr = sck:listen( (unpack or table.unpack)( args ) )
    equal( adr, bound )
    is( HOST, sck, adr )
  end
  for _, args in ipairs{ { HOST }, { HOST, 0 }, { HOST, 0, 5 }, { Address( HOST ) }, { Address( HOST ), 5 } } do
    local sck = Socket( )
    is( HOST, sck, (sck:listen( (unpack or table.unpack)( args ) )) )
  end
  fails( 'backlog: ', Socket.listen, HOST, 0, 'x' )
  fails( 'backlog: ', Socket.listen, HOST, 0, -1 )
end )

test( 'connect accepts each form of its arguments', function( )
  local server, adr = Socket.listen( HOST, 0 )
  for _, args in ipairs{ { adr }, { adr.port }, { HOST, adr.port } } do
    local sck, to = Socket.connect( (unpack or table.unpack)( args ) )
    equal( to, adr )
    equal( sck:getpeername( ), adr )
    sck:close( )
    sck = Socket( )
    equal( sck:connect( (unpack or table.unpack)( args ) ), adr )
    sck:close( )
  end
  server:close( )
end )

test( 'binding to an address in use returns EADDRINUSE', function( )
  local first, adr = Socket.listen( HOST, 0 )
  -- As in lua-t, `listen` binds first. Its message says which step failed.
  local number = refused( nil, ("Can't bind socket to %s:%d (Address already in use)"):format( HOST, adr.port ),
    Socket.listen( HOST, adr.port ) )
  equal( refused( nil, "Can't bind socket to", Socket( ):listen( adr ) ), number )
  refused( nil, "Can't listen on socket (", Socket( 'udp' ):listen( HOST, 0 ) )
  refused( nil, "Can't listen on socket (", (Socket( 'udp' )):listen( ) )
  equal( refused( nil, ("Can't bind socket to %s:%d ("):format( HOST, adr.port ), Socket.bind( adr ) ), number )
  local sck = Socket( )
  equal( refused( nil, "Can't bind socket to", sck:bind( adr ) ), number )
  is_true( sck.descriptor, 'the given socket stays open' )
  first:close( )
end )

test( 'connecting without a listener returns ECONNREFUSED', function( )
  local sck, adr = Socket.bind( HOST, 0 )
  refused( nil, ("Can't connect socket to %s:%d (Connection refused)"):format( HOST, adr.port ), Socket.connect( adr ) )
  sck:close( )
end )

test( 'send and recv take a limit, and return the number of bytes', function( )
  local a, b = pair( )
  equal( a:send( 'hello' ), 5 )
  equal( a:send( ' world, and more', 6 ), 6 )
  equal( a:send( '', 6 ), 0 )
  equal( a:send( 'x', 6 ), 1 )
  local msg, count = b:recv( 5 )
  equal( msg, 'hello' )
  equal( count, 5 )
  local adr = Address( )
  equal( (b:recv( adr, 6 )), ' world' )
  equal( adr, b:getpeername( ) )
  equal( (b:recv( adr )), 'x' )
  for _, bad in ipairs{ 0, -1, 1.5, 'x', 2^40 } do
    fails( bad == 'x' and 'adr: ' or 'max: ', b.recv, b, bad )
  end
  fails( 'max: ', a.send, a, 'x', -1 )
  fails( 'msg: ', a.send, a )
  fails( 'msg: ', a.send, a, { } )
  fails( 'adr: ', a.send, a, 'x', { } )
  fails( 'sck: T.Net.Socket expected, got string', a.recv, 'x' )
  fails( 'sck: T.Net.Socket expected, got ', a.recv, adr )
  a:close( )
  b:close( )
end )

test( 'C43 after shutdown of one direction the other direction stays open', function( )
  for _, how in ipairs{ 'w', 'write', 'SHUT_WR', 1, Socket.SHUT_WR, Socket[ 1 ] } do
    local a, b = pair( )
    a:send( 'question' )
    equal( a:shutdown( how ), true )
    equal( (b:recv( )), 'question' )
    local msg, count = b:recv( )
    equal( msg, nil )
    equal( count, 0 )
    equal( b:send( 'answer' ), 6 )
    equal( (a:recv( )), 'answer' )
    local number = refused( false, "Can't send message (", a:send( 'more' ) )
    equal( refused( false, 'Broken pipe', a:send( 'more' ) ), number )
    a:close( )
    b:close( )
  end
  local a = pair( )
  fails( 'how: ', a.shutdown, a, 'x' )
  fails( 'how: ', a.shutdown, a, 3 )
  refused( nil, "Can't shutdown socket (", Socket( ):shutdown( 'rw' ) )
end )

test( 'recv and accept on a non-blocking socket return an error if nothing is there', function( )
  local a, b = pair( )
  equal( b.nonblock, false )
  b.nonblock = true
  equal( b.nonblock, true )
  local number = refused( false, "Can't receive message (Resource temporarily unavailable)", b:recv( ) )
  local server = Socket.listen( HOST, 0 )
  server.nonblock = true
  equal( refused( nil, "Can't accept on socket (", server:accept( ) ), number )
  a:close( )
  b:close( )
  server:close( )
end )

test( 'recvtimeout ends a wait', function( )
  local a, b = pair( )
  equal( b.recvtimeout, 0 )
  b.recvtimeout = 20
  is_true( b.recvtimeout >= 20 )
  local start = T.now( )
  refused( false, "Can't receive message (", b:recv( ) )
  is_true( T.now( ) - start >= 19 )
  a.sendtimeout = 30
  is_true( a.sendtimeout >= 30, 'the kernel may round up' )
  fails( 'sendtimeout: milliseconds', function( ) a.sendtimeout = -1 end )
  a:close( )
  b:close( )
end )

test( 'C65 a closed socket has no descriptor, and its methods return the error of the system', function( )
  local sck = Socket( )
  equal( sck:close( ), true )
  equal( sck:close( ), true )
  equal( sck.descriptor, nil )
  equal( sck:getfd( ), -1 )
  equal( sck.nodelay, nil )
  is_true( tostring( sck ):match( '^t%.Net%.Socket{%-1}' ) )
  local number = refused( false, 'Bad file descriptor', sck:recv( ) )
  equal( refused( false, 'Bad file descriptor', sck:send( 'x' ) ), number )
  for name, args in pairs{ bind = { HOST }, listen = { }, connect = { HOST, 1 }, accept = { }, shutdown = { },
                           getsockname = { }, getpeername = { } } do
    equal( refused( nil, 'Bad file descriptor', sck[ name ]( sck, args[ 1 ], args[ 2 ] ) ), number, name )
  end
  fails( "Can't set socket option (Bad file descriptor)", function( ) sck.nodelay = true end )
  fails( 'handle: it is closed', function( ) Loop( ):addHandle( sck, 'r', print ) end )
end )

test( 'the garbage collector closes sockets', function( )
  local a, b = pair( )
  a = nil
  T.collect( )
  equal( b:recv( ), nil )
  b:close( )
end )

test( 'properties', function( )
  local sck = Socket( )
  local flags = { 'keepalive', 'nodelay', 'broadcast', 'reuseaddr', 'oobinline' }
  if T.supports 'a shared port' then
    flags[ #flags + 1 ] = 'reuseport'
    flags[ #flags + 1 ] = 'dontroute'                     -- Wine accepts and ignores it
  else
    equal( sck.reuseport, nil )
    fails( "Can't set socket option (Protocol not available)", function( ) sck.reuseport = true end )
  end
  for _, name in ipairs( flags ) do
    equal( sck[ name ], false, name )
    sck[ name ] = true
    equal( sck[ name ], true, name )
    sck[ name ] = 0
    equal( sck[ name ], false, name )
    fails( name .. ': a boolean expected', function( ) sck[ name ] = 'x' end )
  end
  for _, name in ipairs{ 'recvbuffer', 'sendbuffer' } do
    sck[ name ] = 40000
    is_true( sck[ name ] >= 40000, name )
    fails( name .. ': an integer', function( ) sck[ name ] = 1.5 end )
  end
  equal( sck.recvlow, T.supports 'a shared port' and 1 or nil )
  equal( sck.error, 0 )
  for _, name in ipairs{ 'error', 'descriptor', 'family', 'type', 'protocol' } do
    fails( 'can only be read', function( ) sck[ name ] = 1 end )
  end
  equal( sck.nothing, nil )
  equal( sck[ 9 ], nil )
  fails( 'unknown property', function( ) sck.nothing = 1 end )
  fails( 'unknown property', function( ) sck[ 1 ] = 1 end )
  sck:close( )
end )

test( 'after a non-blocking connect the socket becomes ready for writing, and sck.error has the result', function( )
  local server, adr = Socket.listen( HOST, 0 )
  local loop, sck = Loop( ), Socket( )
  sck.nonblock = true
  -- A connection to the same machine may be made at once.
  local got, message = sck:connect( adr )
  is_true( got or message:find( 'in progress', 1, true ), tostring( message ) )
  local failed
  loop:addHandle( sck, 'w', function( )
    failed = sck.error
    loop:removeHandle( sck, 'w' )
  end )
  loop:run( )
  equal( failed, 0 )
  equal( sck:getpeername( ), adr )
  sck:close( )
  server:close( )

  -- A socket that is bound but does not listen refuses connections. No other program gets its port.
  local bound, silent = Socket.bind( HOST, 0 )
  sck = Socket( )
  sck.nonblock = true
  failed = nil
  if not sck:connect( silent ) then
    loop:addHandle( sck, 'w', function( )
      failed = sck.error
      sck:close( )
    end )
    loop:run( )
    is_true( failed and failed > 0, 'no socket listens' )
  end
  bound:close( )
end )

test( 'select waits for sockets without a loop', function( )
  local a, b = pair( )
  local readers, writers = Socket.select( { a, [ 'by name' ] = b }, { a }, 1000 )
  equal( next( readers ), nil )
  equal( writers[ 1 ], a )
  a:send( 'x' )
  readers, writers = Socket.select( { a, [ 'by name' ] = b } )
  equal( #readers, 0 )
  equal( readers[ 'by name' ], b )
  equal( next( writers ), nil )
  b:recv( )
  local start = T.now( )
  readers = Socket.select( { b }, nil, 20 )
  equal( #readers, 0 )
  is_true( T.now( ) - start >= 19 )
  readers = Socket.select( )
  equal( next( readers ), nil )
  start = T.now( )
  local none, neither = Socket.select( { }, { }, 20 )
  is_true( T.now( ) - start >= 19, 'without a socket the time passes' )
  is_true( next( none ) == nil and next( neither ) == nil )
  fails( 'readers: a table of sockets expected', Socket.select, 1 )
  fails( 'writers: a table of sockets expected', Socket.select, { }, a )
  fails( 'readers: ', Socket.select, { 1 } )
  fails( 'ms: ', Socket.select, { a }, nil, -1 )
  a:close( )
  fails( 'closed', Socket.select, { a } )
  b:close( )
end )

T.done( )
