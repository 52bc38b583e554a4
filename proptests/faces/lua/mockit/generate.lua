-- Random programs over `require 'luamockit'`; see grow.lua.

local part = ...
local grow = part 'grow'

local MS = { 0, 1, 1, 2, 3, 5, 7, 10, 20, 50 }

return function( R, length )
  local G = grow( R )
  local timers = G.known.T

  G.creates( 'T', 'oneoff', function( op ) op.ms = R.pick( MS ) end )
  G.creates( 'T', 'getit', function( op ) op.ms = R.pick( MS ) + 1 end )
  for _, name in ipairs{ 'pending', 'inqueue', 'process_events', 'fail' } do G.plain( name ) end

  -- A callback sleeps only briefly. During a long sleep the intervals would produce thousands of events, and the
  -- callback of each event would sleep as well.
  G.plain( 'sleep', function( op, level )
    local ms = R.pick( MS )
    op.ms = level == 0 and ms or math.min( ms, 5 )
  end )
  G.plain( 'wait', function( op ) op.ms = R.chance( 70 ) and R.pick( MS ) or nil end )
  G.plain( 'destroy', function( op ) op.x = R.pick( timers ) end )

  function G.choices( level, add )
    add( 'pending', 1 ) add( 'inqueue', 1 ) add( 'sleep', level == 0 and 5 or 2 )
    if level < 3 then add( 'oneoff', 4 ) add( 'getit', 4 ) end
    if #timers > 0 then add( 'destroy', 5 ) end
    if level == 0 then add( 'process_events', 5 ) add( 'wait', 3 ) else add( 'wait', 1 ) add( 'fail', 1 ) end
  end

  return G.fill( length )
end
