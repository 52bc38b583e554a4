-- LuaSocket and LuaSec in tasks: if a call returns 'wantread', 'wantwrite' or 'timeout' instead of blocking, the task
-- waits in the loop and calls again. So code that was written for copas keeps its calls: `receive`, `send`,
-- `dohandshake`, `connect`, `accept`. The example is a server and its clients over TLS, with a certificate that openssl
-- makes.
--
--    luajit examples/tls.lua [clients] [messages]       with the module, see `cargo xtask lua jit --env`

local cogloop = require 'cogloop'
local found, ssl = pcall( require, 'ssl' )
if not found then
  print 'this example needs LuaSocket and LuaSec: apt install lua-sec'
  return
end
local socket = require 'socket'

-- ## The adapter
-- The direction to wait for, by the reason for which a call would block.
local WAITS = { wantread = 'r', wantwrite = 'w', timeout = true }

local Wrapped = { }
Wrapped.__index = Wrapped

-- Wraps a non-blocking object. `limit` is the longest time of a call in ms, or nil.
local function wrap( sck, limit )
  sck:settimeout( 0 )
  return setmetatable( { sck = sck, limit = limit }, Wrapped )
end

-- Waits for the direction of `why`, or for the direction of the call if `why` is 'timeout'. Returns true, or nil and
-- 'timeout' or 'closed', like LuaSocket.
local function rest( self, why, direction )
  local ready, message = cogloop.wait( self.sck, WAITS[ why ] == true and direction or WAITS[ why ], self.limit )
  if ready then return true end
  return nil, message == 'timed out' and 'timeout' or 'closed'
end

function Wrapped:receive( pattern, prefix )
  while true do
    local data, why, part = self.sck:receive( pattern, prefix )
    if data or not WAITS[ why ] then return data, why, part end
    prefix = part                             -- the bytes received so far
    local ok, message = rest( self, why, 'r' )
    if not ok then return nil, message, part end
  end
end

function Wrapped:send( data, from, to )
  while true do
    local last, why, sent = self.sck:send( data, from, to )
    if last or not WAITS[ why ] then return last, why, sent end
    from = sent + 1
    local ok, message = rest( self, why, 'w' )
    if not ok then return nil, message, sent end
  end
end

function Wrapped:dohandshake( parameters )
  self.sck = assert( ssl.wrap( self.sck, parameters ) )
  self.sck:settimeout( 0 )
  while true do
    local ok, why = self.sck:dohandshake( )
    if ok or not WAITS[ why ] then return ok, why end
    local ready, message = rest( self, why, 'r' )
    if not ready then return nil, message end
  end
end

function Wrapped:accept( )
  while true do
    local client, why = self.sck:accept( )
    if client then return wrap( client, self.limit ) end
    if not WAITS[ why ] then return nil, why end
    local ok, message = rest( self, why, 'r' )
    if not ok then return nil, message end
  end
end

function Wrapped:connect( ip, port )
  local ok, why = self.sck:connect( ip, port )
  if ok then return true end
  if why ~= 'timeout' then return nil, why end
  ok, why = rest( self, why, 'w' )
  if not ok then return nil, why end
  ok, why = self.sck:connect( ip, port )         -- returns the result of the connection
  if ok or why == 'already connected' then return true end
  return nil, why
end

function Wrapped:close( ) return self.sck:close( ) end

-- ## The example
local clients  = tonumber( arg[ 1 ] ) or 5
local messages = tonumber( arg[ 2 ] ) or 10

local base = os.tmpname( )
local made = os.execute( ("openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout %s.key -out %s.crt 2>/dev/null" ):format( base, base ) )
if made ~= true and made ~= 0 then
  print 'this example needs the program openssl'
  return
end
local server_side = { mode = 'server', protocol = 'any', key = base .. '.key', certificate = base .. '.crt', options = 'all' }
local client_side = { mode = 'client', protocol = 'any', cafile = base .. '.crt', verify = 'peer', options = 'all' }

local server = assert( socket.bind( '127.0.0.1', 0 ) )
local _, port = server:getsockname( )
local echoed, long = 0, ('x'):rep( 200000 )

local function serve( client )
  assert( client:dohandshake( server_side ) )
  while true do
    local line = client:receive '*l'
    if not line then break end
    assert( client:send( line .. '\n' ) )
  end
  client:close( )
end

local function call( )
  local client = wrap( socket.tcp( ), 10000 )
  assert( client:connect( '127.0.0.1', port ) )
  assert( client:dohandshake( client_side ) )
  for i = 1, messages do
    local text = i == 1 and long or 'message ' .. i      -- the first message is longer than any buffer
    assert( client:send( text .. '\n' ) )
    assert( client:receive '*l' == text )
    echoed = echoed + 1
  end
  client:close( )
end

-- A client that sends nothing exceeds its time limit.
local function silent( )
  local client = wrap( socket.tcp( ), 20 )
  assert( client:connect( '127.0.0.1', port ) )
  local _, why = client:receive '*l'
  print( 'a silent client: ' .. why )
  client:close( )
end

cogloop.spawn( function( )
  local listener = wrap( server )
  local accepting = cogloop.spawn{ name = 'accepting', function( )
    while true do
      local client = assert( listener:accept( ) )
      cogloop.spawn{ name = 'serving', function( ) cogloop.pcall( serve, client ) end }
    end
  end }
  local group = cogloop.group( )
  for _ = 1, clients do group:spawn( call ) end
  group:spawn( silent )
  local ok, err = group:join( 30000 )
  accepting:cancel( )
  print( ok and ('%d clients, %d messages echoed over TLS'):format( clients, echoed ) or 'failed: ' .. tostring( err ) )
end )
cogloop.run( )
server:close( )
for _, name in ipairs{ '', '.key', '.crt' } do os.remove( base .. name ) end
