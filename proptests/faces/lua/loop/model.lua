-- A model of `require 't.Loop'`: a simple program that does what the module does. Read it together with
-- docs/compatibility.md. Time, turns, handles and errors are those of the model of `cogloop`, on which this model is
-- built. This file has only the differences.

return function( world, part )
  local M = { Loop = { }, world = world }
  M.Loop.__index = M.Loop
  for _, name in ipairs{ 'loop', 'share', 'timers', 'tasks', 'waits', 'handles', 'look' } do part( name )( M ) end

  local T = { }
  T.__index = T

  -- ## A loop
  -- As in the module, a program sets the field `onerror`. In the module, `#loop` is the number of handles, and
  -- `loop[ handle ]` is the node of a handle. Here they are the functions `count` and `node`, because not every Lua has
  -- `__len` for tables.
  local function make( )
    return setmetatable( { base = M.make{ }, tasks = { } }, T )
  end

  function T.__newindex( loop, _, f ) loop.base.on_error = f end

  function T.count( loop ) return #loop.base.entries end

  function T.node( loop, handle )
    for _, entry in ipairs( loop.base.entries ) do
      if entry.descriptor == world.descriptor( handle ) then return entry end
    end
    return nil
  end

  -- The time in whole milliseconds.
  function T.time( loop ) return math.floor( loop.base.time / 1e6 ) end

  -- `sleep` blocks. On a virtual clock the time passes at once.
  function T.sleep( loop, ms ) loop.base.time = loop.base.time + ms * 1e6 end

  function T.run( loop ) loop.base:run( ) end
  function T.stop( loop ) loop.base:stop( ) end

  -- ## A task
  -- A task runs once. If it returns a whole number `n` of 1 or more, it runs again `n` ms after the deadline that was
  -- just served. If that long has passed already when the function returns, steps of `n` ms are skipped: the next
  -- deadline is the first one that is after the current tick. An error ends the task. If the task is cancelled in its
  -- own callback, it ends, and its result has no effect.
  local function following( base, deadline, period )
    if base.time <= deadline then return deadline + period end
    local now = math.floor( base.time / base.tick ) * base.tick
    return deadline + (math.floor( math.max( now - deadline, 0 ) / period ) + 1) * period
  end

  function T.addTask( loop, ms, f, ... )
    local base, task, arguments, n = loop.base, { loop = loop }, { ... }, select( '#', ... )
    local function fire( timer )
      task.timer, task.is_running = nil, true
      local result
      M.call( base, task, function( ) result = f( (unpack or table.unpack)( arguments, 1, n ) ) end )
      local goes_on = task.is_running and type( result ) == 'number' and result >= 1 and result % 1 == 0
      task.is_running = false
      if goes_on then task.timer = M.add( base, following( base, timer.deadline, result * 1e6 ), { fire = fire } ) end
    end
    task.timer = M.add( base, M.from_now( base, ms ), { fire = fire } )
    table.insert( loop.tasks, task )
    return task
  end

  -- Returns whether the task was pending. A task in its own callback counts as pending.
  function T.cancelTask( loop, task )
    if task.loop ~= loop then return false end
    local timer, was_running = task.timer, task.is_running
    task.timer, task.is_running = nil, false
    return was_running or timer ~= nil and timer:cancel( )
  end

  -- ## A handle
  function T.addHandle( loop, ... ) return loop.base:on( ... ) end

  -- Returns the node, or false and a message if `direction` was not observed.
  function T.removeHandle( loop, handle, direction )
    if handle == nil or not world.descriptor( handle ) then error( handle and 'handle: it is closed' or 'handle: none', 0 ) end
    local entry = T.node( loop, handle )
    if entry and entry:off( direction ) then return entry end
    return false, 'Descriptor not observed in Loop -> ignoring'
  end

  -- ## Ending everything
  -- `clean` removes all tasks and handles. A task that is running ends, and its result has no effect.
  function T.clean( loop )
    for _, task in ipairs( loop.tasks ) do T.cancelTask( loop, task ) end
    for _, entry in ipairs( loop.base.entries ) do entry.gone = true end
    loop.base.entries, loop.tasks = { }, { }
  end

  return { loop = make }
end
