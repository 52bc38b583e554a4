-- Creates timers, coroutines, sockets or tasks until memory runs out: grow.lua KIND. KIND is one of these four words.
--
-- Run the script under `ulimit -v`. A call that gets no memory must raise an error that pcall catches, or return nil
-- and a message. Afterwards the script runs the loops if there is memory for it. It must end without a crash.
local cogloop = require 'cogloop'
local Loop    = require 't.Loop'
local Socket  = require 't.Net.Socket'

local loop, tloop = cogloop.loop( ), Loop( )
local kind = arg[ 1 ]
local held, fired = { }, 0
local function count( ) fired = fired + 1 end

local grow = { }
function grow.timers( )
  for i = 1, 100 do held[ #held + 1 ] = loop:after( i % 7, count ) end
end
function grow.coroutines( )
  for i = 1, 100 do loop:spawn( function( ) loop:sleep( i % 7 ) count( ) end ) end
end
function grow.tasks( )
  for i = 1, 100 do tloop:addTask( i % 7, count ) end
end
-- Creates a socket that the loop observes. The system may refuse the socket. In either case the function then keeps ten
-- messages that the first socket has sent to itself.
local first
function grow.sockets( )
  local sck = Socket( 'udp', 'ip4' )
  if sck then
    assert( loop:on( sck, 'r', count ) )
    held[ #held + 1 ] = sck
  end
  first = first or sck
  local adr = first:getsockname( )
  if adr.port == 0 then adr = first:bind( '127.0.0.1', 0 ) end
  for _ = 1, 10 do
    first:send( ('x'):rep( 20000 ), adr )
    held[ #held + 1 ] = assert( first:recv( ) ) .. #held
  end
end

local ok, problem = true, nil
while ok do ok, problem = pcall( grow[ kind ] ) end
held = nil
local grown, refused = pcall( function( )
  loop:after( 50, loop.stop, loop )
  tloop:addTask( 50, function( ) tloop:stop( ) end )
end )
if grown then
  pcall( loop.run, loop )
  pcall( tloop.run, tloop )
end
print( kind, fired, problem, refused )
