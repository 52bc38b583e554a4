-- Draws the beginning of a trace as a picture: reads the trace from standard input and writes SVG.
--
--   cogloop --trace echo.json examples/echo.lua 3 4
--   lua5.4 docs/images/trace.lua < echo.json > docs/images/trace-echo.svg
--
-- The script reads only what a loop of this project writes, where each event is one line. The colours are plain, so
-- that every viewer of SVG shows them.

local WIDTH, LEFT, ROW = 960, 110, 34
local COLOURS = { '#2a78d6', '#1f9e6e', '#d9822b', '#8a5cc2', '#c2455e', '#5d7f1e' }

local events, first, last = { }, math.huge, 0
for each in io.read '*a':gmatch '[^\n]+' do
  local ts, dur, category, name = each:match '"ts":([%d.]+),"dur":([%d.]+).-"cat":"(%w+)","name":"(.-)"[,}]'
  if ts then
    local event = { from = tonumber( ts ), to = ts + dur, category = category, name = name }
    events[ #events + 1 ] = event
    first, last = math.min( first, event.from ), math.max( last, event.to )
  end
end
assert( #events > 0, 'there is no event in the trace' )

local function x( us ) return LEFT + (us - first) / (last - first) * (WIDTH - LEFT - 20) end

local rows   = { turn = 1, wait = 2 }
local labels = { 'turns', 'waits', 'callbacks' }
local colour_of, names = { }, { }

local out = { }
local function add( format, ... ) out[ #out + 1 ] = format:format( ... ) end

local function text( left, top, anchor, words )
  words = words:gsub( '&', '&amp;' ):gsub( '<', '&lt;' )
  add( '<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>', left, top, anchor, words )
end

for row, label in ipairs( labels ) do text( LEFT - 10, row * ROW + 14, 'end', label ) end
for _, event in ipairs( events ) do
  local row, colour = rows[ event.category ] or 3, event.category == 'turn' and '#8c96a3' or '#d5dae0'
  if row == 3 then
    if not colour_of[ event.name ] then
      names[ #names + 1 ] = event.name
      colour_of[ event.name ] = COLOURS[ (#names - 1) % #COLOURS + 1 ]
    end
    colour = colour_of[ event.name ]
  end
  add( '<rect x="%.1f" y="%d" width="%.1f" height="20" fill="%s" stroke="#ffffff" stroke-width="0.5"/>', x( event.from ),
    row * ROW, math.max( x( event.to ) - x( event.from ), 0.8 ), colour )
end

local step  = 10 ^ math.floor( math.log( last - first ) / math.log( 10 ) ) / 2
local below = 4 * ROW
for us = 0, last - first, step do
  local at = x( first + us )
  add( '<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#8c96a3"/>', at, below - 6, at, below )
  text( at, below + 14, 'middle', ('%d µs'):format( us ) )
end
table.sort( names )
for i, name in ipairs( names ) do
  local top = below + 24 + i * 18
  add( '<rect x="%d" y="%d" width="12" height="12" fill="%s"/>', LEFT, top - 10, colour_of[ name ] )
  text( LEFT + 18, top, 'start', name )
end

local height = below + 40 + #names * 18
print( ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#1c2026">'):format(
  WIDTH, height ) )
print( ('<rect width="%d" height="%d" fill="#ffffff"/>'):format( WIDTH, height ) )
print( table.concat( out, '\n' ) )
print '</svg>'
