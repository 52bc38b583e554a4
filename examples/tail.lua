-- tail.lua FILE [SECONDS]: prints the lines that are appended to a file, and once a second their number.
--
--    cogloop examples/tail.lua /var/log/syslog
--
-- Every kernel reports a regular file as always ready, so the loop cannot wait for new bytes. An interval checks for
-- them instead. For a pipe or a socket, add a handle to the loop (see hello.lua).

local Loop = require 't.Loop'

local LOOK_MS, RATE_MS = 100, 1000       -- the interval for checking the file, and for printing the rate

local path, seconds = arg[1], tonumber( arg[2] )
if not path then
  io.stderr:write( 'usage: tail.lua FILE [SECONDS]\n' )
  return os.exit( 2 )
end
local file, problem = io.open( path, 'r' )
if not file then
  io.stderr:write( tostring( problem ), '\n' )
  return os.exit( 1 )
end

io.stdout:setvbuf( 'line' )              -- if the output is a pipe, its reader sees each line at once

local loop     = Loop( )
local position = assert( file:seek( 'end', 0 ) )    -- skips the present content
local rest     = ''                      -- the beginning of an incomplete line
local lines, bytes = 0, 0                -- since the last rate line

-- Reads the appended bytes and prints the complete lines.
local function look( )
  local size = assert( file:seek( 'end', 0 ) )
  if size < position then
    print( ('-- %s was truncated, starting over'):format( path ) )
    position, rest = 0, ''
  end
  file:seek( 'set', position )
  local text = file:read( '*a' )
  position = position + #text
  bytes    = bytes + #text
  rest     = rest .. text
  rest     = rest:gsub( '([^\n]*)\n', function( line )
    print( line )
    lines = lines + 1
    return ''
  end )
  return LOOK_MS
end

local function rate( )
  print( ('-- %d lines, %d bytes in the last second'):format( lines, bytes ) )
  lines, bytes = 0, 0
  return RATE_MS
end

print( '-- following ' .. path )
loop:addTask( LOOK_MS, look )
loop:addTask( RATE_MS, rate )
if seconds then
  loop:addTask( seconds * 1000, function( ) look( ) loop:stop( ) end )
end
loop:run( )
file:close( )
