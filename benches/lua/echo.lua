-- A TCP server that sends back what it gets, until so many clients have come and gone:
--
--    lua echo.lua CONTENDER CLIENTS
--
-- Prints its port, and at the end the CPU time that it took.
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
