-- The methods of a task that are written in Lua. The chunk gets the module's table, the methods' table, and the inner
-- functions.
local module, methods, inner = ...
local Task, Cancellation, RAISE = inner.Task, inner.Cancellation, inner.RAISE
local await, outcome, unawait   = inner.await, inner.outcome, inner.unawait
local error, getmetatable, select, tostring = error, getmetatable, select, tostring

-- The tables of methods. A message about an argument takes the name of a method from them.
inner.classes = { methods, Task, inner.Timer }

function Cancellation.__tostring( cancellation )
  local reason = cancellation.reason
  return reason == nil and 'cancelled' or 'cancelled: ' .. tostring( reason )
end

-- Returns whether an error is a cancellation, and the reason that was given to `cancel`.
function module.cancelled( err )
  if getmetatable( err ) == Cancellation then return true, err.reason end
  return false
end

-- In some versions of Lua a C function that was resumed cannot raise. In these versions a Lua function wraps each of
-- `sleep`, `wait` and `park`, and raises.
if not inner.can_raise then
  local function back( ... )
    if ... == RAISE then error( select( 2, ... ), 0 ) end
    return ...
  end
  for _, functions in pairs{ module, methods } do
    for _, name in pairs{ 'sleep', 'wait', 'park' } do
      local suspend = functions[ name ]
      functions[ name ] = function( ... ) return back( suspend( ... ) ) end
    end
  end
end

local function joined( task, done, err, ... )
  if done == true then return outcome( task ) end
  unawait( task )
  if done == RAISE then error( err, 0 ) end
  return done, err, ...
end

-- Waits for the task's end. Returns its results; nil and its error; or nil, 'timed out', errno.
function Task.join( task, ms )
  return joined( task, await( task, ms ) )
end
