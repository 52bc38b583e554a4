-- Random programs over `require 'cogloop'`, as data: lists of operations. Some operations have another list, the body
-- of their callback. An object is named by the number of the operation that makes it. An operation on an object that
-- does not exist does nothing. So any part of a program is a program.

local MS       = { 0, 0, 1, 1, 2, 3, 5, 5, 7, 8, 10, 10, 16, 20, 25, 50, 100, 1000 }
local FRACTION = { 1 / 64, 1 / 8, 0.5, 3 / 64, 2.5, 10.125, 5.015625 }
local SLACK    = { 0, 0.5, 1, 3, 5, 8, 20, 100 }
local SIGNALS  = { 'WINCH', 'CONT', 'USR1', 'SIGUSR2' }
local VALUES   = { 'nil', 'false', '1', "'x'", '{ }' }

-- The operations to leave out. If an operation has a known fault, leaving it out helps to find other faults.
local without = { }
for name in (os.getenv 'COGLOOP_WITHOUT' or ''):gmatch '[%w_]+' do without[ name ] = true end

return function( random, length )
  local R, P = random, { made = 0 }
  local known = { T = { }, W = { }, C = { }, F = { }, H = { }, S = { }, K = { } }
  local peer_of, watched_by = { }, { }      -- the other end of each socket pair; the handle of each watcher
  local fractions, has_handles, has_tasks = not without.fractions and R.chance( 25 ), R.chance( 60 ), R.chance( 60 )
  local has_signals = R.chance( 15 )

  local function ms( )
    if fractions and R.chance( 40 ) then return R.pick( FRACTION ) end
    return R.pick( MS )
  end

  local function number( )
    P.made = P.made + 1
    return P.made
  end

  P.options = { }
  if R.chance( 20 ) then P.options.max_timers = R.upto( 5 ) end
  if R.chance( 10 ) then P.options.max_handles = R.upto( 2 ) end
  if R.chance( 15 ) then P.options.max_callbacks = R.upto( 3 ) end
  if R.chance( 10 ) and not without.fractions then P.options.resolution = R.pick{ 1, 0.5, 8 } end
  if R.chance( 15 ) and not without.slack then P.options.slack = R.pick( SLACK ) end

  local body
  local make = { }

  -- Adds an operation that makes an object. The name of the object is known before the body of the callback is made, so
  -- the callback can use the object.
  local function creates( kind, name, depth, in_task, fill )
    make[ name ] = function( level )
      local op = { k = name, n = number( ) }
      fill( op )
      for i = 1, R.chance( 25 ) and R.upto( 3 ) or 0 do
        op.args = op.args or { }
        op.args[ i ] = R.pick( VALUES )
      end
      table.insert( known[ kind ], op.n )
      op.body = body( level + depth, in_task )
      return op
    end
  end

  creates( 'T', 'after', 1, false, function( op ) op.ms = ms( ) end )
  creates( 'T', 'at', 1, false, function( op ) op.ms = ms( ) * R.upto( 3 ) end )
  creates( 'T', 'every', 1, false, function( op )
    op.ms = math.max( ms( ), fractions and 0.5 or 1 )
    if R.chance( 70 ) then
      op.policy = R.pick{ 'skip', 'burst', 'delay' }
      op.first = R.chance( 30 ) and ms( ) or nil
      op.slack = not without.slack and R.chance( 40 ) and R.pick( SLACK ) or nil
    end
  end )
  creates( 'F', 'debounce', 1, false, function( op ) op.ms = ms( ) end )
  creates( 'F', 'throttle', 1, false, function( op ) op.ms = ms( ) end )
  creates( 'C', 'spawn', 1, true, function( ) end )
  creates( 'W', 'on', 1, false, function( op )
    op.h, op.dir = R.pick( known.H ), R.pick{ 'r', 'r', 'w', 'rw', 'rw' }
    op.drain = R.chance( 80 )
    watched_by[ op.n ] = op.h
  end )

  creates( 'W', 'signal', 1, false, function( op ) op.name = R.pick( SIGNALS ) end )

  local function on_object( kind, name, more )
    make[ name ] = function( )
      local op = { k = name, n = number( ), x = R.pick( known[ kind ] ) }
      if more then more( op ) end
      return op
    end
  end

  for _, name in ipairs{ 'cancel', 'pause', 'resume', 'left', 'active', 'ref', 'unref' } do on_object( 'T', name ) end
  on_object( 'T', 'reschedule', function( op ) op.ms = ms( ) end )
  on_object( 'F', 'call' )
  on_object( 'C', 'status' )
  on_object( 'C', 'end_task' )
  on_object( 'C', 'resume_task' )
  on_object( 'W', 'off', function( op ) op.dir = R.pick{ 'r', 'w', 'rw', false } end )
  on_object( 'T', 'show_timer' )
  on_object( 'W', 'show_watcher' )
  for _, name in ipairs{ 'watching', 'watch_ref', 'watch_unref' } do on_object( 'W', name ) end
  for _, name in ipairs{ 'send', 'fill', 'drain' } do on_object( 'S', name ) end
  on_object( 'K', 'close' )

  local function plain( name, more )
    make[ name ] = function( )
      local op = { k = name, n = number( ) }
      if more then more( op ) end
      return op
    end
  end

  for _, name in ipairs{ 'show_loop', 'run', 'step', 'stop', 'close_loop', 'firing', 'running', 'timers', 'handles', 'remaining', 'yield',
    'fail' } do
    plain( name )
  end
  plain( 'step_ms', function( op ) op.ms = ms( ) end )
  plain( 'advance', function( op ) op.ms = ms( ) end )
  plain( 'sleep', function( op ) op.ms = ms( ) end )
  plain( 'onerror', function( op ) op.to = R.pick{ 'log', 'log', 'fail', 'none' } end )
  plain( 'slow', function( op )
    op.ms = R.chance( 80 ) and R.pick{ 1, 5, 10, 20 } or nil
    op.to = R.pick{ 'log', 'log', 'fail' }
  end )
  plain( 'raise', function( op ) op.name = R.pick( SIGNALS ):gsub( '^SIG', '' ) end )
  plain( 'stats', function( op ) op.measure = R.pick{ 'none', 'true', 'false' } end )
  plain( 'wait', function( op )
    op.h, op.dir, op.ms = R.pick( known.H ), R.pick{ 'r', 'r', 'w', 'rw' }, not without.limit and R.chance( 60 ) and ms( ) or nil
  end )
  -- A program hands a socket to the loop as the socket itself, as its number, or as an object that knows the number.
  -- The program never closes a socket by its number, because another socket may have got that number.
  plain( 'pair', function( op )
    op.h, op.peer = op.n, number( )
    peer_of[ op.h ], peer_of[ op.peer ] = op.peer, op.h
    for _, list in ipairs{ known.H, known.S, known.K } do
      table.insert( list, op.h )
      table.insert( list, op.peer )
    end
  end )
  plain( 'another', function( op )
    op.h, op.peer, op.form = number( ), number( ), R.pick{ 'number', 'object' }
    table.insert( known.H, op.n )
    peer_of[ op.h ], peer_of[ op.n ], peer_of[ op.peer ] = op.peer, op.peer, op.h
    for _, list in ipairs{ known.H, known.S, known.K } do table.insert( list, op.peer ) end
    table.insert( known.S, op.h )
    if op.form == 'object' then table.insert( known.K, op.h ) end
  end )

  -- Each program has its own weights: some operations are more frequent, and some never occur. So an operation that is
  -- rare in most programs is frequent in some.
  local moods = { }

  -- The operations that are allowed at this level of nesting, with their weights.
  local function choices( level, in_task )
    local list = { { 'timers', 1 }, { 'remaining', 1 }, { 'stats', 1 }, { 'onerror', 1 }, { 'slow', 1 }, { 'show_loop', 1 } }
    local function add( name, weight )
      moods[ name ] = moods[ name ] or R.pick{ 0, 1, 1, 1, 1, 2, 4 }
      if not without[ name ] then list[ #list + 1 ] = { name, weight * moods[ name ] } end
    end
    if level < 3 then
      add( 'after', 6 ) add( 'every', 3 ) add( 'at', 2 ) add( 'debounce', 1 ) add( 'throttle', 1 )
      if has_tasks then add( 'spawn', 5 ) end
      if has_handles and #known.H > 0 then add( 'on', 5 ) end
    end
    if #known.T > 0 then
      add( 'cancel', 2 ) add( 'reschedule', 2 ) add( 'pause', 1 ) add( 'resume', 2 ) add( 'left', 2 ) add( 'active', 1 )
      add( 'unref', 1 ) add( 'ref', 1 ) add( 'show_timer', 1 )
    end
    if #known.F > 0 then add( 'call', 4 ) end
    if has_tasks then
      add( 'running', 1 )
      if #known.C > 0 then add( 'status', 1 ) add( 'end_task', 1 ) add( 'resume_task', 2 ) end
    end
    if has_signals then
      add( 'raise', 3 )
      if level < 3 then add( 'signal', 3 ) end
    end
    if #known.W > 0 then
      add( 'off', 2 ) add( 'watching', 1 ) add( 'watch_unref', 1 ) add( 'watch_ref', 1 ) add( 'show_watcher', 1 )
    end
    if has_handles then
      add( 'handles', 1 ) add( 'pair', 1 )
      if #known.S > 0 then add( 'another', 1 ) add( 'send', 4 ) add( 'drain', 2 ) add( 'fill', 1 ) add( 'close', 1 ) end
    end
    if level == 0 then
      add( 'advance', 6 ) add( 'run', 2 ) add( 'step', 2 ) add( 'step_ms', 3 )
    else
      add( 'advance', 2 ) add( 'stop', 1 ) add( 'firing', 1 ) add( 'fail', 2 )
      if R.chance( 10 ) then add( 'close_loop', 1 ) add( 'run', 1 ) end
      if in_task then
        add( 'sleep', 8 ) add( 'yield', 3 )
        if has_handles and #known.H > 0 then add( 'wait', 8 ) end
      end
    end
    return list
  end

  -- ## Sequences that random choices seldom produce
  -- `seldom[ kind ]` is called after an operation of this kind was added. It may add more operations on the same
  -- object.
  local seldom = { }

  -- Lists the handles after a handle was closed.
  function seldom.close( _, list )
    if R.chance( 50 ) then list[ #list + 1 ] = make.handles( ) end
  end

  -- A timer that is unreferenced from the start.
  function seldom.after( op, list )
    if not without.unref and R.chance( 15 ) then list[ #list + 1 ] = { k = 'unref', n = number( ), x = op.n } end
  end
  seldom.every, seldom.at = seldom.after, seldom.after

  -- Calls that the limit of timers refuses, and a call when there may be room again.
  function seldom.throttle( op, list )
    if not P.options.max_timers or R.chance( 10 ) then return end
    for _ = 1, 2 do
      list[ #list + 1 ] = { k = 'call', n = number( ), x = op.n }
      list[ #list + 1 ] = make.advance( )
    end
    list[ #list + 1 ] = { k = 'call', n = number( ), x = op.n }
  end

  -- A handle that is ready for both directions. Its read callback fails, or a coroutine waits for reading.
  function seldom.on( op, list, level )
    if R.chance( op.dir == 'w' and 20 or 50 ) then return end
    if op.dir == 'rw' then
      op.body[ #op.body + 1 ] = make.fail( )
    elseif op.dir == 'w' and has_tasks and level < 3 then
      local task = make.spawn( level )
      table.insert( task.body, 1, { k = 'wait', n = number( ), h = op.h, dir = 'r' } )
      op.drain = false
      list[ #list + 1 ] = task
    end
    list[ #list + 1 ] = { k = 'send', n = number( ), x = peer_of[ op.h ] }
  end

  -- A handle that is unreferenced and then observed in both directions, and a loop that may run out of work.
  function seldom.watch_unref( op, list, level )
    if level == 3 or not watched_by[ op.x ] or R.chance( 40 ) then return end
    local on = make.on( level )
    on.h, on.dir = watched_by[ op.x ], 'rw'
    list[ #list + 1 ] = on
    if level == 0 then list[ #list + 1 ] = make.run( ) end
  end

  function seldom.pair( op, list, level )
    if level > 0 or R.chance( 70 ) then return end
    local on = make.on( level )
    on.h, on.dir = op.h, R.pick{ 'r', 'w' }
    list[ #list + 1 ] = on
    list[ #list + 1 ] = { k = 'watch_unref', n = number( ), x = on.n }
    seldom.watch_unref( list[ #list ], list, level )
  end

  local function append( list, level, in_task )
    local op = make[ R.weighted( choices( level, in_task ) ) ]( level )
    list[ #list + 1 ] = op
    if seldom[ op.k ] then seldom[ op.k ]( op, list, level ) end
  end

  function body( level, in_task )
    local list = { }
    for _ = 1, in_task and R.upto( 6 ) or R.upto( 4 ) - 1 do append( list, level, in_task ) end
    return list
  end

  P.ops = { }
  if has_handles then
    P.ops[ 1 ] = make.pair( )
    seldom.pair( P.ops[ 1 ], P.ops, 0 )
  end
  if R.chance( 40 ) then P.ops[ #P.ops + 1 ] = make.onerror( ) end
  for _ = 1, length do append( P.ops, 0, false ) end
  P.ops[ #P.ops + 1 ] = { k = 'advance', n = number( ), ms = 200 }
  return P
end
