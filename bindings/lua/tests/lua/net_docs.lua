-- Runs the examples of docs/net.md.
local here = arg[ 0 ]:match( '^(.-)[^/]*$' )
package.path = here .. '../?.lua;' .. package.path
local T = require 'harness'

local file = assert( io.open( here .. '../../../../docs/net.md' ) )
local text = file:read( '*a' )
file:close( )

local count = 0
for block in text:gmatch( '\n```lua\n(.-)\n```' ) do
  count = count + 1
  local _, line = text:sub( 1, (text:find( block, 1, true )) ):gsub( '\n', '\n' )
  T.test( 'docs/net.md, line ' .. line + 1, function( )
    if block:find 'Interface' then T.requires 'network interfaces' end
    if block:find "'/" or block:find "'unix'" or block:find 'tmpname' then T.requires 'Unix sockets' end
    assert( (loadstring or load)( block, '@docs/net.md' ) )( )
  end )
end
T.test( 'there are examples', function( ) T.is_true( count > 10, count ) end )

T.done( )
