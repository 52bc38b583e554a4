-- A TCP echo server, which ends when CLIENTS clients have connected and closed:
--
--    lua echo.lua CONTENDER CLIENTS
--
-- Prints its port first, and at the end the CPU time that it took.
local peer = require( 'peer' )( arg[ 1 ], 'echo' )
local left, start = tonumber( arg[ 2 ] ), nil

local port = peer.echo( function( )
  left = left - 1
  if left > 0 then return end
  print( 'cpu', os.clock( ) - start )
  io.stdout:flush( )
  os.exit( 0 )
end )
print( 'port', port )
io.stdout:flush( )
start = os.clock( )
peer.run( )
