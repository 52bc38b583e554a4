-- debounce and throttle, on top of `after`. The chunk gets the module's table and the methods' table. checked.rs has
-- already checked the arguments.
local module, methods = ...
local unpack = table.unpack or unpack

-- Returns a function that postpones `f`. When the returned function has not been called for `ms`, `f` is called with
-- the arguments of the last call.
local function debounce( after, ms, f )
  local timer, args, count
  local function fire( )
    local these, n = args, count
    timer, args = nil, nil
    f( unpack( these, 1, n ) )
  end
  return function( ... )
    -- If the loop has reached its limit of timers, `after` raises before anything has changed.
    if not (timer and timer:reschedule( ms )) then timer = after( ms, fire ) end
    args, count = { ... }, select( '#', ... )
  end
end

-- Returns a function that calls `f` at once. Calls within the next `ms` only store their arguments. When `ms` have
-- passed, `f` is called with the arguments that were stored last, if there are any.
local function throttle( after, ms, f )
  local resting, args, count
  local function rest( )
    resting = false
    if not args then return end
    local these, n = args, count
    -- If other timers have used up the loop's limit, `after` raises. The next call then starts afresh.
    after( ms, rest )
    resting, args = true, nil
    f( unpack( these, 1, n ) )
  end
  return function( ... )
    if resting then
      args, count = { ... }, select( '#', ... )
    else
      after( ms, rest )
      resting, args = true, nil
      f( ... )
    end
  end
end

for name, make in pairs{ debounce = debounce, throttle = throttle } do
  methods[ name ] = function( loop, ms, f )
    return make( function( ... ) return loop:after( ... ) end, ms, f )
  end
  module[ name ] = function( ms, f ) return make( module.after, ms, f ) end
end
