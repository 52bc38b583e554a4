-- Coroutines.

return function( M )
  local Loop, world = M.Loop, M.world
  local unpack = unpack or table.unpack

  -- ## A task
  -- `spawn` makes a coroutine, and a timer for now that resumes it: so it begins in the next turn, and counts as a timer.
  -- While it sleeps a timer stands for it; while it waits for a handle, its claim at that, and a timer if there is a
  -- limit. A plain yield is a timer for now. An error in it is told with the task. It is no callback: it is not measured.

  -- ## Others
  -- The coroutine is the script's, which may resume and close it. Then it is as others left it: of what it waited for nothing
  -- resumes it any more. One that others have begun goes on when its turn comes if it has yielded meanwhile, but not from
  -- `sleep` or `wait`, where only the loop can have left it.
  function M.is_waiting( task )
    return task.waits and coroutine.status( task.co ) == 'suspended'
  end

  local function resume( loop, task, from_wait, ... )
    if coroutine.status( task.co ) ~= 'suspended' or task.waits ~= from_wait then return end
    loop.current, loop.now_firing = task, nil
    local ok, what = coroutine.resume( task.co, ... )
    loop.current = nil
    if not ok then return M.report( loop, task, what ) end
    if coroutine.status( task.co ) ~= 'dead' and what ~= M and not loop.closed then
      M.wake( loop, task, 0, false )
    end
  end

  -- Resumes the task after a time.
  function M.wake( loop, task, ms, from_wait, ... )
    local arguments, n = { ... }, select( '#', ... )
    return M.add( loop, M.from_now( loop, ms ), { f = task, coroutine = true, task = task, fire = function( )
      resume( loop, task, from_wait, unpack( arguments, 1, n ) )
    end }, true )
  end

  -- What the loop calls when a handle is ready.
  function M.resume( loop, task, ready ) resume( loop, task, true, ready ) end

  -- Others that begin it have its arguments to give if `spawn` had none.
  function Loop.spawn( loop, f, ... )
    M.open( loop )
    if #loop.pending >= loop.max_timers then error( 'too many timers', 0 ) end
    local arguments, n = { ... }, select( '#', ... )
    local task = { waits = false, thread = function( self ) return self.co end, co = coroutine.create( function( ... )
      if n > 0 then return f( unpack( arguments, 1, n ) ) end
      return f( ... )
    end ) }
    M.wake( loop, task, 0, false )
    return task
  end

  -- ## Waiting
  -- Only a coroutine that `spawn` of this loop made, and not one that it makes itself, may wait; nor when others resumed it.
  function Loop.running( loop )
    M.open( loop )
    local is_one = loop.current ~= nil and coroutine.running( ) == loop.current.co
    return is_one, is_one and loop.current or nil
  end

  local function waiter( loop )
    if not Loop.running( loop ) then error( "only in a coroutine of this loop's spawn", 0 ) end
    return loop.current
  end

  local function woken( task, ... )
    task.waits = false
    return ...
  end

  local function yield( task )
    task.waits = true
    return woken( task, coroutine.yield( M ) )
  end

  -- The timer of one that others resumed or closed goes before a turn, unless the loop finds one that really sleeps before:
  -- it looks at those that began last first.
  function Loop.sleep( loop, ms )
    M.open( loop )
    local task = waiter( loop )
    table.insert( loop.sleeps, M.wake( loop, task, ms, true ) )
    return yield( task )
  end

  function M.drop_sleeps( loop )
    local last = loop.sleeps[ #loop.sleeps ]
    while last and (last.done or not M.is_waiting( last.task )) do
      if not last.done then M.remove_timer( last ) end
      table.remove( loop.sleeps )
      last = loop.sleeps[ #loop.sleeps ]
    end
  end

  -- The claim ends with what comes first: the handle is ready, it is closed, or the limit has come; a handle that is ready
  -- by then counts more than the limit. The limit of one that others have ended is no timer that fires.
  function Loop.wait( loop, handle, direction, ms )
    M.open( loop )
    M.check_free( loop, handle, direction )
    local task = waiter( loop )
    local entry, message, errno = M.claim( loop, handle, direction, task )
    if not entry then return nil, message, errno end
    task.limit = ms and M.add( loop, M.from_now( loop, ms ), { f = task, coroutine = true, fire = function( )
      task.limit = nil
      if task.told then return end
      if not M.is_waiting( task ) then
        loop.fired = loop.fired - 1
        return M.unclaim( entry, task )
      end
      local ready = M.ready_for( entry, task )
      M.unclaim( entry, task )
      if ready then world.served( entry ) return resume( loop, task, true, ready ) end
      resume( loop, task, true, nil, 'timed out', 110 )
    end }, true )
    return yield( task )
  end

  function M.end_wait( task )
    if task.limit then M.remove_timer( task.limit ) end
    task.limit = nil
  end
end
