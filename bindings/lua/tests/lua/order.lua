-- Tests that tasks run in order, and that neither tasks nor handles starve.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T    = require 'harness'
local Loop = require 't.Loop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return Loop{ clock = 'virtual' } end

test( 'tasks with equal deadlines run in the order in which they were added, near and far (C03)', function( )
  for _, ms in ipairs{ 0, 1, 64, 4096, 262144, 16777216, 1073741824 } do
    local loop, ran = virtual( ), { }
    for i = 1, 100 do
      loop:addTask( ms, function( ) ran[ #ran + 1 ] = i end )
    end
    loop:run( )
    equal( #ran, 100 )
    for i = 1, 100 do equal( ran[ i ], i, 'place' ) end
  end
end )

test( 'of two tasks with the same deadline the one added later runs later, whatever their delays were (C03)', function( )
  local loop, ran = virtual( ), { }
  local function note( name ) ran[ #ran + 1 ] = name end
  loop:addTask( 5000, note, 'first' )
  loop:addTask( 1000, function( ) loop:addTask( 4000, note, 'second' ) end )
  loop:addTask( 4999, function( ) loop:addTask( 1, note, 'third' ) end )
  loop:run( )
  same_list( ran, { 'first', 'second', 'third' } )
end )

test( 'a task added with 0 ms in a callback runs in a later turn (C04)', function( )
  local loop, ran = virtual( ), { }
  local function note( name ) ran[ #ran + 1 ] = name end
  loop:addTask( 10, function( ) note 'a' loop:addTask( 0, note, 'added' ) end )
  loop:addTask( 10, note, 'b' )
  loop:addTask( 10, note, 'c' )
  loop:run( )
  same_list( ran, { 'a', 'b', 'c', 'added' } )
end )

test( 'a task that adds itself with 0 ms starves neither a timer nor a handle (C05)', function( )
  local loop, turns, served, five, ended = Loop( ), 0, 0, false, false
  local always = T.null( )
  local function again( )
    turns = turns + 1
    if not ended then loop:addTask( 0, again ) end
  end
  loop:addTask( 0, again )
  loop:addHandle( always, 'r', function( ) served = served + 1 end )
  loop:addTask( 5, function( ) five = true end )
  loop:addTask( 20, function( )
    ended = five and turns > 10 and served > 10
    if not ended then return 1 end
    loop:removeHandle( always, 'r' )
  end )
  loop:run( )     -- would not return if the handle starved
  is_true( ended )
end )

test( 'a handle that is always ready does not delay tasks (C36)', function( )
  local loop, _, writer = Loop( ), T.fifo( )
  local runs, calls = 0, 0
  local function work( )
    runs = runs + 1
    if runs < 10 then loop:addTask( 0, work ) else loop:removeHandle( writer, 'w' ) end
  end
  loop:addTask( 0, work )
  loop:addHandle( writer, 'w', function( ) calls = calls + 1 end )
  loop:run( )
  equal( runs, 10 )
  is_true( calls >= 1 and calls <= 10, calls )
end )

test( 'a backlog of tasks does not delay a handle (C36)', function( )
  local loop, reader, writer = Loop( ), T.fifo( )
  local tasks, seen_at = 0, nil
  writer:write( 'x\n' )
  for _ = 1, 1000 do
    local function busy( )
      tasks = tasks + 1
      if not seen_at then return loop:addTask( 0, busy ) and nil end
    end
    loop:addTask( 0, busy )
  end
  loop:addHandle( reader, 'r', function( )
    reader:read( )
    seen_at = tasks
    loop:removeHandle( reader, 'r' )
  end )
  loop:run( )
  is_true( seen_at <= 1000, 'the handle was served in the first turn' )
end )

test( 'of 100,000 random tasks half are cancelled, and each other one runs once, in order, not early', function( )
  local loop, count = virtual( ), T.many( 100000 )
  math.randomseed( 42 )
  local tasks, due, last, ran = { }, { }, { 0, 0 }, 0
  local function run( i )
    ran = ran + 1
    is_true( due[ i ], 'run once' )
    is_true( loop:time( ) >= due[ i ], 'not early' )
    is_true( last[ 1 ] < due[ i ] or last[ 1 ] == due[ i ] and last[ 2 ] < i, 'in order' )
    last, due[ i ] = { due[ i ], i }, nil
  end
  for i = 1, count do
    due[ i ] = math.random( 0, 2000 )
    tasks[ i ] = loop:addTask( due[ i ], run, i )
  end
  local cancelled = 0
  for i = 1, count do
    if math.random( ) < 0.5 then
      is_true( loop:cancelTask( tasks[ i ] ) )
      due[ i ], cancelled = nil, cancelled + 1
    end
  end
  loop:run( )
  equal( ran + cancelled, count )
  equal( next( due ), nil )
end )

test( 'of 100,000 random tasks in real time each one that is not cancelled runs once, in order, not early', function( )
  local loop, count = Loop( ), T.many( 100000 )
  math.randomseed( 43 )
  local last, ran, cancelled = -1, 0, 0
  local tasks = { }
  for i = 1, count do
    -- The deadline lies between `earliest` and `latest`.
    local ms = math.random( 0, 400 )
    local earliest, latest = T.now( ) + ms, nil
    tasks[ i ] = loop:addTask( ms, function( )
      ran = ran + 1
      if T.now( ) < earliest then error( 'early' ) end
      if latest < last then error( 'out of order' ) end
      last = math.max( last, earliest )
    end )
    latest = T.now( ) + ms + 0.001
  end
  for i = 1, count, 2 do
    if loop:cancelTask( tasks[ i ] ) then cancelled = cancelled + 1 end
  end
  loop:run( )
  equal( ran + cancelled, count )
end )

T.done( )
