-- The functions that random programs with tasks call, in addition to those in cogloop/stage.lua.

local folder = debug.getinfo( 1, 'S' ).source:match '^@(.-)tasks/stage%.lua$'
local cogloop_stage = dofile( folder .. 'cogloop/stage.lua' )

-- The function is compiled from a string, because Lua before 5.4 has no syntax for `<close>`.
local closed_after = coroutine.close and assert( load( 'local it, f = ... ; local guard <close> = it ; f( )' ) )

local PHRASES = {
  'cannot wait for its own end', 'cannot wait for the end of the group', 'released more often than acquired', 'cannot resume dead coroutine',
  'its coroutine was closed', 'another task of the group has failed', 'another task was first', 'its variable was closed', 'cancelled',
}

return function( S, world )
  cogloop_stage( S, world )
  S.Q, S.M, S.E, S.G = { }, { }, { }, { }      -- channels, semaphores, events, groups

  -- ## Values as text
  -- A cancellation is logged as its reason and its name. If an error message contains phrases of PHRASES, the log has
  -- only these phrases, and the names of the script's errors in the message, such as `oops1`.
  local function shown( value )
    if type( value ) == 'table' then
      local is_one, reason = world.cancelled( value )
      if is_one then return ('cancelled by %s of %s'):format( S.text( reason ), tostring( value.name ) ) end
    end
    if type( value ) ~= 'string' then return value end
    -- If two errors leave the loop as one text, only the later error is compared.
    value = value:match '^(.-)\nstack traceback' or value:match '^(.-) while this error was handled' or value
    local found = { }
    for _, phrase in ipairs( PHRASES ) do
      if value:find( phrase, 1, true ) then found[ #found + 1 ] = phrase end
    end
    if #found == 0 then return value end
    for name in value:gmatch 'oops%d+' do
      if not found[ name ] then found[ name ], found[ #found + 1 ] = true, name end
    end
    table.sort( found )
    return table.concat( found, '+' )
  end

  local say, lines, point, victim = S.say, 0, nil, nil

  -- When the log has `line` lines, the task at place `which` among the tasks in `S.C` is cancelled. So a cancellation
  -- can come after any line.
  function S.cancel_at( line, which ) point, victim = line, which end

  function S.say( n, ... )
    local values, count = { ... }, select( '#', ... )
    for i = 1, count do values[ i ] = shown( values[ i ] ) end
    say( n, (unpack or table.unpack)( values, 1, count ) )
    lines = lines + 1
    if lines ~= point then return end
    local seen = 0
    for i = 1, 1000 do
      if S.C[ i ] then
        seen = seen + 1
        if seen == victim then say( i, 'is cancelled here', S.C[ i ]:cancel( 'oops' .. i ) ) end
      end
    end
  end

  -- ## Objects
  -- An object that has ended must not stay in memory after the program has dropped it. `weak` has the objects that are
  -- still in memory.
  local weak = setmetatable( { }, { __mode = 'k' } )

  local function watched( object )
    if world.is_real and object ~= nil then weak[ object ] = true end
    return object
  end

  function S.make( n, loop, name, ... )
    return watched( S.ask( n, loop, name, ... ) )
  end

  setmetatable( S.C, { __newindex = function( tasks, n, task ) rawset( tasks, n, watched( task ) ) end } )

  function S.nothing( ) return 'nothing' end

  function S.shown( object )
    if object == nil then return 'no object' end
    return tostring( object )
  end

  function S.there( n, name, object )
    if object == nil then S.say( n, name, 'no object' ) end
    return object ~= nil and not S.over
  end

  -- ## In a task
  function S.got( n, ... )
    S.mark( )
    S.say( n, ... )
  end

  function S.enlist( n, loop )
    local _, task = loop:running( )
    S.C[ n ] = task
    S.called( n )
  end

  -- Logs the results of a protected call. With `again`, a cancellation is raised again.
  function S.caught( n, again, ok, err, ... )
    S.got( n, 'caught', ok, err, ... )
    if again and not ok and world.cancelled( err ) then error( err, 0 ) end
  end

  function S.wrapped( n, count, next )
    for i = 1, count do S.got( n, 'wrapped', next( i ) ) end
  end

  function S.each( n, channel, most )
    local next = channel
    if _VERSION == 'Lua 5.1' and not jit then next = function( ) return (channel:recv( )) end end
    local count = 0
    if next == channel then
      for value in channel do
        S.got( n, 'each', value )
        count = count + 1
        if count == most then return end
      end
      return S.got( n, 'each', 'is over' )
    end
    local value = next( )
    while value ~= nil do
      S.got( n, 'each', value )
      count = count + 1
      if count == most then return end
      value = next( )
    end
    S.got( n, 'each', 'is over' )
  end

  -- Sleeps `count` times and catches every error, also cancellations.
  function S.stubborn( n, loop, count, ms )
    local raised = 0
    for _ = 1, count do
      if not loop:pcall( loop.sleep, loop, ms ) then raised = raised + 1 end
      if S.over then return end
    end
    S.got( n, 'stubborn', raised )
  end

  local function clean( n, cleanup, ok, err )
    cleanup( )
    S.got( n, 'cleaned up' )
    if not ok then error( err, 0 ) end
  end

  function S.deferred( n, loop, f, cleanup )
    if not closed_after then return clean( n, cleanup, loop:pcall( f ) ) end
    closed_after( setmetatable( { }, { __close = function( ) clean( n, cleanup, true ) end } ), f )
  end

  function S.closing( n, object, f )
    if closed_after then closed_after( object, f ) else f( ) end
    S.got( n, 'closed' )
  end

  -- ## Looking
  function S.tasks( n, loop )
    local ok, list = pcall( loop.tasks, loop )
    if not ok then return S.say( n, 'tasks', list ) end
    local texts = { }
    for i, task in ipairs( list ) do texts[ i ] = S.text( task ) end
    table.sort( texts )
    S.say( n, 'tasks [' .. table.concat( texts, ', ' ) .. ']' )
    for i = 1, 1000 do
      if S.C[ i ] then S.say( i, 'is', S.C[ i ]:status( ) ) end
    end
  end

  -- ## The end
  -- First all timers and tasks that are left are cancelled, and the tasks get time to end. Afterwards there must be no
  -- task, timer or handle, and no object that has ended may be kept.
  local function end_all( loop )
    for i = 1, 1000 do
      if S.T[ i ] then S.T[ i ]:cancel( ) end
      S.C[ i ] = nil
    end
    for _ = 1, 5 do
      for _, task in ipairs( loop:tasks( ) ) do task:cancel( 'the end' ) end
      S.ask( 'end', loop, 'advance', 2100 )
      for i = 1, 1000 do
        if S.T[ i ] then S.T[ i ]:cancel( ) end
      end
    end
  end

  local function kept( )
    for _, list in ipairs{ S.C, S.Q, S.M, S.E, S.G, S.T } do
      for i = 1, 1000 do rawset( list, i, nil ) end
    end
    collectgarbage( )
    collectgarbage( )
    local count = 0
    for _ in pairs( weak ) do count = count + 1 end
    return count
  end

  function S.finish( )
    local loop = S.main
    S.tasks( 'end', loop )
    S.timers( 'end', loop )
    S.handles( 'end', loop )
    S.stats( 'end', loop )
    if pcall( loop.now, loop ) then end_all( loop ) end
    S.tasks( 'end', loop )
    S.stats( 'end', loop )
    -- The loop keeps the task that ran last. Another task must run, so that the loop releases the program's last task.
    pcall( loop.spawn, loop, S.nothing )
    pcall( loop.step, loop, 0 )
    if #S.lines % 8 == 0 then S.say( 'end', 'kept', kept( ) ) end
    S.ask( 'end', loop, 'close' )
    S.close_all( )
  end
end
