-- Random programs over `require 't.Loop'`, as data; see cogloop/generate.lua. A handle has one set of directions, and in a
-- callback it is let go of whole: what a change of directions means to the turn is open.

local MS      = { 0, 0, 1, 1, 2, 3, 5, 7, 10, 16, 20, 50, 100, 0.5, 2.25 }
local RESULTS = { 'nil', 'nil', 'nil', '0', '1', '3', '5', '10', '10', '25', '2.5', '-1', "'5'", 'true', '7.0' }

return function( R, length )
  local P = { made = 0, options = { } }
  local known = { T = { }, W = { }, H = { }, S = { } }
  local has_handles = R.chance( 60 )

  local function number( )
    P.made = P.made + 1
    return P.made
  end

  local body
  local make = { }

  function make.task( level )
    local op = { k = 'task', n = number( ), ms = R.pick( MS ), result = R.pick( RESULTS ) }
    table.insert( known.T, op.n )
    op.body = body( level + 1 )
    return op
  end

  local directions = { 'r', 'w', 'rw' }

  function make.handle( level )
    local op = { k = 'handle', n = number( ), h = R.pick( known.H ), drain = R.chance( 80 ) }
    op.dir = directions[ op.h % 3 + 1 ]
    table.insert( known.W, op.n )
    op.body = body( level + 1 )
    return op
  end

  local function on( kind, name, key, more )
    make[ name ] = function( level )
      local op = { k = name, n = number( ) }
      op[ key ] = kind and R.pick( known[ kind ] )
      if more then more( op, level ) end
      return op
    end
  end

  on( 'T', 'cancel', 'x' )
  on( 'H', 'remove', 'h' )
  on( 'H', 'node', 'h' )
  for _, name in ipairs{ 'send', 'fill', 'drain', 'close' } do on( 'S', name, 'x' ) end
  for _, name in ipairs{ 'run', 'stop', 'clean', 'count', 'fail' } do on( nil, name, 'x' ) end
  on( nil, 'sleep', 'x', function( op ) op.ms = R.pick( MS ) end )
  on( nil, 'onerror', 'x', function( op ) op.to = R.pick{ 'log', 'log', 'fail', 'none' } end )
  on( nil, 'pair', 'x', function( op )
    op.h, op.peer = op.n, number( )
    for _, list in ipairs{ known.H, known.S } do
      table.insert( list, op.h )
      table.insert( list, op.peer )
    end
  end )

  local function choices( level )
    local list = { { 'onerror', 1 }, { 'count', 1 }, { 'sleep', level == 0 and 3 or 2 } }
    local function add( name, weight ) list[ #list + 1 ] = { name, weight } end
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
    return list
  end

  function body( level )
    local list = { }
    for i = 1, R.upto( 4 ) - 1 do list[ i ] = make[ R.weighted( choices( level ) ) ]( level ) end
    return list
  end

  P.ops = { }
  if has_handles then P.ops[ 1 ] = make.pair( ) end
  for _ = 1, length do P.ops[ #P.ops + 1 ] = make[ R.weighted( choices( 0 ) ) ]( 0 ) end
  P.ops[ #P.ops + 1 ] = { k = 'run', n = number( ) }
  return P
end
