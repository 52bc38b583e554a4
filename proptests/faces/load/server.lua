-- An echo server with timers: server.lua TIMERS INTERVALS
--
-- The server runs until it has got a SIGTERM and no client is connected. It prints its port, a line after the SIGTERM,
-- and its counts at the end. TIMERS one-shot timers are pending until the SIGTERM: when a timer fires, another timer is
-- set for a random time. There are also INTERVALS intervals.
local cogloop = require 'cogloop'
local Socket  = require 't.Net.Socket'

local timers, intervals = tonumber( arg[ 1 ] ), tonumber( arg[ 2 ] )
local loop, watch = cogloop.loop( ), cogloop.loop( )   -- `watch` is only used as a clock
local served = { fired = 0, ticks = 0, early = 0, bytes = 0, connections = 0, resets = 0, refused = 0 }
local open, asked = 0, false

local EAGAIN  = 11
local AT_MOST = 65536   -- bytes that may wait to be sent back; with more, the connection is not read
local LATEST  = 300000  -- the longest delay of a timer, in ms

local server, adr = assert( Socket.listen( '127.0.0.1', 0, 4096 ) )

local function once( deadline )
  if watch:now( ) < deadline then served.early = served.early + 1 end
  served.fired = served.fired + 1
  if asked then return end
  local ms = math.random( LATEST )
  loop:after( ms, once, watch:now( ) + ms ):unref( )
end
for _ = 1, timers do
  local ms = math.random( LATEST )
  loop:after( ms, once, watch:now( ) + ms ):unref( )
end

for n = 1, intervals do
  local ms   = 20 + n % 980
  local next = watch:now( ) + ms
  loop:every( ms, function( )
    local now = watch:now( )
    if now < next then served.early = served.early + 1 end
    local _, _, missed = loop:firing( )
    next = next + (1 + missed) * ms
    served.ticks = served.ticks + 1
  end ):unref( )
end

local function finish( )
  if asked and open == 0 then loop:stop( ) end
end

local function serve( sck )
  local pending, first, waiting = { }, 1, 0
  local is_over, is_closed, reads, writes = false, false, true, false
  sck.nonblock = true
  open, served.connections = open + 1, served.connections + 1

  local function close( )
    if is_closed then return end
    is_closed = true
    sck:close( )
    open = open - 1
    finish( )
  end

  -- Sends the waiting data, until all are sent or there is no more room. Returns whether the connection is still open.
  local function flush( )
    while pending[ first ] do
      local count, _, number = sck:send( pending[ first ] )
      if not count then
        if number == EAGAIN then return true end
        served.resets = served.resets + 1
        close( )
        return false
      end
      served.bytes, waiting = served.bytes + count, waiting - count
      if count < #pending[ first ] then
        pending[ first ] = pending[ first ]:sub( count + 1 )
        return true
      end
      pending[ first ], first = nil, first + 1
    end
    return true
  end

  local watcher, read, write
  -- Observes the socket for reading while there is room for data, and for writing while data wait to be sent.
  local function observe( )
    local may_read, must_write = waiting < AT_MOST and not is_over, pending[ first ] ~= nil
    if may_read ~= reads then
      if may_read then loop:on( sck, 'r', read ) else watcher:off( 'r' ) end
      reads = may_read
    end
    if must_write ~= writes then
      if must_write then loop:on( sck, 'w', write ) else watcher:off( 'w' ) end
      writes = must_write
    end
  end

  function write( )
    if not flush( ) then return end
    if is_over and not pending[ first ] then return close( ) end
    observe( )
  end

  function read( )
    local text, length, number = sck:recv( )
    if text then
      if not pending[ first ] then pending, first = { }, 1 end
      pending[ #pending + 1 ] = text
      waiting = waiting + length
    elseif text == nil and length == 0 then
      is_over = true
    elseif number ~= EAGAIN then
      served.resets = served.resets + 1
      return close( )
    end
    write( )
  end
  watcher = assert( loop:on( sck, 'r', read ) )
end

assert( loop:on( server, 'r', function( )
  for _ = 1, 64 do
    local sck, _, number = server:accept( )
    if not sck then
      if number ~= EAGAIN then served.refused = served.refused + 1 end
      return
    end
    serve( sck )
  end
end ) )

assert( loop:signal( 'TERM', function( )
  print 'SIGTERM'
  io.stdout:flush( )
  asked = true
  finish( )
end ) )

print( adr.port )
io.stdout:flush( )
loop:run( )
print( ('%d connections, %d resets, %d refused, %d bytes, %d timers fired, %d ticks, %d early'):format( served.connections,
  served.resets, served.refused, served.bytes, served.fired, served.ticks, served.early ) )
