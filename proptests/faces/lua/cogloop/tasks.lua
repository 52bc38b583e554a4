-- The tasks of the model, from `spawn` to the end of a task. The end wakes the tasks that wait for it.

return function( M )
  local Loop = M.Loop
  local unpack = unpack or table.unpack

  local function pack( ... ) return { n = select( '#', ... ), ... } end
  local function spread( list ) return unpack( list, 1, list.n ) end

  -- ## A task
  -- `spawn` makes a coroutine, and a timer without delay that resumes the coroutine. So the task begins in the next
  -- turn, and counts as a timer until then. After a plain yield the task gets such a timer again. waits.lua has the
  -- waits. A task is not a callback, but `slow` also reports a task that runs too long from one wait to the next.
  --
  --   ready ──► running ──► waiting ──► ready …      `wait` is set while it waits
  --                └──────► done, failed, cancelled
  local Task = { }
  Task.__index = Task
  M.Task = Task

  local function has_ended( task )
    return task.state == 'done' or task.state == 'failed' or task.state == 'cancelled'
  end
  M.has_ended = has_ended

  -- ## A cancellation
  -- A cancellation is an error that contains the reason given to `cancel`, and the name of the task.
  local Cancellation = { }
  function Cancellation.__tostring( it )
    return it.reason == nil and 'cancelled' or 'cancelled: ' .. tostring( it.reason )
  end

  function M.cancellation( task, reason )
    return setmetatable( { reason = reason, name = task.given_name }, Cancellation )
  end

  function M.world.cancelled( err )
    if getmetatable( err ) == Cancellation then return true, err.reason end
    return false
  end

  -- ## The end
  -- The task keeps its result and leaves the list of the loop. The tasks that wait for it are woken in the order in
  -- which they began to wait. Returns whether a task waited. If no task waited, the caller passes an error to
  -- `onerror`, with the task. The order of the loop's list is not specified; here the last task takes the place of a
  -- task that leaves.
  local function finish( task, state, ... )
    local loop = task.loop
    task.state, task.outcome, task.wait = state, pack( ... ), nil
    if loop.closed then return false end
    for i, other in ipairs( loop.alive ) do
      if other == task then
        loop.alive[ i ] = loop.alive[ #loop.alive ]
        loop.alive[ #loop.alive ] = nil
        break
      end
    end
    for i, item in ipairs( loop.woken ) do
      if item.task == task then table.remove( loop.woken, i ) break end
    end
    local waiters, is_told = task.waiters, false
    task.waiters = { }
    for _, tell in ipairs( waiters ) do is_told = tell( task ) or is_told end
    return is_told
  end
  M.finish = finish

  -- The results of the task, or nil and its error or cancellation.
  function M.outcome( task )
    if task.state == 'done' then return spread( task.outcome ) end
    return nil, task.outcome[ 1 ]
  end

  -- ## Interference by the script
  -- The script can get the coroutine of a task, and resume or close it. If the script has resumed a coroutine that
  -- waited, the end of the wait does not resume the coroutine any more. If the script has begun a task itself and the
  -- task has yielded, the timer of `spawn` resumes the task. But this timer does not resume a task that waits, because
  -- only the end of the wait may do that.
  --
  -- Closing the coroutine is the same as cancelling the task. The loop notices the closing when a method of the task is
  -- called, when the awaited event comes, or when `run` has nothing else to do. If the task was cancelled before, the
  -- first reason stays.
  function M.notice( task )
    if task.loop.closed or has_ended( task ) or coroutine.status( task.co ) ~= 'dead' then return end
    finish( task, 'cancelled', task.cancellation or M.cancellation( task, 'its coroutine was closed, or ended by others' ) )
  end

  function M.sweep( loop )
    for i = #loop.alive, 1, -1 do
      if loop.alive[ i ] then M.notice( loop.alive[ i ] ) end
    end
  end

  -- ## Running
  local function close( task )
    if coroutine.close then return coroutine.close( task.co ) end
    return true
  end

  -- Ends a task that has failed. If no other task waits for its end, the error goes to `onerror`, and `fail` returns
  -- true.
  local function fail( loop, task, err )
    if task.cancellation and rawequal( err, task.cancellation ) then
      finish( task, 'cancelled', err )
    elseif not finish( task, 'failed', err ) then
      M.report( loop, task, err )
      return true
    end
  end

  local function resume( loop, task, from_wait, ... )
    if has_ended( task ) then return end
    if coroutine.status( task.co ) ~= 'suspended' or task.waits ~= from_wait then return M.notice( task ) end
    task.state, task.wait = 'running', nil
    loop.current, loop.inside, loop.now_firing = task, task.co, nil
    local began = M.begin( loop )
    local results = pack( coroutine.resume( task.co, ... ) )
    loop.current, loop.inside = nil, nil
    if coroutine.status( task.co ) ~= 'dead' then
      if loop.closed then return end
      if task.is_beyond then
        -- The task has caught its cancellation again and again, so its coroutine is closed. A closing function may
        -- raise, for instance because it cannot wait here.
        local is_closed, err = close( task )
        if fail( loop, task, is_closed and task.cancellation or err ) then return end
      elseif results[ 2 ] ~= M then
        task.state = 'ready'
        M.wake( loop, task, 0, false )
      end
    elseif results[ 1 ] then
      finish( task, 'done', unpack( results, 2, results.n ) )
    else
      close( task )
      if fail( loop, task, results[ 2 ] ) then return end
    end
    M.ran( loop, task, began )
  end

  -- Sets a timer that resumes the task after `ms`.
  function M.wake( loop, task, ms, from_wait, ... )
    local arguments = pack( ... )
    return M.add( loop, M.from_now( loop, ms ), { f = task, coroutine = true, task = task, fire = function( )
      resume( loop, task, from_wait, spread( arguments ) )
    end }, true )
  end

  -- Resumes a task whose wait has ended.
  function M.resume( loop, task, ... ) resume( loop, task, true, ... ) end

  -- A script may begin the coroutine itself and pass arguments. The function gets these arguments if `spawn` had none.
  -- In a version of Lua with `<close>`, `pcall` calls the function. So its closing functions may wait after an error,
  -- too.
  function Loop.spawn( loop, f, ... )
    M.open( loop )
    if #loop.pending >= loop.max_timers then error( 'too many timers', 0 ) end
    local options = type( f ) == 'table' and f or { f }
    local arguments = pack( ... )
    local task = setmetatable( {
      loop = loop, state = 'ready', waits = false, waiters = { }, cuts = 0,
      given_name = options.name, grace = math.ceil( options.grace or 1000 ),
    }, Task )
    local function body( ... )
      task.has_begun = true
      if arguments.n > 0 then return options[ 1 ]( spread( arguments ) ) end
      return options[ 1 ]( ... )
    end
    local function returned( ok, ... )
      if not ok then error( ..., 0 ) end
      return ...
    end
    task.co = coroutine.create( coroutine.close and function( ... ) return returned( pcall( body, ... ) ) end or body )
    table.insert( loop.alive, task )
    task.beginning = M.wake( loop, task, 0, false )
    return task
  end

  -- ## Methods of a task
  -- The tasks of a closed loop do not continue. They count as cancelled.
  function Task.status( task )
    M.notice( task )
    return task.loop.closed and not has_ended( task ) and 'cancelled' or task.state
  end

  function Task.name( task ) return task.given_name end

  function Task.thread( task )
    return not has_ended( task ) and task.co or nil
  end

  function Loop.tasks( loop )
    M.open( loop )
    return { unpack( loop.alive ) }
  end

  -- Calls `tell( task )` when the task ends. If the task has ended already, returns true and does not call `tell`.
  function M.watch( task, tell )
    M.notice( task )
    if has_ended( task ) then return true end
    table.insert( task.waiters, tell )
    return false
  end

  -- ## Cancelling
  -- If the task has not begun, it never begins. If it waits, the wait ends, and raises in the next turn. In any other
  -- case the task's next wait raises. A second call, or a call after the end, has no effect.
  function Task.cancel( task, reason )
    if task.loop.closed then return false end
    M.notice( task )
    if has_ended( task ) or task.cancellation then return false end
    task.cancellation = M.cancellation( task, reason )
    if not task.has_begun then
      M.remove_timer( task.beginning )
      finish( task, 'cancelled', task.cancellation )
    elseif task.wait and M.is_waiting( task ) then
      M.tell_cancelled( task )
      M.rouse( task, M )
    else
      task.is_pending = true
    end
    return true
  end

  function Task.__close( task ) task:cancel( 'its variable was closed' ) end
end
