-- Tests which objects are kept alive, which are freed, and what the debug library sees.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T    = require 'harness'
local Loop = require 't.Loop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( options )
  options = options or { }
  options.clock = 'virtual'
  return Loop( options )
end
local value = T.user_value

test( 'tasks and handles without references survive full collections, and are called (C62)', function( )
  local loop, ran = Loop( ), 0
  for i = 1, 100 do
    loop:addTask( i / 10, function( t ) ran = ran + t[ 1 ] collectgarbage( ) end, { 1 } )
  end
  local served = 0
  do
    local file
    file = T.null( )
    loop:addHandle( file, 'r', function( f ) served = served + 1 T.collect( ) loop:removeHandle( f, 'r' ) end, file )
    file = nil
  end
  T.collect( )
  loop:run( )
  equal( ran, 100 )
  equal( served, 1 )
end )

test( 'a finished task or handle drops its function and arguments, even if its object is kept (C62)', function( )
  local loop, weak, held = virtual( ), setmetatable( { }, { __mode = 'v' } ), { }
  local function fill( kind )
    local argument = { }
    weak[ #weak + 1 ] = argument
    local f = function( ) return argument and nil end
    weak[ #weak + 1 ] = f
    return kind, f, argument
  end
  local function add( ms )
    local _, f, argument = fill( )
    held[ #held + 1 ] = loop:addTask( ms, f, argument )
    return held[ #held ]
  end
  add( 1 )
  loop:cancelTask( add( 2 ) )
  local file = T.null( )
  do
    local _, f, argument = fill( )
    held[ #held + 1 ] = loop:addHandle( file, 'r', f, argument )
    loop:removeHandle( file, 'r' )
  end
  loop:run( )
  add( 5 )
  loop:clean( )
  T.collect( )
  equal( next( weak ), nil, 'what is left' )
  equal( #held, 4 )
end )

test( 'tasks with one function and no arguments are separate, and the last one frees the function (C62)', function( )
  local loop, runs, weak = virtual( ), 0, setmetatable( { }, { __mode = 'v' } )
  do
    local f = function( ) runs = runs + 1 end
    weak[ 1 ] = f
    local a, b, c = loop:addTask( 1, f ), loop:addTask( 2, f ), loop:addTask( 3, f )
    equal( loop:cancelTask( a ), true )
    equal( loop:cancelTask( a ), false )
    equal( value( b, 2 )[ 1 ], f )
    equal( value( c, 2 )[ 1 ], f )
    equal( rawequal( b, c ), false )
    T.collect( )
    loop:addTask( 4, print )
    loop:clean( )
    loop:addTask( 5, f )
    loop:addTask( 5, f, 'an argument' )
    loop:addTask( 6, f )
  end
  T.collect( )
  loop:run( )
  equal( runs, 3 )
  T.collect( )
  equal( weak[ 1 ], nil, 'the function' )
end )

test( 'a task that failed also drops its function (C62)', function( )
  local loop, weak = virtual( ), setmetatable( { }, { __mode = 'v' } )
  local task
  do
    local f = function( ) error 'x' end
    weak[ 1 ] = f
    task = loop:addTask( 1, f )
  end
  pcall( loop.run, loop )
  T.collect( )
  equal( weak[ 1 ], nil )
  equal( loop:cancelTask( task ), false )
end )

test( 'a loop is freed with everything in it, even if its callbacks refer to it (C62, C66)', function( )
  local weak = setmetatable( { }, { __mode = 'k' } )
  for _ = 1, 10 do
    local loop = Loop( )
    weak[ loop ] = true
    for i = 1, 100 do loop:addTask( 1e6 + i, function( ) return loop end ) end
    loop:addHandle( T.null( ), 'r', function( ) return loop end )
  end
  T.collect( )
  equal( next( weak ), nil )
end )

test( 'nothing is added to the registry (C62)', function( )
  local function count( )
    local n = 0
    for _ in pairs( debug.getregistry( ) ) do n = n + 1 end
    return n
  end
  local loop = virtual( )
  local before = count( )
  for i = 1, 100 do loop:addTask( i, function( ) return i < 50 and 1000 end ) end
  for _ = 1, 10 do loop:addTask( 2000, function( ) loop:stop( ) end ) end
  loop:run( )
  equal( count( ), before )
end )

test( 'memory depends on the number of live tasks, not on the number of tasks ever added', function( )
  local loop = virtual( )
  local function churn( )
    for _ = 1, T.many( 20000 ) do loop:cancelTask( loop:addTask( 1000000, print, 'x' ) ) end
    T.collect( )
    return collectgarbage 'count'
  end
  local first = churn( )
  for _ = 1, 5 do churn( ) end
  is_true( churn( ) < first + 20, 'memory grew by 20 KiB or more' )
end )

test( 'a task fires even if the coroutine that added it is suspended, dead or collected (C63)', function( )
  local loop, ran = virtual( ), { }
  local function note( name ) ran[ #ran + 1 ] = name end
  local suspended = coroutine.create( function( ) loop:addTask( 1, note, 'suspended' ) coroutine.yield( ) end )
  coroutine.resume( suspended )
  local dead = coroutine.create( function( ) loop:addTask( 2, note, 'dead' ) end )
  coroutine.resume( dead )
  coroutine.wrap( function( ) loop:addTask( 3, note, 'collected' ) end )( )
  coroutine.wrap( function( ) loop:addTask( 4, note, 'failed' ) pcall( error ) end )( )
  T.collect( )
  loop:run( )
  same_list( ran, { 'suspended', 'dead', 'collected', 'failed' } )
  is_true( suspended and dead )
end )

test( 'a loop can run inside a coroutine (C63)', function( )
  local loop, ran = virtual( ), 0
  for i = 1, 10 do loop:addTask( i, function( ) ran = ran + 1 end ) end
  coroutine.wrap( function( ) loop:run( ) end )( )
  equal( ran, 10 )
end )

test( '__gc may add and cancel tasks at any time (C72)', function( )
  local loop, finalized, fired, tasks = virtual( ), 0, 0, { }
  local function litter( )
    T.on_collect( function( )
      finalized = finalized + 1
      tasks[ #tasks + 1 ] = loop:addTask( 1, function( ) fired = fired + 1 end )
      if #tasks % 3 == 0 then loop:cancelTask( tasks[ #tasks ] ) fired = fired + 1 end
      if #tasks % 5 == 0 then loop:cancelTask( tasks[ #tasks - 4 ] ) end
    end )
  end
  local pause = T.gc_pause( 0 )      -- the collector never pauses
  local rounds = 0
  loop:addTask( 1, function( )
    rounds = rounds + 1
    for _ = 1, 50 do litter( ) end
    for _ = 1, 50 do loop:addTask( 0, function( ) end, { }, { } ) end
    return rounds < 40 and 1
  end )
  loop:run( )
  T.gc_pause( pause )
  T.collect( )
  loop:run( )
  is_true( finalized > 1000, 'finalized ' .. finalized )
  is_true( fired > finalized / 2, 'fired ' .. fired )
end )

test( '__gc may add and remove handles (C72)', function( )
  local loop, file, finalized = Loop( ), T.null 'r+', 0
  local rounds = 0
  loop:addHandle( file, 'r', function( )
    rounds = rounds + 1
    for _ = 1, 20 do
      T.on_collect( function( )
        finalized = finalized + 1
        if finalized % 2 == 0 then loop:addHandle( file, 'w', function( ) end ) else loop:removeHandle( file, 'w' ) end
      end )
    end
    if rounds == 300 then loop:clean( ) end
  end )
  loop:run( )
  T.collect( )
  loop:clean( )
  is_true( finalized > 1000 )
end )

test( 'addTask raises an error and does not crash if __gc closes the loop meanwhile (C72)', function( )
  for _ = 1, T.many( 200 ) do
    local loop = Loop( )
    T.on_collect( function( ) getmetatable( loop ).__close( loop ) end )
    local ok, message = pcall( function( )
      for _ = 1, 2000 do loop:addTask( 1000, print, { }, { } ) end
      T.collect( )
      loop:addTask( 1, print )
    end )
    equal( ok, false )
    is_true( message:find( 'the loop is closed', 1, true ), message )
  end
end )

test( 'a task shows its function and arguments to the debug library', function( )
  local loop = virtual( )
  local task = loop:addTask( 5, print, 'a', 2 )
  same_list( value( task, 2 ), { print, 'a', 2 } )
  equal( value( task, 1 ), nil )
  loop:cancelTask( task )
  equal( value( task, 2 ), nil )
end )

test( 'a task of a loop made with debug refers to the task that fires next', function( )
  local loop = virtual{ debug = true }
  local tasks = { }
  for _, ms in ipairs{ 30, 10, 20, 10 } do tasks[ #tasks + 1 ] = loop:addTask( ms, function( ) end ) end
  equal( value( tasks[ 2 ], 1 ), tasks[ 4 ] )
  equal( value( tasks[ 4 ], 1 ), tasks[ 3 ] )
  equal( value( tasks[ 3 ], 1 ), tasks[ 1 ] )
  equal( value( tasks[ 1 ], 1 ), nil )
  loop:cancelTask( tasks[ 3 ] )
  equal( value( tasks[ 4 ], 1 ), tasks[ 1 ] )
  equal( value( tasks[ 3 ], 1 ), nil )
  local seen
  loop:addTask( 10, function( ) seen = value( tasks[ 4 ], 1 ) end )
  local again = loop:addTask( 25, function( ) end )
  loop:run( )
  equal( seen, nil )
  equal( value( again, 1 ), nil )
end )

test( 'a node shows its functions, arguments and handle to the debug library', function( )
  local loop, file = Loop( ), T.null 'r+'
  local node = loop:addHandle( file, 'r', print, 'in', 1 )
  same_list( value( node, 1 ), { print, 'in', 1 } )
  equal( value( node, 2 ), nil )
  equal( value( node, 3 ), file )
  loop:addHandle( file, 'w', type, 'out' )
  same_list( value( node, 2 ), { type, 'out' } )
  loop:removeHandle( file, 'r' )
  equal( value( node, 1 ), nil )
  same_list( value( node, 2 ), { type, 'out' } )
  loop:removeHandle( file, 'w' )
  equal( value( node, 2 ), nil )
  equal( value( node, 3 ), nil )
end )

T.done( )
