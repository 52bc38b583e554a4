-- What random programs have found at the border of `t.Net`: each ended the process once.

package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T           = require 'harness'
local Socket      = require 't.Net.Socket'
local test, equal = T.test, T.equal

test( "an error of recv whose handler calls recv again, and so on, ends as an error", function( )
  local sck, calls = Socket( 'udp' ), 0
  local function handler( )
    calls = calls + 1
    if calls < 1000 then sck:recv( 0 ) end
  end
  equal( xpcall( error, handler ), false )
  sck:close( )
end )

T.done( )
