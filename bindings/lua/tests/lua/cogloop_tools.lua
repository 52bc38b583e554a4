-- Functions that describe a loop of `require 'cogloop'`: timers, handles, dump, stats, slow. Also debounce and
-- throttle, and a loop inside another loop.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

test( 'timers lists the timers in the order in which they fire', function( )
  local loop = virtual( )
  local function f( ) end
  local c = loop:every( 30, f )
  local a = loop:after( 10, f, 'x' )
  local b = loop:after( 10, print )
  local p = loop:after( 5, f )
  p:pause( )
  local list, got = loop:timers( ), { }
  for i, item in ipairs( list ) do got[ i ] = item.remaining end
  same_list( got, { 10, 10, 30, 5 } )
  equal( list[ 1 ].timer, a )
  equal( list[ 1 ].f, f )
  equal( list[ 2 ].timer, b )
  equal( list[ 2 ].f, print )
  equal( list[ 3 ].timer, c )
  equal( list[ 3 ].repeats, true )
  equal( list[ 2 ].repeats, false )
  equal( list[ 4 ].paused, true )
  for _, item in ipairs( list ) do equal( item.timer:cancel( ), true ) end
  equal( #loop:timers( ), 0 )
end )

test( 'timers keeps the order of equal deadlines, also of an interval armed again and of a timer with slack', function( )
  local loop, names = virtual( ), { }
  local function named( name ) return function( ) names[ #names + 1 ] = name end end
  local of = { }
  of[ loop:every( 10, named 'interval' ) ] = 'interval'
  of[ loop:after( 20, named 'once' ) ] = 'once'
  of[ loop:every( { ms = 100, first = 19, slack = 10 }, named 'slack' ) ] = 'slack'
  local moved = loop:after( 1, named 'moved' )
  moved:reschedule( 20 )
  of[ moved ] = 'moved'
  loop:advance( 10 )
  names = { }
  local listed = { }
  for i, item in ipairs( loop:timers( ) ) do
    for timer, name in pairs( of ) do if timer == item.timer then listed[ i ] = name end end
  end
  loop:advance( 16 )
  same_list( listed, names )
  equal( #listed, 4 )
end )

test( 'timers shows the task of a timer: before the task begins, in a sleep, in a wait with a limit', function( )
  local loop = virtual( )
  local silent = require 't.Net.Socket'( 'udp' )
  local function begin( f )
    local task = loop:spawn( f )
    local fresh = loop:timers( )[ 1 ]
    equal( fresh.f, task )
    loop:advance( 0 )
    equal( #loop:timers( ), 1 )
    equal( loop:timers( )[ 1 ].f, task )
    loop:advance( 100 )
  end
  begin( function( ) loop:sleep( 10 ) end )
  begin( function( ) loop:wait( silent, 'r', 10 ) end )
  silent:close( )
end )

test( 'handles lists the watchers', function( )
  local loop = cogloop.loop( )
  local file = T.null 'r+'
  local watcher = loop:on( file, 'rw', print )
  local list = loop:handles( )
  equal( #list, 1 )
  equal( list[ 1 ].handle, file )
  equal( list[ 1 ].direction, 'rw' )
  equal( list[ 1 ].watcher, watcher )
  watcher:off( )
  equal( #loop:handles( ), 0 )
end )

test( 'handles does not list a closed socket', function( )
  local loop, sck = virtual( ), require 't.Net.Socket'( 'udp' )
  local watcher = loop:on( sck, 'r', print )
  sck:close( )
  equal( #loop:handles( ), 0 )
  equal( watcher:active( ), false )
end )

test( 'dump draws the loop', function( )
  local loop = virtual( )
  loop:after( 1000, print )
  is_true( #loop:dump( ) > 20 )
  is_true( loop:dump( ):find( loop:stats( ).backend, 1, true ) )
end )

test( 'stats counts always, and measures after it was switched on', function( )
  local loop = virtual( )
  local stats = loop:stats( )
  equal( type( stats.backend ), 'string' )
  equal( type( stats.reason ), 'string' )
  equal( stats.late, nil )
  loop:stats( true )
  loop:every( 10, function( ) loop:advance( 3 ) end )
  loop:advance( 100 )
  loop:after( 1000, print, '' )
  stats = loop:stats( )
  equal( stats.fired, 10 )
  is_true( stats.turns >= 10 )
  equal( stats.timers, 2 )
  equal( stats.handles, 0 )
  equal( stats.late.count, 10 )
  equal( stats.callback.count, 10 )
  is_true( stats.callback.min >= 2.9 and stats.callback.max <= 3.1, stats.callback.max )
  for _, name in ipairs{ 'min', 'mean', 'p50', 'p99', 'p999', 'max' } do
    equal( type( stats.late[ name ] ), 'number', name )
  end
  equal( type( stats.waited ), 'number' )
  equal( loop:stats( false ).late, nil )
  fails( 'measure: a boolean', loop.stats, loop, 5 )
end )

test( 'waiting is measured', function( )
  local loop = virtual( )
  loop:stats( true )
  loop:after( 5, function( ) end )
  loop:run( )
  equal( loop:stats( ).waited, 5 )
end )

test( 'slow reports the callback that took too long', function( )
  local loop, told = virtual( ), { }
  loop:slow( 10, function( where, ms ) told[ #told + 1 ] = where told[ #told + 1 ] = ms end )
  loop:after( 1, function( ) loop:advance( 9 ) end )
  loop:after( 1, function( ms ) loop:advance( ms ) end, 25 )
  local line = debug.getinfo( 1, 'l' ).currentline - 1
  local watcher
  watcher = loop:on( T.null( ), 'r', function( ) loop:advance( 11 ) watcher:off( ) end )
  loop:run( )
  equal( #told, 4 )
  local place = told[ 1 ]:find( ':' .. line .. '$' ) and 1 or 3
  is_true( told[ place ]:find( 'cogloop_tools.lua:' .. line .. '$' ), told[ place ] )
  equal( told[ place + 1 ], 25 )
  equal( told[ 5 - place ], 11 )
  loop:slow( )
  loop:after( 1, function( ) loop:advance( 100 ) end )
  loop:run( )
  equal( #told, 4 )
  fails( 'f: ', loop.slow, loop, 5 )
  fails( 'ms: ', loop.slow, loop, -1, print )
end )

test( 'slow writes the source as it is, with escapes only for control characters and for bytes that are not ASCII', function( )
  local loop, told = virtual( ), { }
  loop:slow( 10, function( where ) told[ #told + 1 ] = where end )
  local function slow( name )
    return assert( (loadstring or load)( 'local loop = ... return function( ) loop:advance( 20 ) end', name ) )( loop )
  end
  local long = ('\233'):rep( 40 )
  for _, name in ipairs{ 'say "x"', '@C:\\it\'s.lua', '@tab\tnew\nline', '@' .. long } do
    loop:after( 1, slow( name ) )
    loop:run( )
    loop:spawn( slow( name ) )
    loop:run( )
  end
  local sources = { '[string "say "x""]', 'C:\\it\'s.lua', 'tab\\tnew\\nline', ('\\xe9'):rep( 40 ) }
  for i, source in ipairs( sources ) do
    equal( told[ 2 * i - 1 ], source .. ':1' )
    equal( told[ 2 * i ], 'task, ' .. source .. ':1' )
  end
  equal( #told, 8 )
end )

-- Makes four tasks. `sleeper` sleeps, one `reader` waits with a limit, one `reader` parks. A task without a name parks
-- with a limit.
local function staff( loop )
  local reader = T.fifo( )
  local tasks = {
    loop:spawn{ name = 'sleeper', function( ) loop:sleep( 100 ) end },
    loop:spawn{ name = 'reader', function( ) loop:wait( reader, 'r', 50 ) end },
    loop:spawn{ name = 'reader', function( ) loop:park( ) end },
    loop:spawn( function( ) loop:park( 70 ) end ),
  }
  loop:step( 0 )
  return tasks, reader
end

test( 'timers shows the names of tasks', function( )
  local loop = virtual( )
  local tasks = staff( loop )
  loop:after( 10, print )
  local list = loop:timers( )
  equal( #list, 4 )
  for i, wanted in ipairs{ { nil, print }, { 'reader', tasks[ 2 ] }, { nil, tasks[ 4 ] }, { 'sleeper', tasks[ 1 ] } } do
    equal( list[ i ].name, wanted[ 1 ], i )
    equal( list[ i ].f, wanted[ 2 ], i )
  end
  loop:close( )
end )

test( 'dump lists the first hundred tasks, with their names and what they wait for', function( )
  local loop = virtual( )
  is_true( not loop:dump( ):find 'tasks' )
  staff( loop )
  local text = loop:dump( )
  for _, wanted in ipairs{ 'tasks: 4', "'sleeper' sleeps", "'reader' waits for a handle", "'reader' parks", '%(no name%) parks' } do
    is_true( text:find( wanted ), wanted .. ' in ' .. text )
  end
  for _ = 1, 200 do loop:spawn( function( ) end ) end
  is_true( loop:dump( ):find 'and 104 more' )
  loop:close( )
end )

test( 'dump says of a task in a channel, a semaphore, an event or a join only that it waits', function( )
  local loop = virtual( )
  local channel, semaphore, event = loop:channel( ), loop:semaphore( 1 ), loop:event( )
  local sleeper = loop:spawn( function( ) loop:sleep( 100 ) end )
  loop:spawn{ name = 'in a channel', function( ) channel:recv( ) end }
  loop:spawn( function( ) semaphore:acquire( ) end )
  loop:spawn{ name = 'in a semaphore', function( ) semaphore:acquire( ) end }
  loop:spawn{ name = 'in an event', function( ) event:wait( ) end }
  loop:spawn{ name = 'in join', function( ) sleeper:join( ) end }
  loop:step( 0 )
  local text = loop:dump( ) .. '\n'
  for _, name in ipairs{ 'in a channel', 'in a semaphore', 'in an event', 'in join' } do
    is_true( text:find( "'" .. name .. "' waits\n", 1, true ), name .. ' in ' .. text )
  end
  loop:close( )
end )

test( 'stats counts tasks, also by name, and measures how long they run from wait to wait', function( )
  local loop = virtual( )
  staff( loop )
  equal( loop:stats( ).tasks, 4 )
  equal( loop:stats( ).named, nil )
  local stats = loop:stats( true )
  equal( stats.named.reader, 2 )
  equal( stats.named.sleeper, 1 )
  equal( stats.task.count, 0 )
  loop:spawn( function( )
    for _ = 1, 3 do
      loop:advance( 4 )
      loop:sleep( 1 )
    end
  end )
  loop:advance( 40 )
  stats = loop:stats( )
  equal( stats.task.count, 4 )
  is_true( stats.task.p50 > 3.9 and stats.task.max < 4.1, stats.task.max )
  equal( stats.callback.count, 0 )
  loop:close( )
end )

test( 'slow reports a task that ran too long, and the line where that part of the task began', function( )
  local loop, told = virtual( ), { }
  loop:slow( 10, function( where, ms ) told[ #told + 1 ] = where told[ #told + 1 ] = ms end )
  loop:spawn{ name = 'digger', function( )
    loop:advance( 12 )
    loop:sleep( 1 )
    loop:advance( 9 )
    loop:sleep( 1 )
    loop:advance( 25 )
  end }
  local line = debug.getinfo( 1, 'l' ).currentline - 7
  loop:run( )
  equal( #told, 4 )
  is_true( told[ 1 ]:find( "^task 'digger', .*cogloop_tools.lua:" .. line .. '$' ), told[ 1 ] )
  equal( told[ 2 ], 12 )
  is_true( told[ 3 ]:find( "^task 'digger', .*cogloop_tools.lua:" .. line + 4 .. '$' ), told[ 3 ] )
  equal( told[ 4 ], 25 )
end )

test( 'the hook of slow may close the loop, or cancel the task', function( )
  local loop = virtual( )
  local task = loop:spawn( function( ) loop:advance( 5 ) loop:sleep( 1 ) end )
  loop:slow( 1, function( ) task:cancel( ) end )
  loop:run( )
  equal( task:status( ), 'cancelled' )
  task = loop:spawn( function( ) loop:advance( 5 ) loop:sleep( 1 ) end )
  loop:slow( 1, function( ) loop:close( ) end )
  loop:run( )
  equal( task:status( ), 'cancelled' )
end )

test( 'debounce calls its function after a pause, with the last arguments', function( )
  local loop, got = virtual( ), { }
  local f = loop:debounce( 10, function( ... ) got[ #got + 1 ] = select( '#', ... ) .. tostring( (...) ) .. loop:now( ) end )
  f( 'a' )
  loop:advance( 9 )
  f( 'b', nil )
  loop:advance( 9 )
  same_list( got, { } )
  loop:advance( 1 )
  same_list( got, { '2b19' } )
  f( )
  loop:advance( 100 )
  same_list( got, { '2b19', '0nil29' } )
  fails( 'ms: ', loop.debounce, loop, -1, print )
  fails( 'f: ', loop.debounce, loop, 1, 'x' )
end )

test( 'throttle calls its function at once, then not too often, and does not lose the last call', function( )
  local loop, got = virtual( ), { }
  local f = loop:throttle( 10, function( a ) got[ #got + 1 ] = a .. loop:now( ) end )
  for _, a in ipairs{ 'a', 'b', 'c' } do f( a ) end
  loop:advance( 10 )
  f 'd'
  loop:advance( 50 )
  f 'e'
  loop:advance( 50 )
  same_list( got, { 'a0', 'c10', 'd20', 'e60' } )
  fails( 'ms: ', loop.throttle, loop, 'x', print )
end )

test( 'the module has debounce and throttle', function( )
  local ran = 0
  local f, g = cogloop.debounce( 1, function( ) ran = ran + 1 end ), cogloop.throttle( 1, function( ) ran = ran + 1 end )
  f( ) g( )
  cogloop.run( )
  equal( ran, 2 )
  cogloop.close( )
end )

test( 'a loop tells an outer loop its descriptor and how long to wait', function( )
  local outer, inner, ran = cogloop.loop( ), cogloop.loop( ), { }
  equal( inner:timeout( ), nil )
  equal( inner:remaining( ), nil )
  equal( inner:events( ), 'r' )
  local timer = inner:after( 1e9, print )
  -- A deadline is rounded up to a tick, here a microsecond. So the remaining time may be up to a microsecond longer.
  local timeout, remaining = inner:timeout( ), inner:remaining( )
  is_true( timeout > 9e5 and timeout <= 1e6 + 1e-6, timeout )
  is_true( remaining > 9e8 and remaining <= 1e9 + 1e-3, remaining )
  timer:cancel( )
  local fd, message, errno = inner:fd( )
  if not fd then
    equal( inner:stats( ).backend, T.supports 'a descriptor of a loop' and 'select' or 'portable' )
    is_true( message and errno )
    return
  end
  equal( inner:pollfd( ), fd )
  local reader, writer = T.fifo( )
  inner:on( reader, 'r', function( ) ran[ #ran + 1 ] = reader:read( ) outer:stop( ) end )
  outer:on( fd, 'r', function( ) inner:step( 0 ) end )
  inner:timeout( )
  writer:write 'x\n'
  outer:run( )
  same_list( ran, { 'x' } )
end )

-- Returns two tables: the values of a loop's metrics, by name with labels, and the types of the metrics, by name. Also
-- checks the format of the text.
local function metrics_of( loop )
  local values, types, helped, last = { }, { }, { }, nil
  for each in loop:metrics( ):gmatch '([^\n]*)\n' do
    local help, kind = each:match '^# HELP ([%w_]+) %S', { each:match '^# TYPE ([%w_]+) (%w+)$' }
    local name, labels, value = each:match '^([%w_]+){(.-)} ([%d.]+)$'
    if help then
      equal( helped[ help ], nil, 'each metric has one HELP' )
      helped[ help ], last = true, help
    elseif kind[ 1 ] then
      equal( kind[ 1 ], last, 'HELP before TYPE' )
      types[ kind[ 1 ] ] = kind[ 2 ]
    else
      is_true( name and value and labels:find '^loop="%d+"', each )
      equal( name:sub( 1, #last ), last, 'the lines of a metric are together' )
      equal( types[ last ] == 'counter', name:find '_total$' ~= nil, name )
      values[ name .. ((',' .. labels):gsub( ',loop="%d+"', '' )) ] = tonumber( value )
    end
  end
  return values, types
end

test( 'metrics returns the text format of Prometheus: counters, gauges, and histograms while they are measured', function( )
  local loop = virtual( )
  loop:every( 10, function( ) loop:advance( 3 ) end )
  loop:spawn( function( ) loop:sleep( 1000 ) end )
  loop:advance( 100 )
  local values, types = metrics_of( loop )
  equal( values.cogloop_timers, 2 )
  equal( values.cogloop_tasks, 1 )
  equal( values.cogloop_callbacks_total, 11 )
  equal( values.cogloop_turns_total, loop:stats( ).turns )
  equal( values[ ('cogloop_backend_info,backend="%s"'):format( loop:stats( ).backend ) ], 1 )
  equal( types.cogloop_timers, 'gauge' )
  equal( types.cogloop_turns_total, 'counter' )
  equal( types.cogloop_callback_seconds, nil )
  loop:stats( true )
  loop:advance( 100 )
  values, types = metrics_of( loop )
  equal( types.cogloop_callback_seconds, 'histogram' )
  equal( values.cogloop_callback_seconds_count, 10 )
  is_true( math.abs( values.cogloop_callback_seconds_sum - 0.03 ) < 0.0003, values.cogloop_callback_seconds_sum )
  equal( values[ 'cogloop_callback_seconds_bucket,le="0.001"' ], 0 )
  equal( values[ 'cogloop_callback_seconds_bucket,le="0.005"' ], 10 )
  equal( values[ 'cogloop_callback_seconds_bucket,le="10"' ], 10 )
  equal( values[ 'cogloop_callback_seconds_bucket,le="+Inf"' ], 10 )
  equal( values[ 'cogloop_timer_lateness_seconds_bucket,le="0.000001"' ], 10 )
end )

T.done( )
