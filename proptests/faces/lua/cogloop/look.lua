-- Looking into a loop.

return function( M )
  local Loop = M.Loop

  -- ## timers
  -- In the order in which they fire; the paused ones last.
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
  -- One line for each descriptor, in no particular order.
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

  -- ## stats
  -- How many timers have fired, and how many timers and handles there are; once it is told to measure, how late the timers
  -- were and how long the callbacks took, until it is told to end.
  function Loop.stats( loop, measure )
    M.open( loop )
    if measure ~= nil then loop.measuring = measure and { late = 0, callback = 0 } or nil end
    local stats = { fired = loop.fired, timers = #loop.pending, handles = #loop.entries }
    if loop.measuring then
      stats.late, stats.callback = { count = loop.measuring.late }, { count = loop.measuring.callback }
    end
    return stats
  end

  function M.late( loop )
    if loop.measuring then loop.measuring.late = loop.measuring.late + 1 end
  end

  -- A callback counts that began and ended while it was measured.
  function M.begin( loop )
    return { time = loop.time, measuring = loop.measuring }
  end

  function M.measured( loop, began )
    local ns = loop.time - began.time
    if loop.measuring and began.measuring then loop.measuring.callback = loop.measuring.callback + 1 end
    if loop.slow_limit and ns >= loop.slow_limit then loop.slow_f( 'where', ns / 1e6 ) end
  end

  -- ## slow
  -- Each callback that takes so long is told.
  function Loop.slow( loop, ms, f )
    M.open( loop )
    loop.slow_limit, loop.slow_f = ms and ms * 1e6, f
  end

  -- ## remaining
  -- How long another loop may wait: not at all if something is ready or due, else until the next moment, else for ever. Not
  -- at all, too, where the backend has a turn's work to do.
  function Loop.remaining( loop )
    M.open( loop )
    local next = M.next_moment( loop )
    if next == math.huge then return nil end
    return math.max( next - loop.time, 0 ) / 1e6
  end
end
