-- The model of a loop: its time, its turns, and the functions that run it.

return function( M )
  local Loop, world = M.Loop, M.world

  -- ## A loop
  -- The loop's time starts at 0 and is counted in ns. A virtual clock moves only where this specification says so. A
  -- tick is `resolution` ms long. `armed` counts how often a timer was armed. Of two timers for the same moment, the
  -- timer that was armed first fires first.
  function M.make( options )
    local loop = setmetatable( {
      time = 0, tick = (options.resolution or 0.001) * 1e6, slack = (options.slack or 0) * 1e6, armed = 0,
      pending = { }, entries = { }, to_tell = { }, sleeps = { }, alive = { }, woken = { },
      max_timers = options.max_timers or math.huge, max_handles = options.max_handles or math.huge,
      max_callbacks = options.max_callbacks or math.huge,
      fired = 0, turns = 0, shares = M.shares( ),
    }, Loop )
    world.loops[ #world.loops + 1 ] = loop
    return loop
  end

  -- In a closed loop every function except `close` raises.
  function M.open( loop )
    if loop.closed then error( 'the loop is closed', 0 ) end
  end

  function M.not_running( loop )
    M.open( loop )
    if loop.busy then error( 'this loop is running already', 0 ) end
  end

  function Loop.now( loop )
    M.open( loop )
    return loop.time / 1e6
  end

  -- ## A callback
  -- An error in a callback is passed to the function of `onerror`, together with the object that failed. Without such a
  -- function, or if that function raises as well, the error leaves `run`, and the loop can run again. The error also
  -- leaves `run` if the callback has closed the loop. `what` is the timer, the watcher, or the task.
  function M.report( loop, what, err )
    if loop.on_error and not loop.closed then
      local ok, again = pcall( loop.on_error, err, 'traceback', what )
      if ok then return end
      err = M.both( err, again )
    end
    loop.failure = { err }
  end

  -- Two errors become one text that contains both.
  function M.both( first, second )
    return tostring( second ) .. ' while this error was handled: ' .. tostring( first )
  end

  -- Calls a function of the script. If it does not raise, its duration by the loop's clock is added to the statistics.
  -- A long duration is reported to the function of `slow`.
  function M.call( loop, what, f, ... )
    local began = M.begin( loop )
    local ok, err = pcall( f, ... )
    if not ok then return M.report( loop, what, err ) end
    M.measured( loop, what, f, began )
  end

  -- Whether the turn ends here: after `stop` or `close`, or when an error leaves `run`.
  local function over( loop )
    return loop.stopped or loop.closed or loop.failure
  end
  M.over = over

  -- ## A turn
  -- A turn waits until a handle is ready or a timer is due, but not beyond `latest`. If a handle is ready or a timer is
  -- due already, no time passes. Then the turn serves the timers that were due and the handles that were ready *when
  -- its wait ended*: timers first, each kind up to its share (share.lua). Timers and handles that become due or ready
  -- in the turn's callbacks are served in a later turn. A timer or handle that a callback cancels or removes is not
  -- served.
  function M.turn( loop, latest )
    local ready = M.ready( loop )
    if #ready == 0 then
      local moment = math.min( M.next_moment( loop ), latest )
      if moment == math.huge then error( 'the specification waits for ever here', 0 ) end
      if moment > loop.time then
        M.waited( loop, moment - loop.time )
        loop.time = moment
      end
    end
    loop.reading = loop.time
    M.begin_shares( loop )
    local due = M.due( loop )
    repeat M.serve_timers( loop, due ) until over( loop ) or not M.serve_next( loop, ready )
  end

  -- ## Running
  -- Three things keep a loop running: a referenced timer that is not paused, a referenced handle that is watched, and a
  -- task that waits for a handle or was woken.
  local function left( loop )
    if #loop.woken > 0 then return true end
    for _, timer in ipairs( loop.pending ) do
      if timer.referenced and not timer.paused then return true end
    end
    for _, entry in ipairs( loop.entries ) do
      if entry.referenced or entry.r and entry.r.task or entry.w and entry.w.task then return true end
    end
    return false
  end

  -- Takes turns while `more( )` returns true. Before each turn closed handles are dropped. A call of `stop` in a
  -- callback ends the turns. Elsewhere `stop` has no effect.
  local function serve( loop, more, latest, most )
    loop.busy, loop.stopped = true, false
    M.begin_woken( loop, most or math.huge )
    while true do
      M.serve_woken( loop )
      if over( loop ) then break end
      M.look( loop )
      if not more( ) then break end
      M.turn( loop, latest( ) )
      M.begin_woken( loop, most and 0 or math.huge )
    end
    loop.busy = false
    local failure = loop.failure
    loop.failure = nil
    if failure then error( failure[ 1 ], 0 ) end
  end

  function Loop.run( loop )
    M.not_running( loop )
    serve( loop, function( )
      if not left( loop ) then M.sweep( loop ) end
      return left( loop )
    end, function( ) return #loop.woken > 0 and loop.time or math.huge end )
    return true
  end

  -- Takes one turn. If nothing keeps the loop running, the turn does not wait.
  function Loop.step( loop, ms )
    M.not_running( loop )
    local taken = false
    local latest = ms and loop.time + ms * 1e6 or math.huge
    serve( loop, function( )
      local first = not taken
      taken = true
      if not left( loop ) or loop.have_run then latest = loop.time end
      return first
    end, function( ) return latest end, #loop.woken )
    return not loop.closed and left( loop )
  end

  -- Lets `ms` pass and serves each timer at its moment, whether the timer keeps the loop running or not. Ready handles
  -- are served before time passes: at each moment `advance` takes turns as long as a timer is due, and one more turn.
  -- So a handle that stays ready does not stop time. If callbacks end a tick or more after the end of `ms`, `advance`
  -- takes one last turn, and timers that this turn leaves stay due. Inside a callback, `advance` only moves the time.
  function Loop.advance( loop, ms )
    M.open( loop )
    local target = loop.time + ms * 1e6
    if loop.busy then
      loop.time = target
      return true
    end
    local looked, last = false, false
    serve( loop, function( )
      local next = M.next_moment( loop )
      local due = next <= math.min( loop.time, target ) and not last or #loop.woken > 0
      looked = looked and not loop.have_run
      if due or not looked and #loop.entries > 0 then
        last, looked = math.floor( loop.time / loop.tick ) * loop.tick > target, not due
        return true
      end
      if loop.time >= target then return false end
      loop.time, looked = math.min( next, target ), false
      return true
    end, function( ) return 0 end )
    return true
  end

  function Loop.stop( loop )
    M.open( loop )
    loop.stopped = true
  end

  -- Ends the loop with everything in it, and releases the values that its callbacks hold. A second call does nothing.
  function Loop.close( loop )
    if loop.closed then return end
    loop.closed = true
    for _, timer in ipairs( loop.pending ) do timer.done = true end
    for _, entry in ipairs( loop.entries ) do entry.gone = true end
    loop.pending, loop.entries, loop.to_tell, loop.sleeps, loop.woken = { }, { }, { }, { }, { }
  end

  -- Returns the old function. Without an argument, `onerror` changes nothing. `set_onerror` is separate from
  -- `Loop.onerror`: if this code is in a function with `...`, LuaJIT's compiler sometimes passes the loop in place of
  -- an argument.
  local function set_onerror( loop, count, f )
    local before = loop.on_error
    if count > 0 then loop.on_error = f end
    return before
  end

  function Loop.onerror( loop, ... )
    M.open( loop )
    return set_onerror( loop, select( '#', ... ), ... )
  end
end
