-- The class `t.Loop`: its constructor, its constants, `time` and `sleep`.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T    = require 'harness'
local Loop = require 't.Loop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

test( 'each require of t.Loop returns the same class (C67)', function( )
  equal( require 't'.Loop, Loop )
  local loop = Loop( )
  package.loaded[ 't.Loop' ], package.loaded[ 't' ] = nil, nil
  equal( require 't.Loop', Loop )
  equal( require 't'.Loop, Loop )
  local ran = false
  require 't.Loop'.addTask( loop, 0, function( ) ran = true end )
  loop:run( )
  is_true( ran )
end )

test( 'the class has a constant for each name of a direction', function( )
  for value, names in ipairs{
    'READ r rd read inc incoming', 'WRITE w wr write out outgoing', 'READWRITE rw rdwr readwrite both either'
  } do
    for name in names:gmatch( '%S+' ) do equal( Loop[ name ], value, name ) end
    equal( Loop[ value ], names:match( '%S+' ) )
  end
end )

test( 'the slot count of a lua-t script is ignored', function( )
  is_true( tostring( Loop( 10 ) ):match( '^t%.Loop{0}: ' .. T.ADDRESS .. '$' ) )
  is_true( tostring( Loop( 'anything', nil, 3 ) ) )
end )

test( 'the names and the values of options are checked', function( )
  fails( "unknown option 'slots'", Loop, { slots = 3 } )
  fails( "unknown option '1'", Loop, { 10 } )
  fails( "option 'clock': 'real' or 'virtual' expected, got string 'lunar'", Loop, { clock = 'lunar' } )
  fails( "option 'backend': a name expected, got 7", Loop, { backend = 7 } )
  fails( "option 'debug': a boolean expected, got string 'yes'", Loop, { debug = 'yes' } )
  fails( 'unknown backend "kqueueue"', Loop, { backend = 'kqueueue' } )
  is_true( Loop{ clock = 'real', debug = false } )
end )

test( 'backend returns the name and the reason', function( )
  T.requires 'the backends of Linux'
  for _, name in ipairs{ 'epoll', 'select' } do
    local got, why = Loop{ backend = name }:backend( )
    equal( got, name )
    equal( why, 'asked for by name' )
  end
end )

test( 'time returns milliseconds since the epoch, with or without a self', function( )
  for _, time in ipairs{ Loop.time, function( ) return Loop:time( ) end, function( ) return Loop( ):time( ) end } do
    local before, now = os.time( ), time( )
    -- os.time reads a coarser clock, which may show the previous second for some milliseconds after the exact clock has
    -- moved on.
    is_true( before * 1000 <= now and now < (os.time( ) + 2) * 1000, 'time ' .. now )
    equal( now, math.floor( now ) )
  end
end )

test( 'sleep is never too short, with or without a self', function( )
  for _, sleep in ipairs{
    Loop.sleep, function( ms ) Loop:sleep( ms ) end, function( ms ) Loop( ):sleep( ms ) end
  } do
    local before = T.now( )
    sleep( 4.5 )
    is_true( T.now( ) - before >= 4.5 )
  end
  for _, bad in ipairs{ -1, 0/0, 1/0, '5', false } do
    fails( "bad argument #1 to 'sleep' (ms:", function( ) Loop.sleep( bad ) end )
  end
  fails( 'ms:', function( ) Loop.sleep( ) end )
end )

test( 'time and sleep of a virtual loop are virtual', function( )
  local loop, real = Loop{ clock = 'virtual' }, Loop.time( )
  loop:sleep( 86400000 )
  equal( loop:time( ), 86400000 )
  is_true( Loop.time( ) - real < 43200000, 'real time has passed for less than half of that day' )
end )

test( 'the error of a method names the type of a wrong self', function( )
  for _, name in ipairs{ 'addTask', 'cancelTask', 'addHandle', 'removeHandle', 'run', 'stop', 'clean', 'show', 'backend' } do
    fails( 'T.Loop expected, got table', Loop[ name ], { } )
    fails( 'T.Loop expected, got ' .. (T.has.typed_files and 'FILE*' or 'userdata'), Loop[ name ], io.stdout )
  end
end )

test( 'only onerror can be assigned', function( )
  local loop = Loop( )
  fails( 'nothing but onerror', function( ) loop.color = 'red' end )
  fails( 'nothing but onerror', function( ) loop[ 1 ] = 'red' end )
  fails( 'onerror: a function or nil expected', function( ) loop.onerror = 5 end )
  equal( loop.onerror, nil )
  local function f( ) end
  loop.onerror = f
  equal( loop.onerror, f )
  loop.onerror = nil
  equal( loop.onerror, nil )
  equal( loop.nothing, nil )
end )

test( 'loops are independent: each has its own tasks', function( )
  local ran = { }
  for i = 1, 50 do
    local loop = Loop( )
    loop:addTask( 0, function( ) ran[ #ran + 1 ] = i end )
    loop:run( )
  end
  equal( #ran, 50 )
end )

test( 'a callback may run another loop', function( )
  local outer, inner, ran = Loop( ), Loop( ), { }
  inner:addTask( 1, function( ) ran[ #ran + 1 ] = 'inner' end )
  outer:addTask( 0, function( ) inner:run( ) ran[ #ran + 1 ] = 'outer' end )
  outer:run( )
  same_list( ran, { 'inner', 'outer' } )
end )

test( 'use after close is an error (C65)', function( )
  local loop = Loop( )
  loop:addTask( 0, print )
  getmetatable( loop ).__close( loop )
  for _, name in ipairs{ 'addTask', 'run', 'stop', 'clean', 'show', 'backend' } do
    fails( 'the loop is closed', function( ) loop[ name ]( loop, 1, print ) end )
  end
  fails( 'the loop is closed', function( ) return #loop end )
  fails( 'the loop is closed', function( ) loop.onerror = print end )
  is_true( tostring( loop ):match( '^t%.Loop{closed}: ' .. T.ADDRESS .. '$' ) )
  getmetatable( loop ).__close( loop )
end )

test( 'a callback that closes its own loop ends the run', function( )
  for _, kind in ipairs{ 'task', 'handle' } do
    local loop, ran = Loop( ), 0
    local function close( ) ran = ran + 1 getmetatable( loop ).__close( loop ) return 1 end
    if kind == 'task' then
      loop:addTask( 0, close )
      loop:addTask( 0, close )
    else
      loop:addHandle( T.null 'r+', 'rw', close )
    end
    loop:run( )
    equal( ran, 1, kind )
  end
end )

T.done( )
