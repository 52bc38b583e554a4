-- Random programs over `require 'luamockit'`, as data; see cogloop/generate.lua.

local MS = { 0, 1, 1, 2, 3, 5, 7, 10, 20, 50 }

return function( R, length )
  local P, timers = { made = 0 }, { }

  local function number( )
    P.made = P.made + 1
    return P.made
  end

  local body
  local make = { }

  for _, name in ipairs{ 'oneoff', 'getit' } do
    make[ name ] = function( level )
      local op = { k = name, n = number( ), ms = R.pick( MS ) }
      if name == 'getit' then op.ms = op.ms + 1 end
      table.insert( timers, op.n )
      op.body = body( level + 1 )
      return op
    end
  end

  for _, name in ipairs{ 'pending', 'inqueue', 'process_events', 'fail' } do
    make[ name ] = function( ) return { k = name, n = number( ) } end
  end

  -- A callback sleeps shortly: in a long sleep intervals bring thousands of events, each of which sleeps as long.
  function make.sleep( level )
    local ms = R.pick( MS )
    return { k = 'sleep', n = number( ), ms = level == 0 and ms or math.min( ms, 5 ) }
  end

  function make.wait( ) return { k = 'wait', n = number( ), ms = R.chance( 70 ) and R.pick( MS ) or nil } end
  function make.destroy( ) return { k = 'destroy', n = number( ), x = R.pick( timers ) } end

  local function choices( level )
    local list = { { 'pending', 1 }, { 'inqueue', 1 }, { 'sleep', level == 0 and 5 or 2 } }
    local function add( name, weight ) list[ #list + 1 ] = { name, weight } end
    if level < 3 then add( 'oneoff', 4 ) add( 'getit', 2 ) end
    if #timers > 0 then add( 'destroy', 3 ) end
    if level == 0 then add( 'process_events', 5 ) add( 'wait', 3 ) else add( 'wait', 1 ) add( 'fail', 1 ) end
    return list
  end

  function body( level )
    local list = { }
    for i = 1, R.upto( 4 ) - 1 do list[ i ] = make[ R.weighted( choices( level ) ) ]( level ) end
    return list
  end

  P.ops, P.options = { }, { }
  for _ = 1, length do P.ops[ #P.ops + 1 ] = make[ R.weighted( choices( 0 ) ) ]( 0 ) end
  return P
end
