-- Tasks that end together: group, all, any, timeout.

return function( M )
  local Loop = M.Loop
  local unpack = unpack or table.unpack
  local Group = { }
  Group.__index = Group

  local FAILED = 'another task of the group has failed'

  -- ## A group
  -- A group keeps its tasks until they end. The first error of a task cancels the others. A cancelled group begins no
  -- more tasks. If the group wants only one result, as `any` does, the first task that returns cancels the others, and
  -- an error does not.
  local function cancel_all( group, reason )
    if not group.is_cancelled then group.is_cancelled, group.reason = true, reason end
    for _, task in ipairs{ unpack( group.members ) } do task:cancel( reason ) end
  end

  local function position( group, task )
    for i, other in ipairs( group.members ) do
      if other == task then return i end
    end
  end

  local function ended( group, task )
    table.remove( group.members, position( group, task ) )
    if task.state == 'failed' and not group.failure then
      group.failure = { task.outcome[ 1 ] }
      if not group.wants_one then cancel_all( group, FAILED ) end
    elseif task.state == 'done' and group.wants_one and not group.winner then
      group.winner = task
      cancel_all( group, 'another task was first' )
    end
    if #group.members == 0 then M.rouse_all( group.waiters, true ) end
  end

  local function add( group, task )
    if position( group, task ) then return task end
    table.insert( group.members, task )
    local function tell( ) ended( group, task ) return true end
    if M.watch( task, tell ) then
      ended( group, task )
    elseif group.is_cancelled then
      task:cancel( group.reason )
    end
    return task
  end

  local function new( loop, wants_one )
    return setmetatable( { loop = loop, members = { }, waiters = { }, wants_one = wants_one }, Group )
  end

  -- Waits until all tasks have ended. Returns true, or the values of `M.pause`.
  local function rest( group, ms )
    if #group.members == 0 then return true end
    local me = M.waiter( group.loop )
    if position( group, me ) then error( 'a task of the group cannot wait for the end of the group', 0 ) end
    return M.pause( group.loop, M.queue( group.waiters, me ), ms )
  end

  -- ## Leaving a scope
  -- A task may be cancelled while it waits for the tasks of a scope: of a group, `all`, `any` or `timeout`. Then the
  -- task cancels the scope's tasks and waits until they have ended. It waits no longer than its grace, the time that it
  -- may wait after its cancellation. After that its own wait raises.
  local function leave( group )
    local me = group.loop.current
    cancel_all( group, me.cancellation.reason )
    rest( group )
    M.raise( group.loop )
  end

  function Loop.group( loop )
    M.open( loop )
    return new( loop, false )
  end

  function Group.spawn( group, ... ) return add( group, group.loop:spawn( ... ) ) end

  function Group.cancel( group, reason )
    local was_open = not group.is_cancelled
    cancel_all( group, reason )
    return was_open
  end

  -- Waits for the tasks for at most `ms`. When the time is over, the tasks go on.
  function Group.join( group, ms )
    local how, message, errno = rest( group, ms )
    if how == M then leave( group ) end
    if not how then return nil, message, errno end
    if group.failure then return nil, group.failure[ 1 ] end
    return true
  end

  function Group.__close( group )
    cancel_all( group, 'its variable was closed' )
    if group.loop:running( ) and rest( group ) == M then leave( group ) end
  end

  function Group.__tostring( group )
    return ('cogloop.group: %d tasks%s'):format( #group.members, group.is_cancelled and ', cancelled' or '' )
  end

  -- ## all and any
  -- The arguments are tasks, and functions that become tasks. If the loop's limit refuses a task, the tasks that were
  -- made before are cancelled.
  local function run( loop, wants_one, ... )
    local group, tasks = new( loop, wants_one ), { ... }
    local me = M.waiter( loop )
    for i = 1, #tasks do
      if tasks[ i ] == me then error( 'a task of the group cannot wait for the end of the group', 0 ) end
    end
    for i = 1, #tasks do
      if type( tasks[ i ] ) == 'function' then
        local ok, task = pcall( loop.spawn, loop, tasks[ i ] )
        if not ok then
          cancel_all( group, FAILED )
          if rest( group ) == M then leave( group ) end
          error( task, 0 )
        end
        tasks[ i ] = task
      end
      add( group, tasks[ i ] )
    end
    if rest( group ) == M then leave( group ) end
    return group, tasks
  end

  -- Returns the first result of each task. Raises the first error, and also the cancellation of a task that other code
  -- has cancelled.
  function Loop.all( loop, ... )
    M.open( loop )
    local group, tasks = run( loop, false, ... )
    if group.failure then error( group.failure[ 1 ], 0 ) end
    local results = { }
    for i, task in ipairs( tasks ) do
      local value, err = M.outcome( task )
      if task.state ~= 'done' then error( err, 0 ) end
      results[ i ] = value
    end
    return unpack( results, 1, #tasks )
  end

  function Loop.any( loop, ... )
    M.open( loop )
    local group, tasks = run( loop, true, ... )
    if group.winner then return M.outcome( group.winner ) end
    if group.failure then error( group.failure[ 1 ], 0 ) end
    error( select( 2, M.outcome( tasks[ 1 ] ) ), 0 )
  end

  -- ## timeout
  -- Waits for a task, and cancels it when the time is over. The task may clean up.
  local function timed( loop, task, how, message, errno )
    if how ~= true then
      task:cancel( how == M and loop.current.cancellation.reason or 'timed out' )
      local again = M.await( task )
      if how ~= M and again == M then M.await( task ) end
      if how == M or again == M then M.raise( loop ) end
      return nil, message, errno
    end
    if task.state ~= 'done' then error( task.outcome[ 1 ], 0 ) end
    return M.outcome( task )
  end

  function Loop.timeout( loop, ms, f, ... )
    M.open( loop )
    M.waiter( loop )
    local task = loop:spawn( f, ... )
    return timed( loop, task, M.await( task, ms ) )
  end
end
