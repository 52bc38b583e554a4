-- Tasks in `require 'cogloop'`: cancel, join, status, names, and reports of errors.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

-- Whether a coroutine may wait below `pcall`. In Lua 5.1 it may not.
local probe = coroutine.create( function( ) return pcall( coroutine.yield ) end )
coroutine.resume( probe )
local can_wait_in_pcall = coroutine.status( probe ) == 'suspended'

-- Runs `f` in a task until it ends, and returns its results.
local function run_in( loop, f )
  local got
  loop:spawn( function( ) got = { f( ) } got.done = true end )
  loop:run( )
  is_true( got and got.done, 'the task has ended' )
  return got
end

test( 'a task has a status and a name', function( )
  local loop, inside = virtual( ), nil
  local task
  task = loop:spawn{ name = 'worker', function( ) inside = task:status( ) loop:sleep( 10 ) end }
  equal( task:status( ), 'ready' )
  equal( task:name( ), 'worker' )
  is_true( tostring( task ):find( "^cogloop.task: 'worker', ready, " ), tostring( task ) )
  loop:step( 0 )
  equal( inside, 'running' )
  equal( task:status( ), 'waiting' )
  equal( type( task:thread( ) ), 'thread' )
  loop:run( )
  equal( task:status( ), 'done' )
  equal( task:thread( ), nil )
  is_true( tostring( task ):find( "'worker', done" ) )
  equal( loop:spawn( print ):name( ), nil )
end )

test( 'join returns all results, also when it is called again', function( )
  local loop = virtual( )
  local results = { [ 0 ] = { n = 0 }, { n = 1, 'a' }, { n = 3, 1, nil, 3 }, { n = 2, nil, nil } }
  for i = 0, #results do
    local wanted = results[ i ]
    local task = loop:spawn( function( ) loop:sleep( 5 ) return (table.unpack or unpack)( wanted, 1, wanted.n ) end )
    run_in( loop, function( )
      for _ = 1, 2 do
        local got = { n = select( '#', task:join( ) ), task:join( ) }
        equal( got.n, wanted.n )
        for k = 1, got.n do equal( got[ k ], wanted[ k ] ) end
      end
    end )
    equal( (task:join( )), wanted[ 1 ], 'outside a task, after the end of the joined task' )
  end
end )

test( 'join waits for the end of the task, but no longer than its limit', function( )
  local loop = virtual( )
  local task = loop:spawn( function( ) loop:sleep( 100 ) return 'late' end )
  local got = run_in( loop, function( )
    local value, message, errno = task:join( 10 )
    equal( value, nil )
    equal( message, 'timed out' )
    equal( errno, 110 )
    equal( loop:now( ), 10 )
    equal( select( 2, task:join( 0 ) ), 'timed out' )
    return task:join( 1000 )
  end )
  equal( got[ 1 ], 'late' )
  equal( loop:now( ), 100 )
end )

test( 'after a join has timed out, the end of the joined task does not wake the waiting task', function( )
  local loop = virtual( )
  local task = loop:spawn( function( ) loop:sleep( 20 ) end )
  local got = run_in( loop, function( )
    task:join( 10 )
    local woken = { loop:park( 50 ) }
    return woken[ 2 ], loop:now( )
  end )
  same_list( got, { 'timed out', 60 } )
end )

test( 'join can wait only in a task', function( )
  local loop = virtual( )
  local task = loop:spawn( function( ) loop:sleep( 1 ) end )
  fails( "only a task of this loop can wait", task.join, task )
  loop:spawn( function( ) fails( 'a task cannot wait for its own end', function( )
    local _, me = loop:running( )
    me:join( )
  end ) end )
  loop:run( )
end )

