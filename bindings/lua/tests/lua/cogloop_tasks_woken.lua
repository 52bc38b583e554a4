-- Tests of woken tasks in `require 'cogloop'`: they run in order, and starve neither timers nor handles.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list = T.test, T.equal, T.is_true, T.same_list

local function virtual( options )
  options = options or { }
  options.clock = 'virtual'
  return cogloop.loop( options )
end

-- Makes tasks that park. A woken task records the value that `unpark` has given, or its own number if `unpark` has
-- given none.
local function parked( loop, count, order, f )
  local tasks = { }
  for i = 1, count do
    tasks[ i ] = loop:spawn( function( )
      local value = loop:park( )
      order[ #order + 1 ] = value or i
      if f then f( i ) end
    end )
  end
  for _ = 1, 2 do loop:step( 0 ) end
  return tasks
end

-- Makes two tasks that wake each other until `is_over` returns true. Counts the rounds.
local function play( loop, is_over )
  local there, back, rounds = loop:channel( ), loop:channel( ), { count = 0 }
  loop:spawn( function( ) while there:recv( ) do back:send( true ) end end )
  loop:spawn( function( )
    while not is_over( ) do
      there:send( true )
      back:recv( )
      rounds.count = rounds.count + 1
    end
    there:close( )
  end )
  return rounds
end

test( 'woken tasks run in the order of their wakes, before timers that become due later', function( )
  local loop, order = virtual( ), { }
  local tasks = parked( loop, 4, order )
  loop:after( 10, function( )
    loop:after( 0, function( ) order[ #order + 1 ] = 'timer' end )
    for _, i in ipairs{ 3, 1, 4, 2 } do is_true( loop:unpark( tasks[ i ] ) ) end
    order[ #order + 1 ] = 'callback'
  end )
  loop:after( 10, function( ) order[ #order + 1 ] = 'due too' end )
  loop:run( )
  same_list( order, { 'callback', 'due too', 3, 1, 4, 2, 'timer' } )
end )

test( 'a task that is woken twice gets the values of the first wake', function( )
  local loop, order = virtual( ), { }
  local tasks = parked( loop, 1, order )
  equal( loop:unpark( tasks[ 1 ], 'first' ), true )
  equal( loop:unpark( tasks[ 1 ], 'second' ), false )
  equal( tasks[ 1 ]:status( ), 'ready' )
  loop:run( )
  same_list( order, { 'first' } )
end )

test( 'one step resumes the tasks that were woken before it, and no others', function( )
  local loop, order = virtual( ), { }
  local tasks
  tasks = parked( loop, 3, order, function( i ) if i < 3 then loop:unpark( tasks[ i + 1 ] ) end end )
  loop:unpark( tasks[ 1 ] )
  equal( loop:remaining( ), 0 )
  equal( loop:timeout( ), 0 )
  for i = 1, 3 do
    -- Without a limit a step waits until something happens. A woken task ends that wait.
    equal( loop:step( ), i < 3 )
    equal( #order, i )
  end
  equal( loop:remaining( ), nil )
end )

test( 'a timer that a callback arms and a task that it spawns run in the next turn, a woken task in this turn', function( )
  local loop, order = virtual( ), { }
  local first
  local function note( what ) order[ #order + 1 ] = what .. loop:stats( ).turns - first end
  local waiting = loop:spawn( function( )
    loop:park( )
    note 'woken '
    loop:after( 0, note, 'armed by the task ' )
  end )
  loop:after( 1, function( )
    first = loop:stats( ).turns
    loop:after( 0, note, 'armed ' )
    loop:spawn( note, 'spawned ' )
    loop:unpark( waiting )
    note 'callback '
  end )
  loop:run( )
  same_list( order, { 'callback 0', 'woken 0', 'armed 1', 'spawned 1', 'armed by the task 1' } )
end )

test( 'a step also runs the due timers', function( )
  local loop, order = virtual( ), { }
  local tasks = parked( loop, 1, order )
  loop:unpark( tasks[ 1 ] )
  loop:after( 0, function( ) order[ #order + 1 ] = 'timer' end )
  loop:step( )
  same_list( order, { 1, 'timer' } )
end )

test( 'time does not pass before a woken task has run', function( )
  local loop, at = virtual( ), nil
  local task = loop:spawn( function( ) loop:park( ) at = loop:now( ) end )
  loop:after( 5, function( ) loop:unpark( task ) end )
  loop:advance( 100 )
  equal( at, 5 )
  equal( loop:now( ), 100 )
end )

test( 'tasks that end while others are queued leave the others in the queue', function( )
  local loop, order, wanted = virtual( ), { }, { }
  local tasks = parked( loop, 600, order )
  for i = 600, 1, -1 do
    -- In versions with coroutine.close, each third task never runs, because its coroutine is closed.
    if i % 3 == 0 and coroutine.close then
      loop:unpark( tasks[ i ] )
      coroutine.close( tasks[ i ]:thread( ) )
      equal( tasks[ i ]:join( ), nil )
    else
      loop:unpark( tasks[ i ] )
      wanted[ #wanted + 1 ] = i
    end
  end
  loop:run( )
  same_list( order, wanted )
  equal( #loop:tasks( ), 0 )
end )

test( 'two tasks that wake each other for ever delay neither timers nor handles', function( )
  local loop, over = cogloop.loop( ), { timer = false, handle = false, signal = false }
  local reader, writer = T.fifo( )
  local watcher
  watcher = loop:on( reader, 'r', function( )
    reader:read( )
    watcher:off( )
    over.handle = true
  end )
  local rounds = play( loop, function( ) return over.timer and over.handle and over.signal end )
  local signal
  signal = loop:signal( 'USR1', function( ) signal:off( ) over.signal = true end )
  loop:after( 2, function( )
    over.timer = true
    writer:write 'x\n'
    os.execute( 'kill -USR1 $PPID' )
  end )
  loop:run( )
  is_true( rounds.count > 0 )
  reader:close( ) writer:close( )
end )

test( 'two tasks that wake each other for ever do not stop a virtual clock', function( )
  local loop = virtual( )
  local is_over = false
  play( loop, function( ) return is_over end )
  loop:after( 0, function( ) is_over = true end )
  loop:run( )
  equal( #loop:tasks( ), 0 )
end )

test( 'a turn runs only some of a hundred slow tasks', function( )
  -- Each of a hundred tasks takes 2 ms, so a turn runs five or a few more, not all.
  local loop, order, seen = virtual( ), { }, nil
  local tasks = parked( loop, 100, order, function( ) loop:advance( 2 ) end )
  loop:after( 1, function( )
    for i = 1, 100 do loop:unpark( tasks[ i ] ) end
    loop:after( 0, function( ) seen = #order end )
  end )
  loop:run( )
  equal( #order, 100 )
  is_true( seen > 0 and seen < 50, seen )
end )

test( "the host's limit of callbacks in a turn applies to woken tasks", function( )
  local loop, order = virtual{ max_callbacks = 2 }, { }
  local tasks = { }
  for i = 1, 5 do tasks[ i ] = loop:spawn( function( ) loop:park( ) order[ #order + 1 ] = i end ) end
  while loop:step( 0 ) do end
  for i = 1, 5 do loop:unpark( tasks[ i ] ) end
  for _, count in ipairs{ 2, 4, 5 } do
    loop:step( 0 )
    equal( #order, count )
  end
end )

test( 'onerror gets the error of a woken task, and the other woken tasks run', function( )
  local loop, order, told = virtual( ), { }, { }
  loop:onerror( function( err, _, what ) told[ #told + 1 ] = err .. ' ' .. what:name( ) end )
  local tasks = { }
  for i = 1, 4 do
    tasks[ i ] = loop:spawn{ name = 'task ' .. i, function( )
      loop:park( )
      if i % 2 == 0 then error( 'oh', 0 ) end
      order[ #order + 1 ] = i
    end }
  end
  loop:step( 0 )
  for i = 1, 4 do loop:unpark( tasks[ i ] ) end
  loop:run( )
  same_list( order, { 1, 3 } )
  same_list( told, { 'oh task 2', 'oh task 4' } )
end )

test( 'after stop, or an error that leaves run, the next run resumes the other woken tasks', function( )
  local loop, order = virtual( ), { }
  local tasks = parked( loop, 3, order, function( i )
    if i == 1 then error( 'oh', 0 ) end
    if i == 2 then loop:stop( ) end
  end )
  for i = 1, 3 do loop:unpark( tasks[ i ] ) end
  equal( select( 2, pcall( loop.run, loop ) ), 'oh' )
  same_list( order, { 1 } )
  loop:run( )
  same_list( order, { 1, 2 } )
  loop:run( )
  same_list( order, { 1, 2, 3 } )
end )

-- The call of `stop` leaves one timer due. An earlier version served this timer before the other woken task, as if the
-- error had come while timers were being served.
test( 'an error of a woken task before the first turn does not make timers run before other woken tasks', function( )
  local loop, order = virtual( ), { }
  loop:onerror( function( ) order[ #order + 1 ] = 'error' end )
  local tasks = parked( loop, 2, order, function( i ) if i == 1 then error( 'oh', 0 ) end end )
  loop:after( 10, function( ) loop:stop( ) end )
  loop:after( 10, function( ) order[ #order + 1 ] = 'timer' end )
  loop:run( )
  for i = 1, 2 do loop:unpark( tasks[ i ] ) end
  loop:run( )
  same_list( order, { 1, 'error', 2, 'timer' } )
end )

test( 'a woken task that has ended does not count as woken', function( )
  if not coroutine.close then return end
  local loop, order = virtual( ), { }
  local tasks
  tasks = parked( loop, 3, order, function( i ) if i == 2 then loop:unpark( tasks[ 3 ] ) end end )
  loop:unpark( tasks[ 1 ] )
  coroutine.close( tasks[ 1 ]:thread( ) )
  equal( tasks[ 1 ]:status( ), 'cancelled' )
  equal( loop:remaining( ), nil )
  equal( loop:step( 0 ), false )
  -- A step runs at most as many tasks as are in the queue when it begins. A task that has ended does not count, so
  -- task 3, which task 2 wakes, does not run in this step.
  local closed = loop:spawn( function( ) loop:park( ) end )
  loop:step( 0 )
  loop:unpark( closed )
  coroutine.close( closed:thread( ) )
  equal( closed:status( ), 'cancelled' )
  loop:unpark( tasks[ 2 ] )
  equal( loop:step( 0 ), true )
  same_list( order, { 2 } )
end )

test( 'no task runs after a task that has closed the loop', function( )
  local loop, order = virtual( ), { }
  local tasks = parked( loop, 3, order, function( i ) if i == 2 then loop:close( ) end end )
  for i = 1, 3 do loop:unpark( tasks[ i ] ) end
  loop:run( )
  same_list( order, { 1, 2 } )
  equal( tasks[ 3 ]:status( ), 'cancelled' )
end )

test( 'a woken task does not count as a timer', function( )
  local loop = virtual( )
  local tasks = parked( loop, 2, { } )
  loop:unpark( tasks[ 1 ] )
  tasks[ 2 ]:cancel( )
  equal( #loop:timers( ), 0 )
  equal( loop:stats( ).timers, 0 )
  loop:run( )
  equal( tasks[ 2 ]:status( ), 'cancelled' )
end )

T.done( )
