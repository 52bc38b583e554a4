-- Random programs of nested tasks that use each other. Like the programs in cogloop/generate.lua they are data: lists
-- of operations, some with lists of their own.

local MS    = { 0, 0, 0, 1, 1, 1, 2, 2, 3, 5, 5, 7, 10, 20, 50, 300, 1000 }
local GRACE = { 0, 1, 2, 5, 10, 50, 2000 }

-- The kinds of objects, in this table and in `known`: C is a task, Q a channel, M a semaphore, E an event, G a group, T
-- a timer and H a handle.

-- For each method of an object: the kind of the object, and `limit` if the method has a time limit.
local ASKED = {
  join = { 'C', 'limit' }, recv = { 'Q', 'limit' }, send = { 'Q', 'limit' }, acquire = { 'M', 'limit' }, await = { 'E', 'limit' },
  join_group = { 'G', 'limit' }, close_channel = { 'Q' }, release = { 'M' }, set = { 'E' }, clear = { 'E' }, is_set = { 'E' },
  cancel = { 'C' }, cancel_group = { 'G' }, status = { 'C' }, name = { 'C' }, text = { 'any' }, stop_timer = { 'T' },
}

return function( random, length )
  local R, P = random, { made = 0 }
  local known = { C = { }, Q = { }, M = { }, E = { }, G = { }, T = { }, H = { } }
  local has_handles = R.chance( 30 )

  local function number( )
    P.made = P.made + 1
    return P.made
  end

  -- One of the objects of this kind; 0 if there is none.
  local function any( kind ) return #known[ kind ] > 0 and R.pick( known[ kind ] ) or 0 end

  local function ms( ) return R.pick( MS ) end
  local function limit( ) return R.chance( 40 ) and ms( ) or nil end

  P.options = { }
  if R.chance( 10 ) then P.options.max_timers = R.upto( 8 ) end
  if R.chance( 10 ) then P.options.max_callbacks = R.upto( 3 ) end
  if R.chance( 10 ) then P.options.resolution = R.pick{ 1, 8 } end
  -- The program cancels one of its tasks, the task number `cancel`, when the log has `cancel_at` lines.
  if R.chance( 60 ) then P.options.cancel_at, P.options.cancel = R.upto( 40 ), R.upto( 12 ) end

  local body
  local make = { }

  local function plain( name, more )
    make[ name ] = function( level )
      local op = { k = name, n = number( ) }
      if more then more( op, level ) end
      return op
    end
  end

  -- ## Objects
  local function creates( kind, name, fill )
    make[ name ] = function( level )
      local op = { k = name, n = number( ) }
      table.insert( known[ kind ], op.n )
      if fill then fill( op, level ) end
      return op
    end
  end

  local function task_of( op, level )
    op.name, op.grace = R.chance( 20 ), R.chance( 25 ) and R.pick( GRACE ) or nil
    op.results = R.upto( 4 ) - 1
    op.body = body( level + 1, true )
  end

  -- Most operations on these objects have a counterpart, as `send` has `recv`. So tasks wait for each other.
  creates( 'C', 'spawn', task_of )
  creates( 'C', 'spawn_in', function( op, level )
    op.x = R.pick( known.G )
    task_of( op, level )
  end )
  creates( 'Q', 'channel', function( op ) op.count = R.upto( 4 ) - 1 end )
  creates( 'M', 'semaphore', function( op ) op.count = R.upto( 2 ) end )
  creates( 'E', 'event' )
  creates( 'G', 'group' )
  creates( 'T', 'after', function( op, level ) op.ms, op.body = ms( ), body( level + 1, false ) end )
  creates( 'T', 'every', function( op, level ) op.ms, op.body = math.max( ms( ), 1 ), body( level + 1, false ) end )
  plain( 'pair', function( op )
    op.peer = number( )
    table.insert( known.H, op.n )
    table.insert( known.H, op.peer )
  end )

  -- ## Calls of the objects' methods
  for name, what in pairs( ASKED ) do
    plain( name, function( op )
      op.kind = what[ 1 ] == 'any' and R.pick{ 'Q', 'M', 'E', 'G' } or what[ 1 ]
      op.x = any( op.kind )
      if what[ 2 ] then op.ms = limit( ) end
      if name == 'cancel' or name == 'cancel_group' then op.reason = R.chance( 70 ) end
    end )
  end
  plain( 'unpark', function( op ) op.x, op.count = R.pick( known.C ), R.upto( 3 ) - 1 end )
  plain( 'end_task', function( op ) op.x = R.pick( known.C ) end )
  for _, name in ipairs{ 'send_bytes', 'drain', 'close' } do plain( name, function( op ) op.x = R.pick( known.H ) end ) end

  -- ## Operations inside of tasks
  plain( 'sleep', function( op ) op.ms = ms( ) end )
  plain( 'park', function( op ) op.ms = limit( ) end )
  plain( 'wait', function( op ) op.x, op.dir, op.ms = R.pick( known.H ), R.pick{ 'r', 'r', 'w', 'rw' }, limit( ) end )
  plain( 'each', function( op ) op.x, op.count = R.pick( known.Q ), R.upto( 4 ) end )
  plain( 'stubborn', function( op ) op.count, op.ms = R.pick{ 3, 20, 120 }, ms( ) end )
  for _, name in ipairs{ 'yield', 'self', 'cancel_self' } do plain( name ) end
  plain( 'protect', function( op, level ) op.again, op.body = R.chance( 60 ), body( level + 1, true ) end )
  plain( 'limited', function( op, level )
    op.ms = ms( )
    table.insert( known.C, op.n )
    op.body = body( level + 1, true )
  end )
  plain( 'wrap', function( op, level ) op.count, op.body = R.upto( 3 ), body( level + 1, true ) end )
  plain( 'deferred', function( op, level ) op.body, op.more = body( level + 1, true ), { body( level + 1, true ) } end )
  plain( 'closing', function( op, level )
    op.kind = R.pick{ 'C', 'G', 'Q', 'T' }
    op.x, op.body = any( op.kind ), body( level + 1, true )
  end )
  for _, name in ipairs{ 'all', 'any' } do
    plain( name, function( op, level )
      op.parts, op.more = { }, { }
      for i = 1, R.upto( 3 ) do
        if #known.C > 0 and R.chance( 25 ) then
          op.parts[ i ] = { x = R.pick( known.C ) }
        else
          local part = { n = number( ), body = body( level + 1, true ) }
          op.parts[ i ], op.more[ #op.more + 1 ] = part, part.body
          table.insert( known.C, part.n )
        end
      end
    end )
  end
  for _, name in ipairs{ 'advance', 'step_ms' } do plain( name, function( op ) op.ms = ms( ) end ) end
  for _, name in ipairs{ 'run', 'turn', 'fail', 'tasks', 'stats', 'timers', 'handles', 'close_loop' } do plain( name ) end
  plain( 'onerror', function( op ) op.to = R.pick{ 'log', 'log', 'log', 'fail', 'none' } end )

  -- ## The operations that are allowed here, with their weights
  local function choices( level, in_task )
    local list = { }
    local function add( name, weight, kind )
      if not kind or #known[ kind ] > 0 then list[ #list + 1 ] = { name, weight } end
    end
    add( 'tasks', 1 ) add( 'stats', 1 ) add( 'timers', 1 ) add( 'onerror', 1 )
    if level < 3 then
      add( 'spawn', 8 ) add( 'spawn_in', 4, 'G' ) add( 'after', 3 )
      if R.chance( 20 ) then add( 'every', 1 ) end
    end
    add( 'channel', #known.Q < 2 and 3 or 1 ) add( 'semaphore', 1 ) add( 'event', 1 ) add( 'group', 2 )
    add( 'recv', 4, 'Q' ) add( 'send', 5, 'Q' ) add( 'close_channel', 1, 'Q' )
    add( 'acquire', 3, 'M' ) add( 'release', 3, 'M' )
    add( 'await', 2, 'E' ) add( 'set', 2, 'E' ) add( 'clear', 1, 'E' ) add( 'is_set', 1, 'E' )
    add( 'text', 1, 'Q' )
    add( 'cancel', 6, 'C' ) add( 'unpark', 4, 'C' ) add( 'join', 4, 'C' ) add( 'status', 3, 'C' ) add( 'name', 1, 'C' )
    add( 'end_task', 1, 'C' )
    add( 'cancel_group', 2, 'G' ) add( 'join_group', 3, 'G' ) add( 'stop_timer', 1, 'T' )
    if has_handles then
      add( 'pair', #known.H == 0 and 5 or 1 ) add( 'handles', 1 )
      add( 'send_bytes', 3, 'H' ) add( 'drain', 1, 'H' ) add( 'close', 1, 'H' )
    end
    if level == 0 then
      add( 'advance', 8 ) add( 'run', 1 ) add( 'turn', 12 ) add( 'step_ms', 4 )
    else
      add( 'fail', 3 )
      if R.chance( 3 ) then add( 'close_loop', 1 ) end
    end
    if in_task then
      add( 'sleep', 8 ) add( 'park', 5 ) add( 'yield', 2 ) add( 'self', 1 ) add( 'cancel_self', 1 ) add( 'wait', 4, 'H' )
      add( 'each', 2, 'Q' ) add( 'stubborn', 1 )
      if level < 3 then
        add( 'protect', 6 ) add( 'limited', 3 ) add( 'wrap', 2 ) add( 'deferred', 2 ) add( 'closing', 2 ) add( 'all', 3 )
        add( 'any', 3 )
      end
    end
    return list
  end

  -- ## Sequences that random choices seldom produce
  -- For each operation: a function that may add others after it.
  local seldom = { }
  -- A sleep after a protected call that does not raise a cancellation again. So the clean-up of a cancelled task may
  -- take longer than its grace, the time that the task may wait after it was cancelled.
  function seldom.protect( op, list )
    if not op.again and R.chance( 50 ) then list[ #list + 1 ] = make.sleep( ) end
  end

  -- Other tasks that begin with the same operation, so that several tasks wait for the same object.
  local function twice( op, list, level )
    if level > 1 or R.chance( 60 ) then return end
    for _ = 1, R.upto( 3 ) do
      local other = make.spawn( 2 )
      table.insert( other.body, 1, { k = op.k, n = number( ), kind = op.kind, x = op.x, ms = limit( ) } )
      list[ #list + 1 ] = other
    end
  end
  seldom.recv, seldom.send, seldom.acquire, seldom.await, seldom.join, seldom.join_group = twice, twice, twice, twice, twice, twice

  -- Adds a task that begins with a wait, and a turn in which the task begins to wait. The callers of `waiter` cancel
  -- the task, and then look whether the handle or the semaphore for which it waited is free.
  local function waiter( list, name, fields )
    local task = make.spawn( 2 )
    fields.k, fields.n = name, number( )
    table.insert( task.body, 1, fields )
    list[ #list + 1 ] = task
    list[ #list + 1 ] = make.turn( )
    return task
  end

  function seldom.pair( op, list, level )
    if level > 0 or R.chance( 30 ) then return end
    local task = waiter( list, 'wait', { x = op.n, dir = R.pick{ 'r', 'r', 'rw' }, ms = limit( ) } )
    if R.chance( 50 ) then list[ #list + 1 ] = { k = 'close', n = number( ), x = op.n } end
    list[ #list + 1 ] = { k = 'cancel', n = number( ), kind = 'C', x = task.n, reason = true }
    for _, name in ipairs{ 'handles', 'timers', 'turn', 'stats' } do list[ #list + 1 ] = make[ name ]( ) end
  end

  function seldom.semaphore( op, list, level )
    if level > 0 or R.chance( 50 ) then return end
    local function ask( name, x, kind ) list[ #list + 1 ] = { k = name, n = number( ), kind = kind or 'M', x = x } end
    for _ = 1, op.count do ask( 'acquire', op.n ) end
    local task = waiter( list, 'acquire', { kind = 'M', x = op.n } )
    ask( 'cancel', task.n, 'C' )
    ask( 'release', op.n )
    ask( 'acquire', op.n )
  end

  function body( level, in_task )
    local list = { }
    for _ = 1, in_task and R.upto( 5 ) or R.upto( 3 ) do
      local op = make[ R.weighted( choices( level, in_task ) ) ]( level )
      list[ #list + 1 ] = op
      if seldom[ op.k ] then seldom[ op.k ]( op, list, level ) end
    end
    return list
  end

  P.ops = { }
  if R.chance( 75 ) then P.ops[ 1 ] = { k = 'onerror', n = number( ), to = 'log' } end
  for _ = 1, length do
    local op = make[ R.weighted( choices( 0, false ) ) ]( 0 )
    P.ops[ #P.ops + 1 ] = op
    if seldom[ op.k ] then seldom[ op.k ]( op, P.ops, 0 ) end
  end
  P.ops[ #P.ops + 1 ] = { k = 'advance', n = number( ), ms = 100 }
  return P
end
