-- What a program can ask a loop: its timers, handles and statistics, slow callbacks, and the time that remains.

return function( M )
  local Loop = M.Loop

  -- ## timers
  -- A table for each timer, in the order in which the timers will fire. Paused timers come last.
  function Loop.timers( loop )
    M.open( loop )
    M.drop_all_void( loop )
    local running, list = { }, { }
    for _, timer in ipairs( loop.pending ) do
      if not timer.paused then running[ #running + 1 ] = timer end
    end
    M.in_order( running )
    for _, timer in ipairs( loop.pending ) do
      if timer.paused then running[ #running + 1 ] = timer end
    end
    for i, timer in ipairs( running ) do
      list[ i ] = {
        timer = timer, remaining = timer:remaining( ), f = timer.f, repeats = timer.period ~= nil,
        paused = timer.paused ~= nil,
      }
    end
    return list
  end

  -- ## handles
  -- A table for each descriptor, in no particular order.
  function Loop.handles( loop )
    M.open( loop )
    M.drop_all_void( loop )
    local list = { }
    for i, entry in ipairs( loop.entries ) do
      list[ i ] = {
        handle = entry.handle, watcher = entry, direction = (entry.r and 'r' or '') .. (entry.w and 'w' or ''),
      }
    end
    return list
  end

  -- ## tostring
  -- The kind of an object and its state.
  function Loop.__tostring( loop )
    if loop.closed then return 'cogloop.loop: closed, 0x0' end
    return ('cogloop.loop: %d timers, %d handles, 0x0'):format( #loop.pending, #loop.entries )
  end

  -- ## stats
  -- Returns the number of turns, and the number of timers that have fired plus the number of tasks that were woken.
  -- Also returns the numbers of timers and handles that the loop has now. While measuring is on, also returns the
  -- lateness of timers and the durations of callbacks and waits. The time that passes in `advance` does not count as a
  -- wait.
  function Loop.stats( loop, measure )
    M.open( loop )
    if measure ~= nil then loop.measuring = measure and { late = { }, callback = { }, waited = 0 } or nil end
    local stats = { turns = loop.turns, fired = loop.fired, timers = #loop.pending, handles = #loop.entries }
    if loop.measuring then
      stats.late, stats.callback = M.summary( loop.measuring.late ), M.summary( loop.measuring.callback )
      stats.waited = loop.measuring.waited / 1e6
    end
    return stats
  end

  -- `p50` is the least time that half of the values did not exceed; `p99` is the least time that 99 percent did not
  -- exceed. The module's times are exact to one percent.
  function M.summary( times )
    local sorted, sum = { }, 0
    for i, ns in ipairs( times ) do sorted[ i ], sum = ns / 1e6, sum + ns / 1e6 end
    table.sort( sorted )
    local n = #sorted
    local function part( of ) return sorted[ math.max( math.ceil( n * of ), 1 ) ] or 0 end
    return {
      count = n, min = sorted[ 1 ] or 0, max = sorted[ n ] or 0, mean = n > 0 and sum / n or 0, p50 = part( 0.5 ), p99 = part( 0.99 ),
      p999 = part( 0.999 ),
    }
  end

  function M.late( loop, ns )
    if loop.measuring then table.insert( loop.measuring.late, ns ) end
  end

  function M.waited( loop, ns )
    if loop.measuring then loop.measuring.waited = loop.measuring.waited + ns end
  end

  -- Returns the time at which a callback starts. Its duration is measured only if measuring or `slow` is on then.
  function M.begin( loop )
    return (loop.measuring or loop.slow_limit) and loop.time
  end

  -- `debounce`, `throttle` and `signal` make callbacks, which call a function of the script. This table maps each
  -- callback to that function. A report of `slow` names the line of the script's function.
  M.behind = setmetatable( { }, { __mode = 'k' } )

  function M.measured( loop, what, f, began )
    if not began or loop.closed then return end
    local ns = loop.time - began
    if loop.measuring then table.insert( loop.measuring.callback, ns ) end
    if loop.slow_limit and ns >= loop.slow_limit then
      local place = debug.getinfo( M.behind[ f ] or f, 'S' )
      local ok, err = pcall( loop.slow_f, place.short_src .. ':' .. place.linedefined, ns / 1e6 )
      if not ok then M.report( loop, what, err ) end
    end
  end

  -- Called when a task has run from one wait to the next.
  function M.ran( loop, task, began )
    if not began or loop.closed then return end
    local ns = loop.time - began
    if loop.slow_limit and ns >= loop.slow_limit then
      local ok, err = pcall( loop.slow_f, 'a task', ns / 1e6 )
      if not ok then M.report( loop, task, err ) end
    end
  end

  -- ## slow
  -- Each callback that takes at least `ms` is reported to `f`. An error of `f` counts as an error of the callback.
  function Loop.slow( loop, ms, f )
    M.open( loop )
    loop.slow_limit, loop.slow_f = ms and ms * 1e6, f
  end

  -- ## remaining
  -- Returns how long another loop may wait until this loop needs a turn. The result is 0 if something is ready or due,
  -- or if the backend has work for a turn. Otherwise it is the time until the next timer's moment, or nil if there is
  -- no timer. The function below does not look at handles, because a program asks only a loop without handles: see
  -- `S.remaining` in stage.lua.
  function Loop.remaining( loop )
    M.open( loop )
    if #loop.woken > 0 then return 0 end
    local next = M.next_moment( loop )
    if next == math.huge then return nil end
    return math.max( next - loop.time, 0 ) / 1e6
  end
end
