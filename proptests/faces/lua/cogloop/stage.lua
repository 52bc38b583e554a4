-- The functions that programs over `require 'cogloop'` call, in addition to those in ../stage.lua.

return function( S, world )
  function S.time( ) return S.main:now( ) end
  function S.end_all( ) S.main:close( ) end

  function S.turn( )
    local ok, stats = pcall( S.main.stats, S.main )
    return ok and stats.turns
  end

  -- ## Callbacks
  function S.fired( n, loop, ... )
    S.mark( )
    local ok, timer, late, missed = pcall( loop.firing, loop )
    S.say( n, 'fires', timer, ok and late, ok and missed, ... )
    S.enough( )
  end

  function S.slept( n, ... )
    S.mark( )
    S.say( n, 'slept', ... )
  end

  -- If other code resumes or closes a coroutine that waits for a handle, the loop still counts the coroutine as
  -- waiting: it keeps its claim on the handle. In which turn the loop drops this claim is not specified, but listing
  -- the handles drops it at once. So programs list the handles where such a claim may exist.
  function S.look( ) pcall( S.main.handles, S.main ) end

  function S.waited( n, h, ready, ... )
    S.look( )
    S.mark( ready and h )
    S.say( n, 'waited', ready, ... )
  end

  -- ## Running
  -- A loop with a handle that is never ready would wait for ever. So an unreferenced timer stops the loop.
  function S.run( n, loop )
    local ok, guard = pcall( loop.after, loop, 300, function( ) S.say( n, 'enough' ) loop:stop( ) S.enough( ) end )
    if not ok then return S.say( n, 'run', 'no timer to spare' ) end
    guard:unref( )
    S.ask( n, loop, 'run' )
    guard:cancel( )
  end

  function S.step( n, loop )
    local ok = pcall( loop.after, loop, 100, S.called, n, 'step' )
    if not ok then return S.say( n, 'step', 'no timer to spare' ) end
    return S.ask( n, loop, 'step' )
  end

  -- ## Looking
  function S.timers( n, loop )
    local ok, list = pcall( loop.timers, loop )
    if not ok then return S.say( n, 'timers', list ) end
    local running, paused = { }, { }
    for _, item in ipairs( list ) do
      local line = S.texts( item.timer, item.remaining, item.f, item.repeats, item.paused )
      table.insert( item.paused and paused or running, line )
      if not item.paused and #paused > 0 then S.say( n, 'a paused timer before one that runs' ) end
    end
    table.sort( paused )
    S.say( n, ('timers [%s] [%s]'):format( table.concat( running, ', ' ), table.concat( paused, ', ' ) ) )
  end

  function S.handles( n, loop )
    local ok, list = pcall( loop.handles, loop )
    if not ok then return S.say( n, 'handles', list ) end
    local lines = { }
    for i, item in ipairs( list ) do lines[ i ] = S.handle_name( item.handle ) .. ' ' .. item.direction .. ' ' .. S.text( item.watcher ) end
    table.sort( lines )
    S.say( n, ('handles [%s]'):format( table.concat( lines, ', ' ) ) )
  end

  -- The module's times are exact to one percent. If a time of the module is within one percent of the model's, the
  -- model logs the module's time.
  local answers = 0
  S.marks.times = { }

  local function followed( times )
    answers = answers + 1
    if world.is_real then
      S.marks.times[ answers ] = times
    else
      for i, kept in ipairs( world.marks.times[ answers ] or { } ) do
        if math.abs( kept - times[ i ] ) <= times[ i ] / 100 + 1e-6 then times[ i ] = kept end
      end
    end
    return (unpack or table.unpack)( times )
  end

  function S.stats( n, loop, ... )
    local ok, stats = pcall( loop.stats, loop, ... )
    if not ok then return S.say( n, 'stats', stats ) end
    S.say( n, 'stats', stats.turns, stats.fired, stats.timers, stats.handles, stats.waited )
    for _, name in ipairs{ 'late', 'callback' } do
      local times = stats[ name ]
      if times then S.say( n, name, times.count, followed{ times.min, times.mean, times.p50, times.p99, times.p999, times.max } ) end
    end
  end

  -- Calls `slow` with a function that logs each report.
  function S.slow( n, loop, ms, to )
    if not ms then return S.ask( n, loop, 'slow' ) end
    return S.ask( n, loop, 'slow', ms, function( where, took )
      S.say( n, 'slow', where:match '^program:%d+$' or 'inside', took )
      if to == 'fail' then error( 'oops' .. n, 0 ) end
    end )
  end

  -- While a loop has a handle, `remaining` may return 0, so that an outer loop lets this loop take a turn. On io_uring
  -- `remaining` may also return 0 after the last handle was removed, because the end of the handle's poll is a
  -- completion in the ring. The zeros of the module are recorded, and the model returns the same.
  local asked = 0
  S.marks.zeros = { }

  local function remaining( loop )
    local ms, zeros = loop:remaining( ), world.is_real and S.marks.zeros or world.marks.zeros
    if world.is_real then zeros[ asked ] = ms == 0 and (next( S.H ) or next( S.W )) ~= nil and loop:stats( ).backend == 'uring' end
    if zeros[ asked ] then return 0 end
    return ms
  end

  function S.remaining( n, loop )
    asked = asked + 1
    local ok, list = pcall( loop.handles, loop )
    if ok and #list == 0 then S.call( n, remaining, loop ) end
  end

  -- The state of a task's coroutine. `thread` returns the coroutine until the task has ended.
  local function coroutine_status( task )
    local co = task:thread( )
    return co and coroutine.status( co ) or 'dead', co
  end

  function S.status( n, task )
    local status = task and coroutine_status( task )
    S.say( n, 'status', status or 'no object' )
  end

  function S.close_coroutine( n, task )
    local status, co
    if task then status, co = coroutine_status( task ) end
    if not coroutine.close or status ~= 'suspended' then return S.say( n, 'nothing to close' ) end
    S.say( n, 'closes', coroutine.close( co ) )
    S.look( )
  end

  -- Resumes a task's coroutine, which only the loop should do.
  function S.resume( n, task )
    if S.over then return end
    local status, co
    if task then status, co = coroutine_status( task ) end
    if status ~= 'suspended' then return S.say( n, 'nothing to resume' ) end
    local ok, message = coroutine.resume( co )
    if ok then S.say( n, 'resumed' ) else S.say( n, 'resumed', message ) end
  end

  function S.loop( options )
    S.main = world.loop( options )
    return S.main
  end

  -- Logs what is left in the loop, and closes the loop.
  function S.finish( )
    S.timers( 'end', S.main )
    S.handles( 'end', S.main )
    S.stats( 'end', S.main )
    S.remaining( 'end', S.main )
    for n = 1, 100 do
      if S.T[ n ] then S.ask( n, S.T[ n ], 'remaining' ) S.ask( n, S.T[ n ], 'active' ) end
      if S.W[ n ] then S.ask( n, S.W[ n ], 'active' ) end
      if S.C[ n ] then S.status( n, S.C[ n ] ) end
    end
    S.ask( 'end', S.main, 'close' )
    S.close_all( )
  end

end
