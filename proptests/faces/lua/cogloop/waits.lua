-- The waits of a task: for time, a handle, `unpark`, or the end of another task.

return function( M )
  local Loop, Task, world = M.Loop, M.Task, M.world
  local unpack = unpack or table.unpack

  -- ## Which coroutines may wait
  -- Only a task of this loop may wait, also in functions that it calls through the loop's `wrap` and `pcall`. A
  -- coroutine that the task makes by other means may not wait. A task that other code has resumed may not wait either.
  function Loop.running( loop )
    M.open( loop )
    local is_one = loop.current ~= nil and coroutine.running( ) == loop.inside
    return is_one, is_one and loop.current or nil
  end

  function M.waiter( loop )
    if not Loop.running( loop ) then error( "only a task of this loop can wait", 0 ) end
    return loop.current
  end

  function M.is_waiting( task )
    return task.waits and coroutine.status( task.co ) == 'suspended'
  end

  -- ## A wait
  -- `task.wait` is the current wait: its kind, its timer, and its claim on a handle, which handles.lua explains. The
  -- event that ends the wait passes values to it. If the first value is `M`, the wait raises the cancellation.
  -- Otherwise the wait returns the values.
  local function woken( task, ... )
    task.waits = false
    return ...
  end

  local function yield( task, wait )
    task.wait, task.waits, task.state = wait, true, 'waiting'
    return woken( task, coroutine.yield( M ) )
  end

  -- Whether the task is still in this wait.
  function M.is_in( task, wait )
    return wait ~= nil and task.wait == wait and not task.loop.closed and M.is_waiting( task )
  end

  -- The first wait of a task after its cancellation raises. After that, all waits of the task together may take as long
  -- as its grace. A longer wait is shortened, and raises again. After 100 waits that began when the grace was over, the
  -- coroutine is closed.
  function M.tell_cancelled( task )
    task.is_pending, task.until_time = false, task.loop.time + task.grace * 1e6
  end

  -- Whether the wait raises now. After the 100 waits the function does not return: the loop closes the coroutine.
  local function is_told( task )
    if task.is_pending then
      M.tell_cancelled( task )
      return true
    end
    if task.until_time and task.cuts >= 100 then
      task.is_beyond = true
      yield( task, { } )
    end
  end

  local function cut( task, wait, ms )
    if not task.until_time then return ms end
    local left = math.max( task.until_time - task.loop.time, 0 ) / 1e6
    if ms and ms < left then return ms end
    wait.is_cut = true
    if left == 0 then task.cuts = task.cuts + 1 end
    return left
  end

  -- Waits for `ms`, or until the task is woken. Returns `M` if the wait has to raise.
  function M.pause( loop, wait, ms )
    local task = M.waiter( loop )
    if is_told( task ) then return M end
    ms = cut( task, wait, ms )
    if ms then
      if wait.is_cut then
        wait.timer = M.wake( loop, task, ms, true, M )
      elseif wait.kind == 'sleep' then
        wait.timer = M.wake( loop, task, ms, true )
      else
        wait.timer = M.wake( loop, task, ms, true, nil, 'timed out', 110 )
      end
      table.insert( loop.sleeps, wait.timer )
    end
    return yield( task, wait )
  end

  function M.raise( loop )
    error( loop.current.cancellation, 0 )
  end

  -- Raises the cancellation, or returns the values of the wait.
  function M.checked( loop, ... )
    if (...) == M then M.raise( loop ) end
    return ...
  end

  -- Ends the wait of a task. The handle or timer of the wait is released at once.
  function M.rouse( task, ... )
    local loop, wait = task.loop, task.wait
    if wait.timer then M.remove_timer( wait.timer ) end
    if wait.entry then M.unclaim( wait.entry, task ) end
    for i, told in ipairs( loop.to_tell ) do
      if told.task == task then table.remove( loop.to_tell, i ) break end
    end
    task.told, task.wait, task.state = nil, nil, 'ready'
    table.insert( loop.woken, { task = task, values = { n = select( '#', ... ), ... } } )
  end

  -- ## Woken tasks
  -- Woken tasks run in the order in which they were woken, after the turn has served everything else. A turn runs at
  -- most 256 of them, at most `max_callbacks`, and stops after about 10 ms. The rest comes first in the next turn.
  -- `step` runs only tasks that were woken before it was called.
  function M.begin_woken( loop, most )
    loop.may_wake, loop.have_run = math.min( most, loop.max_callbacks, 256 ), false
  end

  function M.serve_woken( loop )
    local count, start = 0, nil
    while loop.woken[ 1 ] and loop.may_wake > 0 and not M.over( loop ) do
      local item = table.remove( loop.woken, 1 )
      loop.may_wake, loop.have_run, loop.fired, count = loop.may_wake - 1, true, loop.fired + 1, count + 1
      M.resume( loop, item.task, unpack( item.values, 1, item.values.n ) )
      if count % 16 == 0 then
        start = start or loop.time
        if loop.time - start > 10e6 then loop.may_wake = 0 end
      end
    end
  end

  -- ## sleep
  -- Other code may have resumed or closed a coroutine that slept. The loop may then remove the timer of the sleep
  -- before a turn. It goes through the sleeps from the newest to the oldest, and stops at the first coroutine that
  -- really sleeps.
  function Loop.sleep( loop, ms )
    M.open( loop )
    return M.checked( loop, M.pause( loop, { kind = 'sleep' }, ms ) )
  end

  function M.drop_sleeps( loop )
    local last = loop.sleeps[ #loop.sleeps ]
    while last and (last.done or not M.is_waiting( last.task )) do
      if not last.done then M.remove_timer( last ) end
      table.remove( loop.sleeps )
      last = loop.sleeps[ #loop.sleeps ]
    end
  end

  -- ## wait
  -- The wait ends with the first of these: the handle is ready, the handle is closed, or the time limit has come. A
  -- handle that is ready at the limit counts as ready. If other code has resumed or closed the coroutine, the timer of
  -- the limit is not counted as fired.
  function Loop.wait( loop, handle, direction, ms )
    M.open( loop )
    M.check_free( loop, handle, direction )
    local task = M.waiter( loop )
    if is_told( task ) then M.raise( loop ) end
    local entry, message, errno = M.claim( loop, handle, direction, task )
    if not entry then return nil, message, errno end
    local wait = { kind = 'wait', entry = entry }
    ms = cut( task, wait, ms )
    task.limit = ms and M.add( loop, M.from_now( loop, ms ), { f = task, coroutine = true, fire = function( )
      task.limit = nil
      if task.told then return end
      if not M.is_waiting( task ) then
        loop.fired = loop.fired - 1
        return M.unclaim( entry, task )
      end
      local ready = M.ready_for( entry, task )
      M.unclaim( entry, task )
      if ready then world.served( entry ) return M.resume( loop, task, ready ) end
      if wait.is_cut then return M.resume( loop, task, M ) end
      M.resume( loop, task, nil, 'timed out', 110 )
    end }, true )
    return M.checked( loop, yield( task, wait ) )
  end

  function M.end_wait( task )
    if task.limit then M.remove_timer( task.limit ) end
    task.limit = nil
  end

  -- ## park and unpark
  -- `unpark` ends only a wait of `park`. If the task does not wait in `park`, or was woken already, `unpark` returns
  -- false.
  function Loop.park( loop, ms )
    M.open( loop )
    return M.checked( loop, M.pause( loop, { kind = 'park' }, ms ) )
  end

  function Loop.unpark( loop, task, ... )
    M.open( loop )
    if not M.is_in( task, task.wait ) or task.wait.kind ~= 'park' then return false end
    M.rouse( task, ... )
    return true
  end

  -- ## join
  -- Waits for the end of a task. Returns true, or the values of `M.pause`.
  function M.await( task, ms )
    M.notice( task )
    if M.has_ended( task ) then return true end
    local me, wait = M.waiter( task.loop ), { kind = 'join' }
    if me == task then error( 'a task cannot wait for its own end', 0 ) end
    table.insert( task.waiters, function( )
      if not M.is_in( me, wait ) then return false end
      M.rouse( me, true )
      return true
    end )
    return M.pause( task.loop, wait, ms )
  end

  local function joined( task, ... )
    if (...) == true then return M.outcome( task ) end
    return M.checked( task.loop, ... )
  end

  function Task.join( task, ms )
    if task.loop.closed and not M.has_ended( task ) then
      task.cancellation = task.cancellation or M.cancellation( task, 'the loop is closed' )
      return nil, task.cancellation
    end
    return joined( task, M.await( task, ms ) )
  end
end
