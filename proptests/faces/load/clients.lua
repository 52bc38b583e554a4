-- Runs the clients of server.lua: clients.lua PORT SECONDS CONNECTIONS
--
-- CONNECTIONS clients are connected at a time. Each sends texts and compares them with the answers. Now and then a
-- client stops reading for a while, so that the buffers of both sides fill. Now and then a client closes its socket
-- before it has read the answer, so that the system resets the connection. At the end the script prints a line of
-- counts. The script fails if a byte was lost or no message was sent.
local cogloop = require 'cogloop'
local Socket  = require 't.Net.Socket'
local Address = require 't.Net.Address'

local port, seconds, connections = tonumber( arg[ 1 ] ), tonumber( arg[ 2 ] ), tonumber( arg[ 3 ] )
local loop = cogloop.loop( )
local adr  = Address( '127.0.0.1', port )
local over = seconds * 1000
local sum  = { connections = 0, messages = 0, stalls = 0, resets = 0, bytes = 0, lost = 0, unconnected = 0 }

local EAGAIN  = 11
local PATIENT = 120000  -- in ms; a later answer counts as lost

local letters = { }
for n = 1, 64 do letters[ n ] = string.char( 33 + n ):rep( 1021 ) end
local function text_of( size )
  local parts, first = { }, math.random( 64 )
  for n = 0, math.floor( size / 1021 ) do parts[ #parts + 1 ] = letters[ (first + n) % 64 + 1 ] end
  return table.concat( parts ):sub( 1, size )
end

-- Sends `text` from the byte `from` on, until all is sent or there is no more room. Returns the position of the first
-- byte that was not sent, or nil after an error.
local function send( sck, text, from )
  while from <= #text do
    local count, _, number = sck:send( from == 1 and text or text:sub( from, from + 65535 ) )
    if not count then return number == EAGAIN and from or nil end
    from = from + count
  end
  return from
end

-- Sends `text`, does not read for `stall` ms, and then reads. Returns whether all of the text came back, and the number
-- of bytes that came.
local function exchange( sck, text, stall )
  local sent = send( sck, text, 1 )
  if stall then loop:sleep( stall ) end
  local parts, got = { }, 0
  while got < #text do
    if not sent then return false, got end
    if not loop:wait( sck, sent <= #text and 'rw' or 'r', PATIENT ) then return false, got end
    local part, length, number = sck:recv( )
    if part then
      parts[ #parts + 1 ], got = part, got + length
    elseif number ~= EAGAIN then
      return false, got
    end
    sent = send( sck, text, sent )
  end
  return table.concat( parts ) == text, got
end

local function connect( )
  local sck = Socket( 'tcp' )
  sck.nonblock = true
  local ok, _, number = sck:connect( adr )
  if not ok and number ~= 115 then sck:close( ) return nil end
  if not loop:wait( sck, 'w', PATIENT ) or sck.error ~= 0 then sck:close( ) return nil end
  return sck
end

local function talk( sck )
  for _ = 1, math.random( 12 ) do
    local dice = math.random( )
    if dice < 0.04 then
      send( sck, text_of( math.random( 60000 ) ), 1 )
      loop:sleep( math.random( 0, 50 ) )
      sum.resets = sum.resets + 1
      return
    end
    local stall = dice < 0.07 and math.random( 500, 4000 )
    local text  = text_of( stall and math.random( 3000000 ) or math.random( 3000 ) )
    local ok, got = exchange( sck, text, stall )
    sum.messages, sum.bytes = sum.messages + 1, sum.bytes + got
    if stall then sum.stalls = sum.stalls + 1 end
    if not ok then
      sum.lost = sum.lost + math.max( #text - got, 1 )
      return
    end
    if loop:now( ) > over then return end
    loop:sleep( math.random( 0, 8000 ) )
  end
end

local function client( )
  loop:sleep( math.random( 0, 5000 ) )
  while loop:now( ) < over do
    local sck = connect( )
    if sck then
      sum.connections = sum.connections + 1
      talk( sck )
      sck:close( )
    else
      sum.unconnected = sum.unconnected + 1
      loop:sleep( 1000 )
    end
  end
end

for _ = 1, connections do loop:spawn( client ) end
loop:run( )
print( ('%d connections, %d not made, %d messages, %d stalls, %d resets, %d bytes, %d lost'):format( sum.connections,
  sum.unconnected, sum.messages, sum.stalls, sum.resets, sum.bytes, sum.lost ) )
os.exit( sum.lost == 0 and sum.messages > 0 )
