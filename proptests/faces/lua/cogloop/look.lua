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

  -- ## tostring
  -- What it is, and how it stands.
  function Loop.__tostring( loop )
    if loop.closed then return 'cogloop.loop: closed, 0x0' end
    return ('cogloop.loop: %d timers, %d handles, 0x0'):format( #loop.pending, #loop.entries )
  end

  -- ## stats
  -- How many turns there were, how many timers have fired, and how many timers and handles there are; once it is told to
  -- measure, how late the timers were, how long the callbacks took, and how long turns waited, until it is told to end.
  -- In `advance` nothing waits.
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

  -- `p50` is the least time that half of them did not exceed, and so on. Times are kept within one percent.
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

  -- A callback is timed if anything is measured as it begins.
  function M.begin( loop )
    return (loop.measuring or loop.slow_limit) and loop.time
  end

  function M.measured( loop, what, f, began )
    if not began or loop.closed then return end
    local ns = loop.time - began
    if loop.measuring then table.insert( loop.measuring.callback, ns ) end
    if loop.slow_limit and ns >= loop.slow_limit then
      local place = debug.getinfo( f, 'S' )
      local ok, err = pcall( loop.slow_f, place.short_src .. ':' .. place.linedefined, ns / 1e6 )
      if not ok then M.report( loop, what, err ) end
    end
  end

  -- ## slow
  -- Each callback that takes so long is told. An error of the function that is told is one of the callback.
  function Loop.slow( loop, ms, f )
    M.open( loop )
    loop.slow_limit, loop.slow_f = ms and ms * 1e6, f
  end

  -- ## remaining
  -- How long another loop may wait: not at all if something is ready or due, else until the next moment, else for ever. Not
  -- at all, too, where the backend has a turn's work to do.
  function Loop.remaining( loop )
    M.open( loop )
    if #loop.woken > 0 then return 0 end
    local next = M.next_moment( loop )
    if next == math.huge then return nil end
    return math.max( next - loop.time, 0 ) / 1e6
  end
end
