-- Coroutines.

return function( M )
  local Loop, world = M.Loop, M.world

  -- ## A task
  -- `spawn` makes a coroutine, and a timer for now that resumes it: so it begins in the next turn, and counts as a timer.
  -- While it sleeps a timer stands for it; while it waits for a handle, its claim at that, and a timer if there is a
  -- limit. A plain yield is a timer for now. An error in it is told with the task. It is no callback: it is not measured.
  local function resume( loop, task, ... )
    if coroutine.status( task.co ) == 'dead' then return end
    loop.current, loop.now_firing = task, nil
    local ok, what = coroutine.resume( task.co, ... )
    loop.current = nil
    if not ok then return M.report( loop, task, what ) end
    if coroutine.status( task.co ) ~= 'dead' and what ~= M and not loop.closed then
      M.wake( loop, task, 0 )
    end
  end

  -- Resumes the task after a time.
  function M.wake( loop, task, ms, ... )
    local arguments, n = { ... }, select( '#', ... )
    return M.add( loop, M.from_now( loop, ms ), {
      f = task, coroutine = true, fire = function( ) resume( loop, task, (unpack or table.unpack)( arguments, 1, n ) ) end,
    }, true )
  end
  M.resume = resume

  function Loop.spawn( loop, f, ... )
    M.open( loop )
    if #loop.pending >= loop.max_timers then error( 'too many timers', 0 ) end
    local task = { co = coroutine.create( f ), thread = function( self ) return self.co end }
    M.wake( loop, task, 0, ... )
    return task
  end

  -- ## Waiting
  -- Only a coroutine that `spawn` of this loop made, and not one that it makes itself, may wait.
  function Loop.running( loop )
    M.open( loop )
    local is_one = loop.current ~= nil and coroutine.running( ) == loop.current.co
    return is_one, is_one and loop.current or nil
  end

  local function waiter( loop )
    if not Loop.running( loop ) then error( "only in a coroutine of this loop's spawn", 0 ) end
    return loop.current
  end

  function Loop.sleep( loop, ms )
    local task = waiter( loop )
    M.wake( loop, task, ms )
    return coroutine.yield( M )
  end

  -- The claim ends with what comes first: the handle is ready, it is closed, or the limit has come; a handle that is ready
  -- by then counts more than the limit.
  function Loop.wait( loop, handle, direction, ms )
    local task = waiter( loop )
    local entry, message, errno = M.claim( loop, handle, direction, task )
    if not entry then return nil, message, errno end
    task.limit = ms and M.add( loop, M.from_now( loop, ms ), { f = task, coroutine = true, fire = function( )
      task.limit = nil
      if task.told then return end
      local ready = M.ready_for( entry, task )
      M.unclaim( entry, task )
      if ready then world.served( entry ) return resume( loop, task, ready ) end
      resume( loop, task, nil, 'timed out', 110 )
    end }, true )
    return coroutine.yield( M )
  end

  function M.end_wait( task )
    if task.limit then M.remove_timer( task.limit ) end
    task.limit = nil
  end
end
