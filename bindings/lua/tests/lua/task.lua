-- Tasks of `t.Loop`: their arguments, their results, and cancelling.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T    = require 'harness'
local Loop = require 't.Loop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return Loop{ clock = 'virtual' } end

test( 'a task runs once, with its arguments, including trailing nils (C02)', function( )
  local loop, got = virtual( ), { }
  local task = loop:addTask( 5, function( ... ) got[ #got + 1 ] = { n = select( '#', ... ), ... } end, nil, 'a', nil, nil )
  equal( type( task ), 'userdata' )
  is_true( tostring( task ):match( '^T%.Loop%.Task: ' ) )
  loop:run( )
  loop:run( )
  equal( #got, 1 )
  equal( got[ 1 ].n, 4 )
  equal( got[ 1 ][ 2 ], 'a' )
  equal( loop:time( ), 5 )
end )

test( 'a task takes hundreds of arguments', function( )
  local loop, arguments, count, last = virtual( ), { }, nil, nil
  for i = 1, 200 do arguments[ i ] = i end
  loop:addTask( 0, function( ... ) count, last = select( '#', ... ), (select( 200, ... )) end, (table.unpack or unpack)( arguments ) )
  loop:run( )
  equal( count, 200 )
  equal( last, 200 )
end )

test( 'a task is an interval if it returns a whole number of 1 or more; any other result ends the interval (C10)', function( )
  for _, case in ipairs{
    { 3, 9 }, { 3.0, 9 }, { 1, 3 }, { 0, 0 }, { -1, 0 }, { 2.5, 0 }, { 0/0, 0 }, { 1/0, 0 }, { '5', 0 }, { true, 0 }, { { }, 0 }, { nil, 0 }
  } do
    local loop, runs, result = virtual( ), 0, case[ 1 ]
    loop:addTask( 0, function( ) runs = runs + 1 return runs <= 3 and result or nil end )
    loop:run( )
    equal( loop:time( ), case[ 2 ], 'end of an interval of ' .. tostring( result ) )
    equal( runs, case[ 2 ] > 0 and 4 or 1, 'runs of ' .. tostring( result ) )
  end
end )

test( 'an interval keeps its arguments and its task', function( )
  local loop, sum, task = virtual( ), 0, nil
  task = loop:addTask( 1, function( a, b )
    sum = sum + a + b
    if sum >= 30 then return end
    return 1
  end, 1, 2 )
  loop:run( )
  equal( sum, 30 )
  equal( loop:cancelTask( task ), false )
end )

test( 'an interval does not drift over a million periods (C14)', function( )
  local loop, runs, count = virtual( ), 0, T.many( 1000000 )
  loop:addTask( 7, function( ) runs = runs + 1 return runs < count and 7 end )
  loop:run( )
  equal( loop:time( ), 7 * count )
end )

test( 'missed deadlines are skipped, and the schedule is kept (C13, C16)', function( )
  local loop, at = virtual( ), { }
  loop:addTask( 10, function( )
    at[ #at + 1 ] = loop:time( )
    if #at == 2 then loop:sleep( 35 ) end     -- past the deadlines 30, 40 and 50
    return #at < 5 and 10
  end )
  loop:run( )
  same_list( at, { 10, 20, 60, 70, 80 } )
end )

test( 'a callback that is longer than its period does not keep other tasks from running (C16)', function( )
  local loop, long, other = virtual( ), 0, 0
  loop:addTask( 1, function( ) long = long + 1 loop:sleep( 3 ) return long < 10 and 1 end )
  loop:addTask( 1, function( ) other = other + 1 return other < 10 and 1 end )
  loop:run( )
  equal( long, 10 )
  equal( other, 10 )
end )

test( 'the duration of a callback makes the next task due (C15)', function( )
  local loop, at = virtual( ), nil
  loop:addTask( 0, function( ) loop:sleep( 300 ) end )
  loop:addTask( 300, function( ) at = loop:time( ) end )
  loop:run( )
  equal( at, 300 )
end )

test( 'a delay counts from the call of addTask, not from the start of the turn', function( )
  local loop, at = virtual( ), nil
  loop:addTask( 0, function( )
    loop:sleep( 50 )
    loop:addTask( 10, function( ) at = loop:time( ) end )
  end )
  loop:run( )
  equal( at, 60 )
end )

test( 'cancelTask returns true if the task was pending, else false (C08, C09)', function( )
  local loop, ran = virtual( ), 0
  local function run( ) ran = ran + 1 end
  local first, second = loop:addTask( 1, run ), loop:addTask( 2, run )
  equal( loop:cancelTask( first ), true )
  equal( loop:cancelTask( first ), false )
  loop:run( )
  equal( ran, 1 )
  equal( loop:cancelTask( second ), false )
  local third = loop:addTask( 1, run )     -- takes the table entry of one of the others
  equal( loop:cancelTask( first ), false )
  equal( loop:cancelTask( second ), false )
  loop:run( )
  equal( ran, 2 )
  equal( loop:cancelTask( third ), false )
end )

test( 'a cancelled task does not run, even if it is due in the same turn (C06)', function( )
  local loop, ran, tasks = virtual( ), { }, { }
  for i = 1, 5 do
    tasks[ i ] = loop:addTask( 10, function( )
      ran[ #ran + 1 ] = i
      if i == 2 then equal( loop:cancelTask( tasks[ 4 ] ), true ) equal( loop:cancelTask( tasks[ 1 ] ), false ) end
    end )
  end
  loop:run( )
  same_list( ran, { 1, 2, 3, 5 } )
end )

test( 'cancelling a task in its own callback takes precedence over the result (C07)', function( )
  local loop, runs, task, answers = virtual( ), 0, nil, { }
  task = loop:addTask( 1, function( )
    runs = runs + 1
    if runs == 3 then answers = { loop:cancelTask( task ), loop:cancelTask( task ) } end
    return 1
  end )
  loop:run( )
  equal( runs, 3 )
  same_list( answers, { true, false } )
end )

test( 'a callback may add tasks, and cancel its own and other tasks (C11, C12)', function( )
  local loop, ran, other = virtual( ), { }, nil
  local function note( name ) ran[ #ran + 1 ] = name .. loop:time( ) end
  loop:addTask( 1, function( )
    note 'a'
    other = loop:addTask( 5, note, 'never ' )
    loop:cancelTask( other )
    other = loop:addTask( 7, note, 'b' )
  end )
  loop:addTask( 2, function( )
    loop:cancelTask( other )
    other = loop:addTask( 9, note, 'c' )
  end )
  loop:run( )
  same_list( ran, { 'a1', 'c11' } )
end )

test( 'cancelTask does not cancel a task of another loop, and raises for any other value', function( )
  local one, two = virtual( ), virtual( )
  local ran = 0
  local function run( ) ran = ran + 1 end
  local mine, yours = one:addTask( 1, run ), two:addTask( 1, run )
  equal( one:cancelTask( yours ), false )
  for _, bad in ipairs{ 1, 'x', { }, io.stdout, one } do
    fails( "bad argument #1 to 'cancelTask' (task: T.Loop.Task expected", function( ) one:cancelTask( bad ) end )
  end
  fails( 'got no value', function( ) one:cancelTask( ) end )
  one:run( )
  two:run( )
  equal( ran, 2 )
  is_true( mine )
end )

test( 'an error about a wrong delay names the argument, and adds nothing (C18)', function( )
  local loop = virtual( )
  for _, bad in ipairs{ -1, -0.001, 0/0, 1/0, -1/0, '10', true, { } } do
    fails( "bad argument #1 to 'addTask' (ms: a finite number that is 0 or more expected, got", function( )
      loop:addTask( bad, print )
    end )
  end
  fails( 'got no value', function( ) loop:addTask( ) end )
  fails( 'got nil', function( ) loop:addTask( nil, print ) end )
  for _, bad in ipairs{ 1, 'print', { }, true } do
    fails( "bad argument #2 to 'addTask' (f: a function or a callable object expected, got", function( )
      loop:addTask( 1, bad )
    end )
  end
  fails( 'got no value', function( ) loop:addTask( 1 ) end )
  is_true( loop:show( ):find( 'T.Loop[0]', 1, true ) )
  loop:run( )
end )

test( 'callable tables and userdata are callbacks (C70)', function( )
  local got
  local function called( self, ... ) got = { self, ... } return nil end
  local files = getmetatable( io.stdout )
  for _, callable in ipairs{ setmetatable( { }, { __call = called } ), io.stdout } do
    local loop = virtual( )
    files.__call = called
    loop:addTask( 1, callable, 'x', 7 )
    loop:run( )
    files.__call = nil
    same_list( got, { callable, 'x', 7 } )
  end
end )

test( 'fractions of a millisecond count, and no task is early (C01, C26)', function( )
  local loop, at = virtual( ), { }
  loop:addTask( 0.9, function( ) at[ #at + 1 ] = 0.9 end )
  loop:addTask( 0.25, function( ) at[ #at + 1 ] = 0.25 end )
  loop:addTask( 0.5, function( ) at[ #at + 1 ] = 0.5 end )
  loop:run( )
  same_list( at, { 0.25, 0.5, 0.9 } )
  equal( loop:time( ), 0 )
end )

test( 'long delays are exact, and delays above 2^63 ns are clamped (C17)', function( )
  for _, ms in ipairs{ 2^31 - 1, 2^31, 2^31 + 1, 2^32 - 1, 2^32, 2^32 + 1, 2^43, 9000000000000 } do
    local loop, runs = virtual( ), 0
    loop:addTask( ms, function( ) runs = runs + 1 end )
    loop:addTask( 3, function( ) end )
    loop:run( )
    equal( loop:time( ), ms, 'delay' )
    equal( runs, 1 )
  end
  for _, ms in ipairs{ 2^53, 1e18, 1e300, math.maxinteger or 2^63 } do
    local loop, runs = virtual( ), 0
    loop:addTask( ms, function( ) runs = runs + 1 end )
    loop:run( )
    equal( runs, 1 )
    equal( loop:time( ), 9223372036854, 'clamped delay' )
  end
end )

test( 'no task is early by the monotonic clock in real time (C01)', function( )
  local loop, start = Loop( ), T.now( )
  local early, ran = 0, 0
  for ms = 1, 20 do
    loop:addTask( ms, function( )
      ran = ran + 1
      if T.now( ) - start < ms then early = early + 1 end
    end )
  end
  loop:run( )
  equal( ran, 20 )
  equal( early, 0 )
end )

T.done( )
