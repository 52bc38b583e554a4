-- Traces: `loop:trace` writes the events of a loop to a file for Perfetto. Also tests the lines that `slow` and a trace
-- name for a callback or task.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local SOURCE = debug.getinfo( 1, 'S' ).short_src

local function line( ) return debug.getinfo( 2, 'l' ).currentline end

local function at( number ) return SOURCE .. ':' .. number end

-- Returns a name for a file of a test.
local function temporary( )
  T.requires "Unix's names of files"
  return os.tmpname( )
end

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

local function content( name )
  local file = assert( io.open( name, 'rb' ) )
  local text = file:read '*a'
  file:close( )
  return text
end

-- Runs `body( loop, name )` with a loop that writes a trace, and returns the text of the trace.
local function traced( body, mib )
  local name, loop = temporary( ), virtual( )
  equal( loop:trace( name, mib ), true )
  body( loop, name )
  equal( loop:trace( false ), true )
  loop:close( )
  local text = content( name )
  os.remove( name )
  return text
end

-- Returns the events of a category as `name start+duration` in µs, with their lateness if the trace has it.
local function events( text, category )
  local list = { }
  for each in text:gmatch '[^\n]+' do
    local ts, dur = each:match '"ts":([%d.]+),"dur":([%d.]+)'
    local name = each:match( '"cat":"' .. category .. '","name":"(.-)"[,}]' )
    if name then
      local late = each:match '"late_us":([%d.]+)'
      list[ #list + 1 ] = ('%s %g+%g%s'):format( name, ts, dur, late and (' late %g'):format( late ) or '' )
    end
  end
  return list
end

test( 'a trace has each callback with its line, its beginning, its duration and its lateness', function( )
  local first
  local text = traced( function( loop )
    first = line( ) + 1
    loop:after( 1, function( ) loop:advance( 3 ) end )
    loop:every( { ms = 2, first = 2 }, function( ) loop:advance( 0.5 ) end )
    loop:after( 3, print, '' )
    loop:advance( 6 )
  end )
  same_list( events( text, 'timer' ), {
    at( first ) .. ' 1000+3000 late 0', at( first + 1 ) .. ' 4000+500 late 2000', '[C] 4500+0 late 1000',
    at( first + 1 ) .. ' 6000+500 late 0',
  } )
  local turns, waits = events( text, 'turn' ), events( text, 'wait' )
  equal( #turns, #waits )
  is_true( #turns >= 3 )
end )

test( 'a trace shows tasks from wait to wait, with their names and the lines where they go on', function( )
  local first
  local text = traced( function( loop )
    first = line( ) + 1
    loop:spawn( { function( ms )
      loop:sleep( ms )
      loop:advance( 2 )
      coroutine.yield( )
    end, name = 'the "first"' }, 5 )
    loop:spawn( function( ) loop:sleep( 1 ) end )
    loop:advance( 20 )
  end )
  same_list( events( text, 'task' ), {
    [['the \"first\"' ]] .. at( first ) .. ' 0+0 late 0', at( first + 5 ) .. ' 0+0 late 0',
    at( first + 5 ) .. ' 1000+0 late 0', [['the \"first\"' ]] .. at( first + 1 ) .. ' 5000+2000 late 0',
    [['the \"first\"' ]] .. at( first + 3 ) .. ' 7000+0 late 0',
  } )
end )

-- Returns a callable object, the source line of its `__call`, and a userdata whose `__call` is the object. The userdata
-- is nil in versions without `newproxy`.
local function callables( )
  local first = line( ) + 1
  local object = setmetatable( { 'not called' }, { __call = function( ) end, __index = string } )
  local proxy  = newproxy and newproxy( true )
  if proxy then getmetatable( proxy ).__call = object end
  return object, at( first ), proxy
end

test( 'a trace names a callable object by the line of its __call', function( )
  local object, place, proxy = callables( )
  local list
  local text = traced( function( loop )
    loop:after( 1, object )
    loop:after( 2, object, 'x' )
    loop:debounce( 3, object )( )
    loop:spawn( object )
    loop:spawn( object, 'x' )
    local cyclic = setmetatable( { }, { } )
    getmetatable( cyclic ).__call = proxy or print
    loop:slow( 0, function( where ) list[ #list + 1 ] = where end )
    list = { }
    loop:advance( 10 )
  end )
  same_list( list, { 'task, ' .. place, 'task, ' .. place, place, place, place } )
  same_list( events( text, 'task' ), { place .. ' 0+0 late 0', place .. ' 0+0 late 0' } )
  same_list( events( text, 'timer' ), { place .. ' 1000+0 late 0', place .. ' 2000+0 late 0', place .. ' 3000+0 late 0' } )
end )

-- Makes a new function, which is written on line `number` of `chunk`.
local function new_function( number )
  local make = (loadstring or load)( ('\n'):rep( number - 1 ) .. 'local x = ... return function( ) return x end', '=chunk' )
  return make( number )
end

test( 'a trace gives each function its own line, even if it has the address of a collected function', function( )
  local expected = { }
  local text = traced( function( loop )
    for number = 1, 60 do
      local callback = new_function( number )
      for n = 1, 3 do
        loop:after( n > 2 and 1 or 0, callback, n > 1 and 'x' or nil )
        expected[ #expected + 1 ] = 'chunk:' .. number
      end
      callback = nil
      loop:advance( 1 )
      collectgarbage( )
    end
  end )
  local found = events( text, 'timer' )
  for n, event in ipairs( found ) do found[ n ] = event:match '^%S+' end
  same_list( found, expected )
end )

test( 'a trace keeps no function alive after its turn, or after an error', function( )
  local gone = setmetatable( { }, { __mode = 'v' } )
  traced( function( loop )
    for number = 1, 3 do
      gone[ number ] = new_function( number )
      for _ = 1, 3 do loop:after( number, gone[ number ] ) end
    end
    loop:after( 2, function( )
      collectgarbage( )
      collectgarbage( )
      equal( gone[ 1 ], nil )
    end )
    loop:after( 3, error, 'stop' )
    fails( 'stop', function( ) loop:advance( 3 ) end )
    collectgarbage( )
    collectgarbage( )
    equal( next( gone ), nil )
  end )
end )

test( 'a task that begins with a function in C, or one of the module, has a name in each part', function( )
  local channel
  local text = traced( function( loop )
    channel = loop:channel( )
    loop:spawn( coroutine.yield, 5 )
    loop:spawn( { channel.recv, name = 'receives' }, channel )
    loop:after( 7, channel.send, channel, 1 )
    loop:after( 8, channel, 1 )
    channel:close( )
    loop:advance( 10 )
  end )
  same_list( events( text, 'task' ), { '[C] 0+0 late 0', "'receives' a function of cogloop 0+0 late 0", '[C] 0+0 late 0' } )
  same_list( events( text, 'timer' ), { 'a function of cogloop 7000+0 late 0', 'a function of cogloop 8000+0 late 0' } )
end )

test( 'slow, top and a trace name the same line for each part of a task: the line where the part begins', function( )
  local first, list, top
  local text = traced( function( loop )
    loop:slow( 0, function( where ) list[ #list + 1 ] = where end )
    list = { }
    loop:top( )
    first = line( ) + 1
    loop:spawn( function( )
      loop:sleep( 1 )
      coroutine.yield( )
    end )
    loop:spawn( { function( ) end, name = 'worker' } )
    loop:advance( 10 )
    top = loop:top( false )
  end )
  local places = { at( first ), at( first + 1 ), at( first + 2 ), "'worker' " .. at( first + 4 ) }
  same_list( list, { 'task, ' .. places[ 1 ], "task 'worker', " .. at( first + 4 ), 'task, ' .. places[ 2 ], 'task, ' .. places[ 3 ] } )
  for _, place in ipairs( places ) do
    is_true( top:find( '  ' .. place .. '\n', 1, true ), place )
    is_true( text:find( '"name":"' .. place .. '"', 1, true ), place )
  end
end )

test( 'a trace has the text of an error object, and the task name of a task error', function( )
  local function object( f ) return setmetatable( { }, { __tostring = f } ) end
  local text = traced( function( loop )
    loop:onerror( function( ) end )
    loop:after( 1, error, object( function( ) return 'an object' end ) )
    loop:after( 2, error, { } )
    loop:after( 3, error, object( function( ) error 'again' end ) )
    loop:after( 4, error, object( function( ) return { } end ) )
    loop:after( 5, error, 5 )
    loop:spawn( { function( ) loop:sleep( 6 ) error( object( function( ) return 'broken' end ) ) end, name = 'reader' } )
    loop:spawn( { function( ) loop:sleep( 7 ) error( 'a text', 0 ) end, name = 'writer' } )
    loop:spawn( function( ) loop:sleep( 8 ) error( ) end )
    loop:advance( 10 )
  end )
  same_list( events( text, 'error' ), {
    'an object 1000+0', '(error object is a table value) 2000+0', '(error object is a table value) 3000+0',
    '(error object is a table value) 4000+0', '5 5000+0', "'reader' broken 6000+0", "'writer' a text 7000+0",
    -- If an error is nil, Lua 5.5 replaces it before Cogloop sees it.
    (_VERSION == 'Lua 5.5' and '<no error object>' or '(error object is a nil value)') .. ' 8000+0',
  } )
end )

test( 'the __tostring of an error may end the trace, or close the loop', function( )
  for _, act in ipairs{ function( loop ) loop:trace( false ) end, function( loop ) loop:close( ) end } do
    local name, loop = temporary( ), virtual( )
    loop:trace( name )
    local err = setmetatable( { }, { __tostring = function( ) act( loop ) return 'gone' end } )
    loop:after( 1, error, err )
    local _, got = pcall( loop.advance, loop, 10 )
    equal( got, err )
    equal( #events( content( name ), 'error' ), 0 )
    equal( content( name ):sub( -3 ), '\n]\n' )
    loop:close( )
    os.remove( name )
  end
end )

test( 'a trace shows the error of a callback that raises', function( )
  local raised
  local text = traced( function( loop )
    loop:onerror( function( ) end )
    loop:after( 1, function( )
      loop:advance( 2 )
      raised = line( ) + 1
      error 'a "quoted"\nerror'
    end )
    loop:advance( 10 )
  end )
  same_list( events( text, 'error' ), { at( raised ) .. [[: a \"quoted\"\u000aerror 1000+2000]] } )
end )

test( 'a trace shows the descriptor of a handle', function( )
  local sck = require 't.Net.Socket'( 'udp' )
  local text = traced( function( loop )
    loop:on( sck, 'w', function( ) loop:stop( ) end )
    loop:run( )
  end )
  sck:close( )
  equal( #events( text, 'descriptor' ), 1 )
  is_true( text:find '"cat":"descriptor","name":"[^"]*","args":{"descriptor":%d+}}' )
end )

test( 'a trace is valid JSON for another parser', function( )
  local text = traced( function( loop )
    loop:after( 1, function( ) error '\1\127\255 \\ "' end )
    loop:onerror( function( ) end )
    loop:spawn( { function( ) end, name = 'caf\195\169' } )
    loop:advance( 10 )
  end )
  equal( text:sub( 1, 2 ), '[\n' )
  equal( text:sub( -3 ), '\n]\n' )
  T.requires 'a shell'
  T.requires 'python3'
  local name, check = temporary( ), temporary( )
  local file = assert( io.open( name, 'wb' ) )
  file:write( text )
  file:close( )
  file = assert( io.open( check, 'w' ) )
  file:write( [[
import json, sys
events = json.load( open( sys.argv[ 1 ], encoding = 'utf-8' ) )
names = [ event[ 'name' ] for event in events ]
assert 'thread_name' in names and 'turn' in names, names
assert any( "caf\u00e9" in name for name in names ), names
assert any( name.endswith( '\x01\x7f\ufffd \\ "' ) for name in names ), names
assert all( event[ 'dur' ] >= 0 for event in events if event[ 'ph' ] == 'X' )
print( 'read', len( events ) )
]] )
  file:close( )
  local pipe = io.popen( ('python3 %s %s 2>&1'):format( check, name ) )
  local said = pipe:read '*a'
  pipe:close( )
  os.remove( name )
  os.remove( check )
  is_true( said:find '^read %d+' , said )
end )

test( 'a full trace ends with an event that says so, and is valid JSON', function( )
  local text = traced( function( loop )
    loop:every( 1, function( ) end )
    loop:advance( 500 )
    equal( loop:trace( ), false )
    loop:advance( 500 )
  end, 0.01 )
  is_true( #text <= 0.01 * 2 ^ 20 and #text > 0.009 * 2 ^ 20, #text )
  is_true( text:find( '"the trace is full"', 1, true ) )
  equal( text:sub( -3 ), '\n]\n' )
end )

test( 'closing the loop completes the trace, and a second trace ends the first', function( )
  local loop, a, b = virtual( ), temporary( ), temporary( )
  equal( loop:trace( ), false )
  equal( loop:trace( false ), true )
  loop:trace( a )
  loop:trace( b )
  equal( content( a ):sub( -3 ), '\n]\n' )
  equal( loop:trace( ), true )
  loop:after( 1, function( ) end )
  loop:advance( 1 )
  loop:close( )
  equal( #events( content( b ), 'timer' ), 1 )
  equal( content( b ):sub( -3 ), '\n]\n' )
  os.remove( a )
  os.remove( b )
end )

test( 'a refused file leaves the trace as it is, and the same file begins anew', function( )
  local text = traced( function( loop, name )
    loop:after( 1, function( ) end )
    loop:advance( 1 )
    equal( (loop:trace '/there/is/no/such/folder'), nil )
    equal( loop:trace( ), true )
    loop:after( 1, function( ) end )
    loop:advance( 1 )
    loop:trace( false )
    equal( #events( content( name ), 'timer' ), 2 )
    for _ = 1, 2 do equal( loop:trace( name ), true ) end
    loop:after( 1, function( ) end )
    loop:advance( 1 )
  end )
  equal( text:sub( 1, 2 ), '[\n' )
  equal( #events( text, 'timer' ), 1 )
  equal( text:sub( -3 ), '\n]\n' )
end )

test( 'the module traces the default loop', function( )
  local name = temporary( )
  equal( cogloop.trace( name ), true )
  cogloop.after( 0, function( ) end )
  cogloop.run( )
  equal( cogloop.trace( false ), true )
  equal( #events( content( name ), 'timer' ), 1 )
  os.remove( name )
end )

test( 'trace returns an error for a file that cannot be made, and raises for wrong arguments', function( )
  local loop = virtual( )
  local none, message, errno = loop:trace '/there/is/no/such/folder'
  equal( none, nil )
  is_true( message:find( 'trace: /there/is/no/such/folder: ', 1, true ), message )
  equal( type( errno ), 'number' )
  equal( loop:trace( ), false )
  fails( "(file: the name of a file, false or nil expected, got table)", loop.trace, loop, { } )
  fails( "(file: the name of a file, false or nil expected, got boolean)", loop.trace, loop, true )
  fails( "(mib: a finite number above 0 expected", loop.trace, loop, 'x', 0 )
  fails( "(mib: a finite number above 0 expected", loop.trace, loop, 'x', '1' )
end )

-- Returns the places that `slow` names while `body` runs.
local function slow( body )
  local loop, list = virtual( ), { }
  loop:slow( 0, function( where ) list[ #list + 1 ] = where end )
  body( loop )
  loop:close( )
  return list
end

test( "slow names the script's line for debounce and throttle", function( )
  local first
  local list = slow( function( loop )
    first = line( ) + 1
    loop:debounce( 1, function( ) end )( )
    local throttled = loop:throttle( 5, function( ) end )
    throttled( )
    throttled( )
    loop:advance( 7 )
  end )
  same_list( list, { at( first ), at( first + 1 ) } )
end )

test( "slow names the script's line for a signal", function( )
  T.requires 'signals'
  T.requires 'a shell'
  local loop, place = cogloop.loop( ), nil
  loop:slow( 0, function( where ) place = where end )
  local first = line( ) + 1
  local watcher = loop:signal( 'USR1', function( ) loop:stop( ) end )
  loop:after( 0, function( )
    -- The shell's parent is this process.
    os.execute 'kill -USR1 $PPID'
  end )
  loop:run( )
  watcher:off( )
  equal( place, at( first ) )
end )

test( 'top lists the busiest callbacks and the latest timers since the last call', function( )
  local loop = virtual( )
  is_true( loop:top( ):find( '^loop %d+ on %w+: 0 timers, 0 handles, 0 tasks, 0 turns\n$' ) )
  local first = line( ) + 1
  loop:every( 10, function( ) loop:advance( 1 ) end )
  loop:every( 40, function( ) loop:advance( 17 ) end )
  loop:spawn( { function( ) loop:advance( 2 ) end, name = 'starts' } )
  loop:advance( 100 )
  local text = loop:top( )
  local busiest = text:match 'busiest callbacks\n[^\n]+\n(.-)\n\n'
  local names, totals = { }, { }
  for each in (busiest .. '\n'):gmatch '[^\n]+' do
    local calls, total, name = each:match '^ *(%d+) +([%d.]+) +[%d.]+ +[%d.]+  (.*)$'
    names[ #names + 1 ], totals[ #totals + 1 ] = name, calls .. ' ' .. total
  end
  same_list( names, { at( first + 1 ), at( first ), "'starts' " .. at( first + 2 ) } )
  same_list( totals, { '2 34.000', '10 10.000', '1 2.000' } )
  is_true( text:find( 'latest timers', 1, true ), text )
  equal( text:find( 'busiest descriptors', 1, true ), nil )
  is_true( not loop:top( false ):find( at( first ), 1, true ) )
  loop:advance( 100 )
  is_true( loop:top( false ):find '^[^\n]+\n$' )
end )

T.done( )
