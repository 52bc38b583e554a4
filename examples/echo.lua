-- A TCP echo server and its clients in one script, on one loop. The server sends back everything that it receives. When
-- the last client is done, all sockets are closed, and the loop ends. If a client resets its connection, only that
-- connection ends.
--
--    cargo run --release -- examples/echo.lua [clients] [messages]
--    lua5.4 examples/echo.lua                           with the module, see `cargo xtask lua 5.4 --env`

local Loop, Net = require 't.Loop', require 't.Net'

local clients  = tonumber( arg[ 1 ] ) or 20
local messages = tonumber( arg[ 2 ] ) or 50

local loop        = Loop( )
local server, adr = assert( Net.Socket.listen( '127.0.0.1', 0 ) )
local open, count = clients, 0

-- The server's side of a connection. `recv` returns nil at the end of the stream, and false if the client has reset
-- the connection.
local function echo( sck )
  local msg = sck:recv( )
  if msg then
    sck:send( msg )
  else
    sck:close( )                      -- `close` removes it from the loop
  end
end

loop:addHandle( server, 'read', function( )
  local sck = server:accept( )          -- nil if the client has already closed
  if sck then loop:addHandle( sck, 'read', echo, sck ) end
end )

local function client( number )
  local sck  = assert( Net.Socket.connect( adr ) )
  local left = messages
  local text = ('hello from client %d'):format( number )
  sck.nodelay = true
  sck:send( text )
  loop:addHandle( sck, 'read', function( )
    assert( sck:recv( ) == text )
    count, left = count + 1, left - 1
    if left > 0 then
      sck:send( text )
      return
    end
    sck:close( )
    open = open - 1
    if open == 0 then server:close( ) end
  end )
end

-- A client that closes its socket before it has read the answer. So the system resets the connection.
local function rude( )
  local sck = assert( Net.Socket.connect( adr ) )
  sck:send( 'hello' )
  loop:addHandle( sck, 'read', function( ) sck:close( ) end )
end

local start = Loop.time( )
rude( )
for number = 1, clients do client( number ) end
loop:run( )
print( ('%d clients, %d messages echoed in %d ms'):format( clients, count, Loop.time( ) - start ) )
