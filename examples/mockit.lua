-- A daemon on luamockit: it waits until a timer is due, runs its callback, and waits again. One interval collects,
-- another interval reports, and a one-off timer ends the service. One callback fails, and the others go on.
--
--    cargo run --release -- examples/mockit.lua [milliseconds]
--    lua5.4 examples/mockit.lua                         with the module, see `cargo xtask lua 5.4 --env`

local mit = require 'luamockit'

local lifetime = math.floor( tonumber( arg[ 1 ] ) or 1000 )
local started  = mit.mstimestamp( )
local samples, reports, running = 0, 0, true

local collect = mit.getit( math.floor( lifetime / 20 ), function( )
  samples = samples + 1
end )

local report = mit.getit( math.floor( lifetime / 4 ), function( )
  reports = reports + 1
  print( ( 'report %d: %d samples' ):format( reports, samples ) )
  if reports == 2 then error 'the second report fails' end
end )

mit.oneoff( lifetime + 5, function( ) running = false end )

while running do
  mit.wait( )                                  -- sleeps in this thread, the only one
  local ok, message = pcall( mit.process_events )
  if not ok then print( 'a callback failed: ' .. message:match '[^\n]+' ) end
end

collect:destroy( )
report:destroy( )
local took = mit.mstimestamp( ) - started
print( ( 'done: %d samples, %d reports, %d events left' ):format( samples, reports, mit.inqueue( ) ) )
if took < lifetime then print( 'EARLY: after ' .. took .. ' ms' ) end
