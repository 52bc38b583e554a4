-- Tests of scopes of tasks in `require 'cogloop'`: group, all, any, timeout. Also of waits in coroutines that a task
-- makes: wrap, pcall.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

-- Runs `f` in a task of the loop. Returns its results, or raises its error. Checks that no task and no timer is left.
local function run_in( loop, f )
  local task = loop:spawn( f )
  loop:spawn( function( ) task:join( ) end )
  loop:run( )
  equal( #loop:tasks( ), 0, 'tasks that are left' )
  equal( #loop:timers( ), 0, 'timers that are left' )
  local results = { n = select( '#', task:join( ) ), task:join( ) }
  if task:status( ) ~= 'done' then error( results[ 2 ], 0 ) end
  return (table.unpack or unpack)( results, 1, results.n )
end

test( 'a group ends when all its tasks have ended', function( )
  local loop, ended = virtual( ), 0
  equal( run_in( loop, function( )
    local group = loop:group( )
    for i = 1, 10 do group:spawn( function( n ) loop:sleep( n ) ended = ended + 1 end, i ) end
    local ok = group:join( )
    equal( ended, 10 )
    return ok
  end ), true )
  equal( loop:now( ), 10 )
  equal( run_in( loop, function( ) return loop:group( ):join( ) end ), true, 'join of a group without tasks' )
end )

test( 'the first error of a group cancels the other tasks, and only join returns it', function( )
  local loop, seen, status = virtual( ), 0, { }
  loop:onerror( function( ) seen = seen + 1 end )
  local ok, err = run_in( loop, function( )
    local group = loop:group( )
    local slow = group:spawn( function( ) loop:sleep( 1000 ) end )
    group:spawn( function( ) loop:sleep( 5 ) error( 'first', 0 ) end )
    group:spawn( function( ) loop:sleep( 5 ) error( 'second', 0 ) end )
    local ok, err = group:join( )
    status[ 1 ] = slow:status( )
    status[ 2 ] = group:spawn( print ):status( )
    return ok, err
  end )
  equal( ok, nil )
  equal( err, 'first' )
  equal( seen, 0 )
  same_list( status, { 'cancelled', 'cancelled' } )
  equal( loop:now( ), 5 )
end )

test( 'a group whose join timed out goes on until it is cancelled', function( )
  local loop = virtual( )
  run_in( loop, function( )
    local group = loop:group( )
    group:spawn( function( ) loop:sleep( 100 ) end )
    local value, message, errno = group:join( 10 )
    equal( value, nil )
    equal( message, 'timed out' )
    equal( errno, 110 )
    same_list( { group:cancel( ), group:cancel( ) }, { true, false } )
    equal( group:join( ), true )
  end )
  equal( loop:now( ), 10 )
end )

test( 'a cancelled task that waits for a group leaves no task behind', function( )
  local loop, order = virtual( ), { }
  local outer = loop:spawn( function( )
    local group = loop:group( )
    for i = 1, 3 do
      group:spawn( function( )
        loop:pcall( loop.sleep, loop, 1000 )
        loop:sleep( i )
        order[ #order + 1 ] = 'task ' .. i .. ' at ' .. loop:now( )
      end )
    end
    group:join( )
    order[ #order + 1 ] = 'not reached'
  end )
  loop:after( 10, function( ) outer:cancel 'enough' end )
  loop:run( )
  equal( outer:status( ), 'cancelled' )
  equal( select( 2, outer:join( ) ).reason, 'enough' )
  same_list( order, { 'task 1 at 11', 'task 2 at 12', 'task 3 at 13' } )
  equal( loop:now( ), 13 )
  equal( #loop:tasks( ), 0 )
end )

-- A scope that cancels its tasks waits until they have ended. If the task that waits for the scope is cancelled
-- meanwhile, its wait raises only after the scope's tasks have ended.
test( 'a task can be cancelled while its scope waits for the clean-up, and leaves no task behind', function( )
  local function slow( loop ) loop:pcall( loop.sleep, loop, 1e6 ) loop:sleep( 20 ) end
  local scopes = {
    timeout = function( loop ) loop:timeout( 1, function( ) slow( loop ) end ) end,
    group = function( loop )
      local group = loop:group( )
      group:spawn( slow, loop )
      loop:sleep( 1 )
      getmetatable( group ).__close( group )
    end,
  }
  for name, scope in pairs( scopes ) do
    local loop, went_on = virtual( ), false
    local task = loop:spawn( function( ) scope( loop ) went_on = true end )
    loop:after( 10, function( ) task:cancel 'why' end )
    loop:run( )
    equal( went_on, false, name )
    equal( task:status( ), 'cancelled', name )
    equal( select( 2, task:join( ) ).reason, 'why' )
    equal( #loop:tasks( ), 0, name )
  end
  -- The task ends after the tasks for which it waits.
  local loop, order = virtual( ), { }
  local task = loop:spawn( function( ) loop:timeout( 1, function( ) slow( loop ) order[ 1 ] = loop:now( ) end ) end )
  loop:spawn( function( ) task:join( ) order[ 2 ] = loop:now( ) end )
  loop:after( 10, function( ) task:cancel( ) end )
  loop:run( )
  same_list( order, { 21, 21 } )
end )

test( 'if a task is cancelled while its scope is at the limit of the loop, no task is left behind', function( )
  local loop, went_on = cogloop.loop{ clock = 'virtual', max_timers = 3 }, nil
  local slow = loop:spawn( function( ) loop:pcall( loop.sleep, loop, 1e6 ) loop:sleep( 20 ) end )
  local task = loop:spawn( function( )
    local function part( ) end
    local _, err = loop:pcall( loop.all, loop, slow, part, part, part, part )
    went_on = cogloop.cancelled( err )
  end )
  loop:after( 10, function( ) task:cancel( ) end )
  loop:run( )
  equal( went_on, true )
  equal( loop:now( ), 20 )
  equal( #loop:tasks( ), 0 )
end )

test( 'a task that would wait for itself gets an error before anything begins', function( )
  local loop, begun = virtual( ), false
  for _, name in ipairs{ 'all', 'any' } do
    local task
    task = loop:spawn( function( )
      fails( 'cannot wait for the end of the group', loop[ name ], loop, function( ) begun = true end, task )
      equal( #loop:tasks( ), 1 )
    end )
    loop:run( )
    equal( task:status( ), 'done' )
  end
  equal( begun, false )
end )

test( 'a task of a group cannot join the group', function( )
  local loop = virtual( )
  run_in( loop, function( )
    local group = loop:group( )
    group:spawn( function( ) fails( 'cannot wait for the end of the group', group.join, group ) end )
    equal( group:join( ), true )
  end )
end )

test( 'all returns the results in order, and the first error cancels the other tasks', function( )
  local loop = virtual( )
  same_list( { run_in( loop, function( )
    local started = loop:spawn( function( ) loop:sleep( 3 ) return 'c', 'more' end )
    return loop:all( function( ) loop:sleep( 5 ) return 'a' end, function( ) return 'b' end, started )
  end ) }, { 'a', 'b', 'c' } )
  equal( loop:now( ), 5 )
  equal( fails( 'oh', run_in, loop, function( )
    loop:all( function( ) loop:sleep( 1000 ) end, function( ) loop:sleep( 1 ) error( 'oh', 0 ) end )
  end ), 'oh' )
  equal( loop:now( ), 6 )
  local nils = { n = 0, run_in( loop, function( ) return select( '#', loop:all( print, function( ) end ) ) end ) }
  equal( nils[ 1 ], 2 )
end )

test( 'any returns the results of the first task that returns, and raises only if none returns', function( )
  local loop = virtual( )
  same_list( { run_in( loop, function( )
    return loop:any( function( ) loop:sleep( 50 ) return 'slow' end, function( ) error 'x' end,
      function( ) loop:sleep( 2 ) return 'fast', 2 end )
  end ) }, { 'fast', 2 } )
  equal( loop:now( ), 2 )
  equal( fails( 'second', run_in, loop, function( )
    loop:any( function( ) loop:sleep( 2 ) error( 'first', 0 ) end, function( ) loop:sleep( 1 ) error( 'second', 0 ) end )
  end ), 'second' )
end )

test( 'timeout returns the results in time, nil and the reason after it, and raises errors', function( )
  local loop = virtual( )
  local function limited( ms, f, ... )
    local args, n = { ... }, select( '#', ... )
    return run_in( loop, function( ) return loop:timeout( ms, f, (table.unpack or unpack)( args, 1, n ) ) end )
  end
  same_list( { limited( 10, function( ... ) loop:sleep( 5 ) return select( '#', ... ), ... end, 'a', 'b' ) }, { 2, 'a', 'b' } )
  local value, message, errno = limited( 10, function( ) loop:sleep( 50 ) end )
  equal( value, nil )
  equal( message, 'timed out' )
  equal( errno, 110 )
  equal( loop:now( ), 15 )
  fails( 'oh', limited, 10, function( ) loop:sleep( 1 ) error( 'oh', 0 ) end )
  equal( limited( 10, function( ) end ), nil )
  -- A function that ends in time does not wait for the limit. Cleaning up may take longer than the limit.
  equal( loop:now( ), 16 )
  limited( 10, function( ) loop:pcall( loop.sleep, loop, 50 ) loop:sleep( 100 ) end )
  equal( loop:now( ), 126 )
end )

test( 'timeout takes one timer while it waits', function( )
  local loop = virtual( )
  local reader, writer = T.fifo( )
  local counted
  loop:spawn( function( ) loop:timeout( 100, function( ) loop:wait( reader, 'r' ) end ) end )
  loop:after( 1, function( ) counted = #loop:timers( ) end )
  loop:run( )
  equal( counted, 1 )
  is_true( writer )
end )

test( 'the shortest of nested timeouts ends first, and each reports its own end', function( )
  local loop = virtual( )
  same_list( { run_in( loop, function( )
    return loop:timeout( 100, function( )
      local value, message = loop:timeout( 10, function( ) loop:sleep( 1000 ) end )
      return tostring( value ), message, loop:now( )
    end )
  end ) }, { 'nil', 'timed out', 10 } )
  local value, message = run_in( loop, function( )
    return loop:timeout( 10, function( ) return loop:timeout( 100, function( ) loop:sleep( 1000 ) end ) end )
  end )
  equal( value, nil )
  equal( message, 'timed out' )
  equal( loop:now( ), 20 )
end )

test( 'timeout without arguments follows the protocol of cqueues', function( )
  local loop = virtual( )
  equal( loop:timeout( ), nil )
  loop:after( 1500, print )
  equal( loop:timeout( ), 1.5 )
end )

test( 'a cancelled task leaves no task of its scopes behind', function( )
  for _, scope in ipairs{
    function( loop, f ) loop:all( f, f ) end,
    function( loop, f ) loop:any( f, f ) end,
    function( loop, f ) loop:timeout( 1e6, f ) end,
    function( loop, f ) loop:timeout( 1e6, function( ) loop:all( f, f ) end ) end,
  } do
    local loop = virtual( )
    local task = loop:spawn( function( ) scope( loop, function( ) loop:sleep( 1e6 ) end ) end )
    loop:after( 5, function( ) task:cancel 'why' end )
    loop:run( )
    equal( task:status( ), 'cancelled' )
    equal( #loop:tasks( ), 0 )
    equal( loop:now( ), 5 )
  end
end )

test( 'a scope that reaches the limit of the loop half-way leaves none of its tasks', function( )
  local loop, begun = cogloop.loop{ clock = 'virtual', max_timers = 2 }, 0
  local task = loop:spawn( function( )
    local function part( ) begun = begun + 1 loop:sleep( 1000 ) end
    loop:sleep( 1 )
    loop:all( part, part, part, part )
  end )
  loop:spawn( function( ) task:join( ) end )
  loop:run( )
  equal( task:status( ), 'failed' )
  is_true( select( 2, task:join( ) ):find 'too many timers' )
  equal( begun, 0 )
  equal( #loop:tasks( ), 0 )
  equal( loop:now( ), 1 )
end )

-- Two tasks that join each other wait for ever and do not keep the loop going. A cancellation ends the wait.
test( 'a cancellation ends a circle of joins', function( )
  local loop, one, two = virtual( ), nil, nil
  one = loop:spawn( function( ) return two:join( ) end )
  two = loop:spawn( function( ) return one:join( ) end )
  loop:run( )
  equal( #loop:tasks( ), 2 )
  one:cancel( )
  loop:run( )
  equal( #loop:tasks( ), 0 )
  equal( two:status( ), 'done' )
end )

test( 'a scope that is cancelled at any point leaves nothing behind', function( )
  for at = 0, 12 do
    for turn = 0, 3 do
      local loop = virtual( )
      local channel = loop:channel( )
      local task = loop:spawn( function( )
        loop:sleep( 2 )
        loop:timeout( 5, function( )
          loop:all( function( ) channel:send( 1 ) loop:sleep( 1 ) end, function( ) channel:recv( ) loop:sleep( 2 ) end )
          loop:any( function( ) loop:sleep( 1 ) end, function( ) loop:sleep( 9 ) end )
        end )
        loop:sleep( 3 )
      end )
      loop:advance( at )
      for _ = 1, turn do loop:step( 0 ) end
      local was_over = task:status( ) == 'done'
      equal( task:cancel( ), not was_over )
      loop:run( )
      equal( #loop:tasks( ), 0, at .. '/' .. turn )
      equal( #loop:timers( ), 0 )
      equal( task:status( ), was_over and 'done' or 'cancelled' )
    end
  end
end )

test( 'a coroutine of wrap may wait, and its own yields reach the task', function( )
  local loop = virtual( )
  local reader, writer = T.fifo( )
  local got = { run_in( loop, function( )
    local next = loop:wrap( function( a )
      loop:sleep( 5 )
      local b = coroutine.yield( a + 1 )
      equal( select( 2, loop:wait( reader, 'r', 5 ) ), 'timed out' )
      local c = coroutine.yield( b * 2 )
      local inner = loop:wrap( function( ) loop:sleep( 5 ) coroutine.yield( 'deep' ) end )
      return inner( ) .. c
    end )
    return next( 1 ), next( 10 ), next( '!' ), loop:now( )
  end ) }
  same_list( got, { 2, 20, 'deep!', 15 } )
  is_true( writer )
  -- Outside a task `wrap` makes a plain coroutine.
  equal( loop:wrap( function( a ) return a end )( 7 ), 7 )
  fails( "only a task of this loop can wait", loop:wrap( function( ) loop:sleep( 1 ) end ) )
end )

test( 'errors and cancellations pass through wrap', function( )
  local loop = virtual( )
  equal( fails( 'deep', run_in, loop, function( ) loop:wrap( function( ) loop:sleep( 1 ) error( 'deep', 0 ) end )( ) end ), 'deep' )
  local task = loop:spawn( function( ) loop:wrap( function( ) loop:sleep( 1000 ) end )( ) end )
  loop:step( 0 )
  task:cancel( )
  loop:run( )
  equal( task:status( ), 'cancelled' )
end )

test( 'only one task at a time can resume a coroutine of wrap, and no wait in it ends early', function( )
  local loop = virtual( )
  local woke, got = { }, { }
  local next = loop:wrap( function( )
    for i = 1, 3 do
      loop:sleep( 10 )
      woke[ i ] = loop:now( )
      coroutine.yield( i )
    end
  end )
  local first = loop:spawn( function( ) got[ 1 ] = next( ) end )
  loop:spawn( function( )
    local err = fails( 'another task waits in this coroutine', function( ) local _ = next( ) end )
    is_true( err:find( 'cogloop_tasks_scopes.lua:%d+: ' ), err )
    first:join( )
    got[ 2 ] = next( )
  end )
  loop:run( )
  same_list( got, { 1, 2 } )
  same_list( woke, { 10, 20 } )
  -- A task that waits in the coroutine and is closed leaves it, as before, in the middle of its wait.
  local closed = loop:spawn( function( ) next( ) end )
  loop:step( 0 )
  if coroutine.close then
    coroutine.close( closed:thread( ) )
    equal( run_in( loop, next ), 3 )
  end
end )

test( 'a task may wait below pcall on every Lua', function( )
  local loop = virtual( )
  local got = { run_in( loop, function( )
    local ok, a, b = loop:pcall( function( x ) loop:sleep( 5 ) return x, loop:now( ) end, 'x' )
    local bad, err = loop:pcall( function( ) loop:sleep( 5 ) error( 'oh', 0 ) end )
    local nested = loop:pcall( loop.pcall, loop, loop.sleep, loop, 5 )
    local yields = loop:pcall( coroutine.yield, 1 )
    return ok, a, b, bad, err, nested, yields
  end ) }
  same_list( got, { true, 'x', 5, false, 'oh', true, true } )
  local caught
  local task = loop:spawn( function( )
    local _, err = loop:pcall( loop.sleep, loop, 1000 )
    caught = err
    loop:sleep( 7 )
    error( err, 0 )
  end )
  loop:step( 0 )
  task:cancel 'why'
  loop:run( )
  equal( caught.reason, 'why' )
  equal( task:status( ), 'cancelled' )
  same_list( { loop:pcall( function( ) return 1, 2 end ) }, { true, 1, 2 } )
end )

if _VERSION >= 'Lua 5.4' then
  test( 'a group in a <close> variable has no task left at the end of the block', function( )
    local loop = virtual( )
    local code = [[
      local loop, equal = ...
      local ended = 0
      do
        local group <close> = loop:group( )
        for i = 1, 3 do
          group:spawn( function( )
            pcall( loop.sleep, loop, 1000 )
            loop:sleep( i )
            ended = ended + 1
          end )
        end
        loop:sleep( 5 )
      end
      equal( ended, 3 )
      equal( loop:now( ), 8 )
    ]]
    run_in( loop, function( ) assert( load( code ) )( loop, equal ) end )
  end )
end

test( 'all without functions returns nothing, because a list of tasks may be empty', function( )
  local loop, count = virtual( ), nil
  loop:spawn( function( ) count = select( '#', loop:all( ) ) end )
  loop:run( )
  equal( count, 0 )
  fails( 'only a task of this loop can wait', loop.all, loop )
end )

test( 'all and any refuse a task of another loop, like join', function( )
  local loop, other = virtual( ), virtual( )
  local task = other:spawn( function( ) other:sleep( 5 ) return 'late' end )
  local seen
  loop:spawn( function( )
    for _, scope in ipairs{ loop.all, loop.any } do
      fails( 'task: it belongs to another loop', scope, loop, task )
    end
    fails( 'only a task of this loop can wait', task.join, task )
    -- `all` and `any` have made no task.
    seen = #loop:tasks( )
  end )
  loop:run( )
  equal( seen, 1 )
  other:run( )
  same_list( { task:join( ) }, { 'late' } )
end )

test( 'the join of a group whose loop is closed returns what the join of its tasks returns', function( )
  local function closed( f )
    local loop = cogloop.loop{ clock = 'virtual' }
    local group = loop:group( )
    loop:onerror( function( ) end )
    local task = group:spawn( f, loop )
    loop:step( )
    loop:close( )
    return group, task
  end
  local group, task = closed( function( loop ) loop:sleep( 10 ) end )
  local ok, err = group:join( )
  equal( ok, nil )
  equal( select( 2, cogloop.cancelled( err ) ), 'the loop is closed' )
  equal( err, (select( 2, task:join( ) )) )
  getmetatable( group ).__close( group )
  equal( (closed( function( ) end ):join( )), true )
  ok, err = closed( function( ) error( 'oh', 0 ) end ):join( )
  equal( ok, nil )
  equal( err, 'oh' )
end )

T.done( )
