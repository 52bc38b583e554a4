-- Measures the cost of an armed timer of luamockit: `armed.lua N` arms N timers. Each result is a line `name value`, as
-- in `program.c`.

local mit   = require 'luamockit'
local count = assert( tonumber( arg[ 1 ] ), 'usage: armed.lua N' )

-- Returns the number in the file's first line that begins with this word and a colon.
local function line_of( path, word )
  for line in io.lines( path ) do
    local number = line:match( '^' .. word .. ':%s+(%d+)' )
    if number then return tonumber( number ) end
  end
end

-- Returns the resident memory in bytes. `smaps_rollup` counts each page, but the sum in `status` may lag by many pages.
local function resident( ) return line_of( '/proc/self/smaps_rollup', 'Rss' ) * 1024 end

local function nothing( ) end

mit.getit( 3600000, nothing )
collectgarbage( )
local before, start = resident( ), os.clock( )
for _ = 1, count do mit.getit( 3600000, nothing ) end
local took = os.clock( ) - start
collectgarbage( )
for name, value in pairs {
  armed = count, bytes = ( resident( ) - before ) / count, threads = line_of( '/proc/self/status', 'Threads' ), arm = took / count * 1e9,
} do
  print( ( '%s %.3f' ):format( name, value ) )
end
