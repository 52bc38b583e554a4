-- Sends bytes to and fro between the two ends of pairs of Unix sockets. One loop observes all sockets:
--
--    lua pingpong.lua CONTENDER PAIRS ACTIVE EVENTS
--
-- A byte goes to and fro in ACTIVE of the PAIRS. Prints the CPU time of one event: the wait, the callback, the read and
-- the write.
local peer = require( 'peer' )( arg[ 1 ], 'pairs' )
local pairs, active, events = tonumber( arg[ 2 ] ), tonumber( arg[ 3 ] ), tonumber( arg[ 4 ] )

local is_warm, left, start = false, math.max( 1000, events / 4 ), nil

local function on_byte( )
  left = left - 1
  if left > 0 then return end
  if is_warm then
    print( 'event', (os.clock( ) - start) / events * 1e9 )
    io.stdout:flush( )
    os.exit( 0 )
  end
  is_warm, left, start = true, events, os.clock( )
end

local send = peer.pairs( pairs, on_byte )
for i = 1, active do send( i ) end
peer.run( )
