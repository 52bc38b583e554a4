-- Random programs over `require 't.Loop'`; see grow.lua. A program always adds a handle with the same directions, and
-- always removes both directions. Otherwise the directions would change, and the effect of that on the current turn is
-- not specified.

local part = ...
local grow = part 'grow'

local MS      = { 0, 0, 1, 1, 2, 3, 5, 7, 10, 16, 20, 50, 100, 0.5, 2.25 }
local RESULTS = { 'nil', 'nil', 'nil', '0', '1', '3', '5', '10', '10', '25', '2.5', '-1', "'5'", 'true', '7.0' }
local DIRECTIONS = { 'r', 'w', 'rw' }

return function( R, length )
  local G = grow( R )
  local known, P = G.known, G.program
  local has_handles = R.chance( 60 )

  G.creates( 'T', 'task', function( op ) op.ms, op.result = R.pick( MS ), R.pick( RESULTS ) end )
  G.creates( 'W', 'handle', function( op )
    op.h, op.drain = R.pick( known.H ), R.chance( 80 )
    op.dir = DIRECTIONS[ op.h % 3 + 1 ]
  end )
  G.plain( 'cancel', function( op ) op.x = R.pick( known.T ) end )
  for _, name in ipairs{ 'remove', 'node' } do G.plain( name, function( op ) op.h = R.pick( known.H ) end ) end
  for _, name in ipairs{ 'send', 'fill', 'drain', 'close' } do G.plain( name, function( op ) op.x = R.pick( known.H ) end ) end
  for _, name in ipairs{ 'run', 'stop', 'clean', 'count', 'fail' } do G.plain( name ) end
  G.plain( 'sleep', function( op ) op.ms = R.pick( MS ) end )
  G.plain( 'onerror', function( op ) op.to = R.pick{ 'log', 'log', 'fail', 'none' } end )
  G.plain( 'pair', function( op )
    op.h, op.peer = op.n, G.number( )
    table.insert( known.H, op.h )
    table.insert( known.H, op.peer )
  end )

  function G.choices( level, add )
    add( 'onerror', 1 ) add( 'count', 1 ) add( 'sleep', level == 0 and 3 or 2 )
    if level < 3 then
      add( 'task', 8 )
      if has_handles and #known.H > 0 then add( 'handle', 4 ) end
    end
    if #known.T > 0 then add( 'cancel', 4 ) end
    if has_handles then
      add( 'pair', 1 )
      if #known.H > 0 then
        add( 'remove', 2 ) add( 'node', 1 ) add( 'send', 3 ) add( 'drain', 2 ) add( 'fill', 1 ) add( 'close', 1 )
      end
    end
    if level == 0 then add( 'run', 5 ) else add( 'stop', 2 ) add( 'fail', 1 ) end
    if R.chance( 10 ) then add( 'clean', 1 ) add( 'run', 1 ) end
  end

  if has_handles then P.ops[ 1 ] = G.make.pair( ) end
  G.fill( length )
  P.ops[ #P.ops + 1 ] = G.make.run( )
  return P
end