test( 'many tasks join one task, and each gets the results, in the order of the joins', function( )
  local loop, order = virtual( ), { }
  local task = loop:spawn( function( ) loop:sleep( 5 ) return 'x' end )
  for i = 1, 20 do loop:spawn( function( ) local got = task:join( ) order[ #order + 1 ] = i .. got end ) end
  loop:run( )
  equal( #order, 20 )
  for i = 1, 20 do equal( order[ i ], i .. 'x' ) end
end )

test( 'join returns the error of a task, and onerror does not get it', function( )
  local loop, reported = virtual( ), 0
  loop:onerror( function( ) reported = reported + 1 end )
  local thing = { }
  for _, err in ipairs{ 'text', thing, false } do
    local task = loop:spawn( function( ) loop:sleep( 1 ) error( err, 0 ) end )
    local got = run_in( loop, function( ) return task:join( ) end )
    equal( got[ 1 ], nil )
    equal( got[ 2 ], err )
    equal( task:status( ), 'failed' )
  end
  equal( reported, 0 )
end )

test( 'if no task joins, onerror gets the error and the task, and a later join also returns the error', function( )
  local loop, seen = virtual( ), nil
  loop:onerror( function( ... ) seen = { ... } end )
  local task = loop:spawn( function( ) error( 'oh', 0 ) end )
  loop:run( )
  equal( seen[ 1 ], 'oh' )
  is_true( seen[ 2 ]:find( 'cogloop_tasks.lua', 1, true ), seen[ 2 ] )
  equal( seen[ 3 ], task )
  equal( select( 2, task:join( ) ), 'oh' )
  loop:onerror( nil )
  loop:spawn( function( ) error( 'ah', 0 ) end )
  local ok, err = pcall( loop.run, loop )
  equal( ok, false )
  equal( err, 'ah' )
end )

test( 'cancel wakes a waiting task, and frees its timer or handle at once', function( )
  local reader, writer = T.fifo( )
  local waits = {
    sleep = function( loop ) loop:sleep( 3600000 ) end,
    wait  = function( loop ) loop:wait( reader, 'r' ) end,
    limit = function( loop ) loop:wait( reader, 'r', 3600000 ) end,
    park  = function( loop ) loop:park( ) end,
    timed = function( loop ) loop:park( 3600000 ) end,
    join  = function( loop ) loop:spawn( function( ) loop:park( ) end ):join( ) end,
  }
  for name, wait in pairs( waits ) do
    local loop, err = cogloop.loop( ), nil
    local task = loop:spawn{ name = name, function( )
      if can_wait_in_pcall then
        local _, caught = pcall( wait, loop )
        err = caught
        error( caught, 0 )
      end
      wait( loop )
    end }
    loop:step( 0 )
    loop:step( 0 )
    equal( task:cancel( 'enough' ), true, name )
    equal( #loop:handles( ), 0, name )
    is_true( #loop:timers( ) <= 1, name )
    if name ~= 'join' then loop:on( reader, 'r', print ):off( ) end
    loop:run( )
    equal( task:status( ), 'cancelled', name )
    local value, cancellation = task:join( )
    equal( value, nil )
    equal( tostring( cancellation ), 'cancelled: enough' )
    equal( select( 2, cogloop.cancelled( cancellation ) ), 'enough' )
    equal( cancellation.name, name )
    if can_wait_in_pcall then equal( err, cancellation ) end
    is_true( loop:now( ) < 3600000 )
  end
  is_true( writer )
end )

test( 'cancelled is true of cancellations only', function( )
  for _, other in ipairs{ 'cancelled', 1, { }, print, setmetatable( { }, { } ) } do
    equal( cogloop.cancelled( other ), false )
  end
  equal( cogloop.cancelled( nil ), false )
end )

test( 'a cancelled task may wait while it cleans up', function( )
  if not can_wait_in_pcall then return end
  local loop, steps = virtual( ), { }
  local task = loop:spawn( function( )
    local ok, err = pcall( loop.sleep, loop, 1000 )
    equal( ok, false )
    steps[ #steps + 1 ] = loop:now( )
    loop:sleep( 300 )
    steps[ #steps + 1 ] = loop:now( )
    error( err, 0 )
  end )
  loop:after( 5, function( ) task:cancel( ) end )
  loop:run( )
  same_list( steps, { 5, 305 } )
  equal( task:status( ), 'cancelled' )
end )

test( 'a wait beyond the grace period raises the cancellation again', function( )
  if not can_wait_in_pcall then return end
  for _, case in ipairs{ { nil, 1000 }, { 50, 50 }, { 0, 0 } } do
    local reader, writer = T.fifo( )
    for name, wait in pairs{
      sleep = function( loop ) loop:sleep( 1e6 ) end,
      wait  = function( loop ) loop:wait( reader, 'r' ) end,
      park  = function( loop ) loop:park( ) end,
    } do
      local loop, raised = virtual( ), 0
      local task = loop:spawn{ grace = case[ 1 ], function( )
        for _ = 1, 5 do
          local ok, err = pcall( wait, loop )
          if not ok and cogloop.cancelled( err ) then raised = raised + 1 end
        end
        return 'ended'
      end }
      loop:after( 10, function( ) task:cancel( ) end )
      loop:run( )
      equal( raised, 5, name )
      equal( task:join( ), 'ended' )
      is_true( loop:now( ) >= 10 + case[ 2 ] and loop:now( ) < 11 + case[ 2 ], loop:now( ) )
    end
    is_true( writer )
  end
end )

test( 'a task that catches its cancellation again and again is closed, and other tasks go on meanwhile', function( )
  if not can_wait_in_pcall then return end
  local loop, closed, other = virtual( ), false, 0
  local task = loop:spawn( function( )
    if _VERSION >= 'Lua 5.4' then
      -- Other versions have no syntax for `<close>`.
      local catch = assert( load 'local guard, loop = ... ; local it <close> = guard ; while true do pcall( loop.sleep, loop, 10 ) end' )
      catch( setmetatable( { }, { __close = function( ) closed = true end } ), loop )
    end
    while true do pcall( loop.sleep, loop, 10 ) end
  end )
  loop:every( 100, function( ) other = other + 1 end ):unref( )
  loop:after( 5, function( ) task:cancel( ) end )
  loop:run( )
  equal( task:status( ), 'cancelled' )
  equal( closed, _VERSION >= 'Lua 5.4' )
  is_true( other > 5 )
  equal( #loop:tasks( ), 0 )
end )

test( 'a second cancel returns false, and the first reason stays', function( )
  local loop = virtual( )
  local task = loop:spawn( function( ) loop:sleep( 10 ) end )
  loop:step( 0 )
  same_list( { task:cancel( 'one' ), task:cancel( 'two' ) }, { true, false } )
  loop:step( 0 )
  equal( task:cancel 'three', false )
  equal( select( 2, task:join( ) ).reason, 'one' )
end )

test( 'a task that is cancelled before it begins never begins', function( )
  local loop, begun = virtual( ), false
  local task = loop:spawn( function( ) begun = true end )
  equal( task:cancel( ), true )
  equal( task:status( ), 'cancelled' )
  equal( #loop:timers( ), 0 )
  equal( #loop:tasks( ), 0 )
  loop:run( )
  equal( begun, false )
  equal( tostring( select( 2, task:join( ) ) ), 'cancelled' )
end )

test( 'cancelling a task that has ended does nothing', function( )
  local loop = virtual( )
  local task = loop:spawn( function( ) return 7 end )
  loop:run( )
  equal( task:cancel( ), false )
  equal( task:join( ), 7 )
end )

test( 'the next wait raises if a task cancels itself, or is cancelled when it is about to run', function( )
  local loop, reached = virtual( ), { }
  local task
  task = loop:spawn( function( )
    equal( task:cancel 'me', true )
    reached[ #reached + 1 ] = 'here'
    loop:sleep( 10 )
    reached[ #reached + 1 ] = 'not here'
  end )
  loop:run( )
  same_list( reached, { 'here' } )
  equal( select( 2, task:join( ) ).reason, 'me' )
  equal( loop:now( ), 0 )
  -- The values with which a task was woken are not lost.
  local parked = loop:spawn( function( ) reached[ 2 ] = loop:park( ) loop:sleep( 1 ) reached[ 3 ] = 'no' end )
  loop:step( 0 )
  equal( loop:unpark( parked, 'gift' ), true )
  equal( parked:cancel( ), true )
  loop:run( )
  same_list( reached, { 'here', 'gift' } )
  equal( parked:status( ), 'cancelled' )
  -- A plain yield is not a wait, and does not raise.
  local yields = loop:spawn( function( ) coroutine.yield( ) reached[ 3 ] = 'went on' loop:sleep( 1 ) reached[ 4 ] = 'no' end )
  loop:step( 0 )
  equal( yields:cancel( ), true )
  loop:run( )
  same_list( reached, { 'here', 'gift', 'went on' } )
end )

test( 'a cancelled task is done if it returns, and has failed if it raises another error', function( )
  if not can_wait_in_pcall then return end
  local loop, seen = virtual( ), { }
  loop:onerror( function( err ) seen[ #seen + 1 ] = err end )
  local returns = loop:spawn( function( ) pcall( loop.sleep, loop, 10 ) return 'fine' end )
  local raises  = loop:spawn( function( ) pcall( loop.sleep, loop, 10 ) error( 'while cleaning', 0 ) end )
  loop:step( 0 )
  returns:cancel( )
  raises:cancel( )
  loop:run( )
  equal( returns:join( ), 'fine' )
  equal( raises:status( ), 'failed' )
  same_list( seen, { 'while cleaning' } )
end )

test( "the cancellation of another task is an ordinary error", function( )
  local loop, seen = virtual( ), 0
  loop:onerror( function( err ) seen = seen + 1 is_true( cogloop.cancelled( err ) ) end )
  local one = loop:spawn( function( ) loop:sleep( 100 ) end )
  local two = loop:spawn( function( ) local _, err = one:join( ) error( err, 0 ) end )
  loop:step( 0 )
  one:cancel( )
  loop:run( )
  equal( two:status( ), 'failed' )
  equal( seen, 1 )
end )

test( 'closing a coroutine cancels its task; the loop notices it at the next check, or when nothing else is left', function( )
  if not coroutine.close then return end
  local loop = virtual( )
  local waits = { function( ) loop:sleep( 1000 ) end, function( ) loop:park( ) end, function( ) coroutine.yield( ) end }
  for _, wait in ipairs( waits ) do
    local task = loop:spawn( wait )
    loop:step( 0 )
    local got
    loop:spawn( function( ) got = { task:join( ) } end )
    loop:step( 0 )
    if task:status( ) ~= 'done' then
      coroutine.close( task:thread( ) )
      equal( task:status( ), 'cancelled' )
      loop:run( )
      is_true( cogloop.cancelled( got[ 2 ] ), 'the joining task gets the cancellation' )
      equal( #loop:tasks( ), 0 )
      equal( task:cancel( ), false )
    end
  end
end )

test( 'a task whose handle is closed and that is then cancelled is woken only once', function( )
  for _, limit in ipairs{ 50, false } do
    local loop, socket, ended, caught = virtual( ), require 't.Net.Socket'( 'udp' ), nil, nil
    local task = loop:spawn( function( )
      local _, err = loop:pcall( loop.wait, loop, socket, 'r', limit or nil )
      caught = cogloop.cancelled( err )
      loop:sleep( 100 )
      ended = loop:now( )
    end )
    loop:after( 1, function( )
      socket:close( )
      task:cancel( )
      equal( #loop:timers( ), 0 )
    end )
    loop:run( )
    equal( caught, true )
    equal( ended, 101 )
  end
end )

test( 'a task that cleans up also gets an error for a closed handle', function( )
  local loop, socket, got = virtual( ), require 't.Net.Socket'( 'udp' ), nil
  local task = loop:spawn{ grace = 50, function( )
    loop:pcall( loop.sleep, loop, 1000 )
    got = { loop:pcall( loop.wait, loop, socket, 'r' ) }
  end }
  loop:after( 5, function( ) task:cancel( ) end )
  loop:after( 10, function( ) socket:close( ) end )
  loop:run( )
  equal( got[ 1 ], true )
  equal( got[ 3 ], 'the handle was closed' )
  equal( loop:now( ), 10 )
end )

test( 'status notices a closed coroutine, and wakes the tasks that join its task', function( )
  if not coroutine.close then return end
  local loop, got = virtual( ), nil
  local task = loop:spawn( function( ) loop:park( ) end )
  loop:spawn( function( ) got = { task:join( ) } end )
  loop:step( 0 )
  coroutine.close( task:thread( ) )
  equal( task:status( ), 'cancelled' )
  equal( #loop:tasks( ), 1, 'the one that joins' )
  loop:step( 0 )
  is_true( got and cogloop.cancelled( got[ 2 ] ) )
end )

test( 'a cancelled task keeps its first reason when its coroutine is then closed', function( )
  if not coroutine.close then return end
  local loop = virtual( )
  local task = loop:spawn( function( ) pcall( loop.sleep, loop, 1000 ) loop:sleep( 10 ) end )
  loop:step( 0 )
  task:cancel 'first'
  loop:step( 0 )
  coroutine.close( task:thread( ) )
  equal( task:cancel 'second', false )
  equal( #loop:tasks( ), 0, 'cancel has noticed it' )
  equal( task:status( ), 'cancelled' )
  equal( select( 2, task:join( ) ).reason, 'first' )
end )

test( 'tasks are listed and kept alive until they end, even without references', function( )
  local loop = virtual( )
  local ended = 0
  for i = 1, 10 do loop:spawn( function( ) loop:sleep( i ) T.collect( ) ended = ended + 1 end ) end
  loop:spawn{ name = 'parked', function( ) loop:park( ) end }
  equal( #loop:tasks( ), 11 )
  T.collect( )
  loop:run( )
  equal( ended, 10 )
  local left = loop:tasks( )
  equal( #left, 1 )
  equal( left[ 1 ]:name( ), 'parked' )
  left[ 1 ]:cancel( )
  loop:run( )
  equal( #loop:tasks( ), 0 )
end )

test( 'a task that has ended is collected if nothing refers to it', function( )
  local loop, weak = virtual( ), setmetatable( { }, { __mode = 'k' } )
  for i = 1, 20 do weak[ loop:spawn( function( ) loop:sleep( i ) if i > 10 then loop:park( ) end end ) ] = true end
  loop:run( )
  for _, task in ipairs( loop:tasks( ) ) do task:cancel( ) end
  loop:run( )
  T.collect( )
  equal( next( weak ), nil )
end )

test( 'park waits for unpark, and returns its values', function( )
  local loop, got = virtual( ), nil
  local task = loop:spawn( function( ) got = { n = select( '#', loop:park( ) ) } got[ 1 ], got[ 2 ], got[ 3 ] = loop:park( ) end )
  equal( loop:unpark( task ), false, 'before it has begun' )
  loop:step( 0 )
  equal( loop:unpark( task ), true )
  equal( loop:unpark( task, 'lost' ), false, 'it is woken already' )
  loop:step( 0 )
  equal( got.n, 0 )
  equal( loop:unpark( task, 1, nil, 3 ), true )
  equal( got[ 1 ], nil, 'park returns in the next turn, not at once' )
  loop:step( 0 )
  equal( got[ 1 ], 1 )
  equal( got[ 3 ], 3 )
  equal( loop:unpark( task ), false, 'after its end' )
end )

test( 'park with a limit', function( )
  local loop = virtual( )
  local got = run_in( loop, function( ) return loop:park( 25 ) end )
  equal( got[ 1 ], nil )
  equal( got[ 2 ], 'timed out' )
  equal( got[ 3 ], 110 )
  equal( loop:now( ), 25 )
  local task
  task = loop:spawn( function( ) return loop:park( 25 ) end )
  loop:after( 5, function( ) loop:unpark( task, 'in time' ) equal( #loop:timers( ), 0 ) end )
  loop:run( )
  equal( task:join( ), 'in time' )
  equal( loop:now( ), 30 )
end )

test( 'unpark does not end a sleep or a wait', function( )
  local loop = virtual( )
  local reader, writer = T.fifo( )
  local all = {
    loop:spawn( function( ) loop:sleep( 20 ) return loop:now( ) end ),
    loop:spawn( function( ) loop:wait( reader, 'r', 20 ) return loop:now( ) end ),
  }
  loop:step( 0 )
  for _, task in ipairs( all ) do equal( loop:unpark( task ), false ) end
  loop:run( )
  for _, task in ipairs( all ) do equal( task:join( ), 20 ) end
  is_true( writer )
end )

test( 'unpark refuses a task of another loop', function( )
  local one, two = virtual( ), virtual( )
  local task = one:spawn( function( ) one:park( ) end )
  fails( 'task: it belongs to another loop', two.unpark, two, task )
end )

test( 'options of spawn', function( )
  local loop = virtual( )
  local got
  loop:spawn( { function( ... ) got = { ... } end, name = 'x' }, 1, 2 )
  loop:run( )
  same_list( got, { 1, 2 } )
  fails( "unknown option 'nam'", loop.spawn, loop, { print, nam = 'x' } )
  fails( "unknown option '2'", loop.spawn, loop, { print, 'x' } )
  fails( '[1]: a function or a callable object expected, got nil', loop.spawn, loop, { name = 'x' } )
  fails( 'name: a string expected, got 5', loop.spawn, loop, { print, name = 5 } )
  fails( 'grace: ', loop.spawn, loop, { print, grace = -1 } )
  loop:spawn( setmetatable( { }, { __call = function( _, a ) got = a end } ), 'called' )
  loop:run( )
  equal( got, 'called' )
end )

test( 'a loop at its limit refuses a task, and keeps no part of it', function( )
  local loop = cogloop.loop{ clock = 'virtual', max_timers = 1 }
  local task = loop:spawn( function( ) loop:park( ) end )
  fails( 'too many timers', loop.spawn, loop, print )
  equal( #loop:tasks( ), 1 )
  loop:step( 0 )
  local other = loop:spawn( function( ) loop:park( ) end )
  equal( #loop:tasks( ), 2 )
  task:cancel( )
  other:cancel( )
  loop:run( )
  equal( #loop:tasks( ), 0 )
end )

test( 'a task outlives its loop', function( )
  local task = virtual( ):spawn( function( ) end )
  T.collect( )
  equal( task:status( ), 'cancelled' )
  equal( task:cancel( ), false )
  local _, err = task:join( )
  same_list( { cogloop.cancelled( err ) }, { true, 'the loop is closed' } )
  is_true( tostring( task ):find 'cancelled' )
end )

test( 'closing a loop stops its tasks', function( )
  local loop, ran = virtual( ), 0
  local fresh  = loop:spawn( function( ) ran = ran + 1 end )
  local closes = virtual( )
  local task = closes:spawn( function( ) closes:sleep( 1 ) closes:close( ) ran = ran + 10 end )
  local waits = closes:spawn( function( ) closes:sleep( 10 ) ran = ran + 100 end )
  closes:run( )
  equal( ran, 10 )
  equal( task:status( ), 'done' )
  equal( waits:status( ), 'cancelled' )
  equal( waits:cancel( ), false )
  loop:close( )
  equal( fresh:status( ), 'cancelled' )
  is_true( tostring( fresh ):find 'cancelled' )
end )

test( 'join returns the end of a task: results, the error, or a cancellation with its reason', function( )
  local loop = virtual( )
  local function sleeps( ) loop:sleep( 10 ) end
  local done      = loop:spawn( function( ) return 1, 2 end )
  local failed    = loop:spawn( function( ) error( { 'an error' } ) end )
  local cancelled = loop:spawn( { sleeps, name = 'one' } )
  local asked     = loop:spawn( sleeps )
  local left      = loop:spawn( { sleeps, name = 'two' } )
  loop:onerror( function( ) end )
  loop:step( 0 )
  cancelled:cancel 'why'
  loop:step( 0 )
  asked:cancel 'too late to begin with it'
  loop:close( )
  same_list( { done:status( ), done:join( ) }, { 'done', 1, 2 } )
  for task, expected in pairs{
    [ cancelled ] = { 'why', 'one' }, [ asked ] = { 'too late to begin with it' }, [ left ] = { 'the loop is closed', 'two' },
  } do
    equal( task:status( ), 'cancelled' )
    equal( select( '#', task:join( ) ), 2 )
    local value, err = task:join( )
    equal( value, nil )
    same_list( { cogloop.cancelled( err ) }, { true, expected[ 1 ] } )
    same_list( { err.reason, err.name }, expected )
    equal( tostring( err ), 'cancelled: ' .. expected[ 1 ] )
    is_true( err == select( 2, task:join( ) ), 'each join returns the same value' )
    equal( task:status( ), 'cancelled' )
  end
  equal( failed:status( ), 'failed' )
  local value, err = failed:join( )
  equal( value, nil )
  same_list( err, { 'an error' } )
  same_list( { cogloop.cancelled( err ) }, { false } )
end )

test( 'other tasks of a closed loop get the cancellation of the task that they join', function( )
  local loop, got = virtual( ), nil
  local other = loop:spawn( function( ) loop:sleep( 10 ) end )
  loop:spawn( function( )
    loop:close( )
    got = { select( 2, other:join( ) ), ( select( 2, other:join( 5 ) ) ) }
  end )
  loop:run( )
  same_list( { cogloop.cancelled( got[ 1 ] ) }, { true, 'the loop is closed' } )
  is_true( got[ 1 ] == got[ 2 ] )
end )

test( 'the traceback of a task that fails ends with the name of the task', function( )
  local loop, tracebacks = virtual( ), { }
  loop:onerror( function( _, traceback ) tracebacks[ #tracebacks + 1 ] = traceback end )
  loop:spawn( { function( ) loop:sleep( 1 ) error( 'oh', 0 ) end, name = 'reader' } )
  loop:spawn( function( ) loop:sleep( 2 ) error( 'oh', 0 ) end )
  loop:run( )
  is_true( tracebacks[ 1 ]:find "\n\tin task 'reader'$", tracebacks[ 1 ] )
  is_true( not tracebacks[ 2 ]:find 'in task', tracebacks[ 2 ] )
end )

if _VERSION >= 'Lua 5.4' then
  local load_with = function( code, env ) return assert( load( code, 'closing', 't', setmetatable( env, { __index = _G } ) ) ) end

  test( 'the end of the scope of a <close> variable cancels its task', function( )
    local loop, ended = virtual( ), false
    local task = loop:spawn( function( ) loop:sleep( 1e6 ) ended = true end )
    loop:spawn( load_with( 'local t <close> = task ; loop:sleep( 5 )', { task = task, loop = loop } ) )
    loop:run( )
    equal( task:status( ), 'cancelled' )
    equal( ended, false )
    equal( loop:now( ), 5 )
  end )

  test( '__close gets the cancellation, and may wait', function( )
    local loop, steps = virtual( ), { }
    local guard = setmetatable( { }, { __close = function( _, err )
      steps[ #steps + 1 ] = tostring( err )
      loop:sleep( 20 )
      steps[ #steps + 1 ] = loop:now( )
    end } )
    local task = loop:spawn( load_with( 'local g <close> = guard ; loop:sleep( 1e6 )', { guard = guard, loop = loop } ) )
    loop:after( 5, function( ) task:cancel 'stop' end )
    loop:run( )
    same_list( steps, { 'cancelled: stop', 25 } )
    equal( task:status( ), 'cancelled' )
  end )

  test( 'if a __close raises during another error of a task, the message has both errors', function( )
    local loop, seen = virtual( ), nil
    loop:onerror( function( err, traceback ) seen = { err, traceback } end )
    local guard = setmetatable( { }, { __close = function( ) error( 'second', 0 ) end } )
    loop:spawn( load_with( "local g <close> = guard ; error( 'first', 0 )", { guard = guard } ) )
    loop:run( )
    equal( seen[ 1 ], 'second' )
    is_true( seen[ 2 ]:find( 'while this error was handled: first', 1, true ), seen[ 2 ] )
    -- If a `__close` raises in a cancelled task, the task has failed with this error.
    local task = loop:spawn( load_with( 'local g <close> = guard ; loop:sleep( 1e6 )', { guard = guard, loop = loop } ) )
    loop:step( 0 )
    task:cancel( )
    loop:run( )
    equal( task:status( ), 'failed' )
    equal( select( 2, task:join( ) ), 'second' )
  end )

  test( 'if a task catches its cancellation for ever, an error in its <close> is reported', function( )
    local code = 'local g <close> = guard ; while true do guard.caught = select( 2, pcall( loop.sleep, loop, 10 ) ) end'
    -- Makes a task that catches its cancellation for ever, and cancels the task after 5 ms. `act` is the `__close` of
    -- the task's guard.
    local function stubborn( loop, act )
      local guard = setmetatable( { }, { __close = act } )
      local task = loop:spawn( load_with( code, { guard = guard, loop = loop } ) )
      loop:after( 5, function( ) task:cancel 'why' end )
      return task
    end
    local function breaks( ) error( 'broken', 0 ) end

    local loop, seen = virtual( ), nil
    local task = stubborn( loop, breaks )
    loop:onerror( function( err, traceback, what ) seen = { err, traceback, what } end )
    loop:run( )
    equal( seen[ 1 ], 'broken' )
    is_true( seen[ 2 ]:find( 'closing', 1, true ), seen[ 2 ] )
    equal( seen[ 3 ], task )
    equal( task:status( ), 'failed' )
    same_list( { task:join( ) }, { nil, 'broken' } )

    -- Without `onerror` the error leaves `run`.
    loop = virtual( )
    task = stubborn( loop, breaks )
    same_list( { pcall( loop.run, loop ) }, { false, 'broken' } )
    equal( task:status( ), 'failed' )

    -- A task that joins the failed task gets the error.
    loop, seen = virtual( ), nil
    task = stubborn( loop, breaks )
    loop:spawn( function( ) seen = { task:join( ) } end )
    loop:run( )
    same_list( seen, { nil, 'broken' } )

    -- Raising the cancellation again is no failure.
    loop = virtual( )
    task = stubborn( loop, function( guard ) error( guard.caught ) end )
    same_list( { pcall( loop.run, loop ) }, { true, true } )
    equal( task:status( ), 'cancelled' )
  end )
end

T.done( )
