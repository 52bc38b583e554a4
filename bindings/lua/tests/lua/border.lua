-- Tests of Lua code that runs inside Cogloop's functions: metamethods, methods of handles, finalizers. Each of these
-- tests once crashed the interpreter or made it read freed memory.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local Loop    = require 't.Loop'
local test, equal, is_true, fails = T.test, T.equal, T.is_true, T.fails

local function silently( f, ... )
  local print_before = print
  _G.print = nil
  local results = { pcall( f, ... ) }
  _G.print = print_before
  assert( results[ 1 ], results[ 2 ] )
  return results[ 2 ]
end

-- A handle that is always ready. It calls `meddle` when the loop calls its `getfd`.
local function meddler( )
  local reader, writer = T.fifo( )
  writer:write 'x'
  local socket = require 't.Net.Socket'( 'udp' )
  local handle = { meddle = function( ) end, keep = { reader, writer, socket } }
  function handle.getfd( )
    handle.meddle( )
    return socket.descriptor
  end
  return handle
end

test( "a handle's method, which the loop calls before it serves the handle, may close or clear the loop, or remove a handle", function( )
  local ways = {
    [ 'cogloop closed' ] = function( handle )
      local loop = cogloop.loop( )
      return loop, loop:on( handle, 'w', print ), function( ) loop:close( ) end
    end,
    [ 'cogloop off' ] = function( handle )
      local loop = cogloop.loop( )
      local watcher = loop:on( handle, 'w', print )
      return loop, watcher, function( ) watcher:off( ) end
    end,
    [ 't.Loop clean' ] = function( handle )
      local loop = Loop( )
      return loop, loop:addHandle( handle, 'w', print ), function( ) loop:clean( ) end
    end,
    [ 't.Loop removed' ] = function( handle )
      local loop = Loop( )
      local busy
      return loop, loop:addHandle( handle, 'w', print ), function( )
        if busy then return end
        busy = true
        loop:removeHandle( handle, 'w' )
      end
    end,
    [ 't.Loop other handle' ] = function( handle )
      local loop = Loop( )
      local node = loop:addHandle( handle, 'w', print )
      local busy
      return loop, node, function( )
        if busy then return end
        busy = true
        loop:addHandle( handle.keep[ 3 ], 'r', print )
        loop:removeHandle( handle.keep[ 3 ], 'rw' )
      end
    end,
  }
  for name, make in pairs( ways ) do
    local handle = meddler( )
    local loop, watcher, meddle = make( handle )
    local after = loop.after or loop.addTask
    after( loop, 0, function( ) handle.meddle = function( ) meddle( ) T.collect( ) end end )
    local ok, problem = pcall( loop.run, loop )
    is_true( ok, name .. ': ' .. tostring( problem ) )
    is_true( watcher )
  end
end )

test( "a handle's method that closes the loop while the handle is being added makes the call fail", function( )
  local function close( loop ) getmetatable( loop ).__gc( loop ) end
  local function closer( loop ) return { getfd = function( ) close( loop ) return 0 end } end
  local loop = Loop( )
  fails( 'the loop is closed', loop.addHandle, loop, closer( loop ), 'r', print )
  loop = Loop( )
  fails( 'the loop is closed', loop.removeHandle, loop, closer( loop ), 'r' )
  loop = Loop( )
  fails( 'the loop is closed', function( ) return loop[ closer( loop ) ] end )
  loop = cogloop.loop( )
  fails( 'the loop is closed', loop.on, loop, closer( loop ), 'r', print )
  loop = cogloop.loop( )
  local message
  loop:spawn( function( )
    message = fails( 'the loop is closed', loop.wait, loop, closer( loop ), 'r', 1 )
  end )
  loop:run( )
  is_true( message )
end )

test( 'a task may begin with a C function that yields', function( )
  local loop, ran = cogloop.loop{ clock = 'virtual' }, 0
  loop:spawn( coroutine.yield, 1, 2 )
  loop:spawn( loop.sleep, loop, 5 )
  loop:spawn( setmetatable( { }, { __call = coroutine.yield } ), 3 )
  loop:spawn( function( a, b ) ran = a + b end, 1, 2 )
  local set = { }
  loop:spawn( rawset, set, 1, 7 )
  -- The script may resume the coroutine before the loop does, with other arguments.
  local taken = loop:spawn( function( ) end, coroutine.yield ):thread( )
  for _ = 1, 5 do coroutine.resume( taken, 1 ) end
  loop:run( )
  equal( ran, 3 )
  equal( loop:now( ), 5 )
  equal( set[ 1 ], 7 )
end )

-- Calls `f`, in which the C stack overflows. Lua 5.4 cannot call a finalizer while the C stack is full, and loses the
-- object. valgrind counts lost memory, so the collector is stopped under valgrind.
local function overflow( f )
  if T.is_short then collectgarbage 'stop' end
  f( )
  collectgarbage 'restart'
end

test( "a handle's method that adds the handle again, without end, raises an error and does not overflow the stack", function( ) overflow( function( )
  for _, loop in ipairs{ Loop( ), cogloop.loop( ) } do
    local add = loop.on or loop.addHandle
    local handle = { }
    function handle.getfd( ) add( loop, handle, 'r', print ) return 0 end
    fails( 'stack overflow', add, loop, handle, 'r', print )
  end
end ) end )

test( 'loops that run each other in callbacks, without end, raise an error and do not overflow the stack', function( ) overflow( function( )
  local depth = 0
  local function nest( )
    depth = depth + 1
    local loop = cogloop.loop{ clock = 'virtual', backend = T.supports 'the backends of Linux' and 'select' or nil }
    loop:after( 0, nest )
    loop:run( )
  end
  local ok, problem = pcall( nest )
  equal( ok, false )
  is_true( tostring( problem ):find 'overflow' or tostring( problem ):find 'error in error', problem )
  is_true( depth > 30, depth )
  -- Later calls work as before.
  local ran
  local loop = cogloop.loop{ clock = 'virtual' }
  loop:after( 0, function( ) ran = true end )
  loop:run( )
  is_true( ran )
end ) end )

test( 'show lists arguments whose __name is no string, and runs none of their metamethods', function( )
  local function meddle( ) error 'a metamethod ran' end
  for _, name in ipairs{ 1, false, { } } do
    local loop = Loop( )
    local hostile = setmetatable( { }, { __name = name, __concat = meddle, __tostring = meddle, __index = meddle } )
    loop:addTask( 1, print, hostile, 'a', 'b' )
    loop:addTask( 2, print, 1, nil, true, 2.5, 'end' )
    local text = silently( loop.show, loop )
    is_true( text:find( 'function table `a` `b`', 1, true ), text )
    is_true( text:find( 'function 1 nil true 2.5 `end`', 1, true ), text )
  end
end )

test( 'errors name the type even if __name was removed from its metatable', function( )
  for _, loop in ipairs{ Loop( ), cogloop.loop( ) } do
    local meta = getmetatable( loop )
    local name = meta.__name
    for _, other in ipairs{ false, 1, { } } do
      meta.__name = other or nil
      fails( 'expected, got table', loop.run, { } )
      is_true( #tostring( loop ) > 0 )
    end
    meta.__name = name
  end
  local task = Loop( ):addTask( 1, print )
  local meta = getmetatable( task )
  local name = meta.__name
  meta.__name = { }
  is_true( #tostring( task ) > 0 )
  meta.__name = name
end )

test( "the loop's metamethods check their arguments when a script calls them", function( )
  local loop = Loop( )
  local meta = getmetatable( loop )
  equal( meta.__index( loop ), nil )
  equal( meta.__index( loop, 1, 2, 3 ), nil )
  equal( meta.__index( loop, 'run', 1, 2 ), loop.run )
  equal( meta.__len( loop, 1, 2 ), 0 )
  fails( 'onerror', meta.__newindex, loop )
  fails( 'onerror', meta.__newindex, loop, 'onerror' )
  fails( '', meta.__index )
  for _, object in ipairs{ Loop( ), cogloop.loop( ), Loop( ):addTask( 1, print ), cogloop.loop( ):after( 1, print ) } do
    for _, f in pairs( getmetatable( object ) ) do
      if type( f ) == 'function' then
        pcall( f )
        pcall( f, object )
        pcall( f, object, 1, 2, 3, 4, 5 )
        pcall( f, 1, object )
      end
    end
  end
end )

-- The userdata of a service of `luamockit`; nil on Lua 5.1, where the debug library has no upvalues of functions in C.
local function service_of( mit ) return select( 2, debug.getupvalue( mit.oneoff, 1 ) ) end

test( 'a finalizer that a script gets with the debug library does nothing to an object of another kind', function( )
  local socket, old, loop = require 't.Net.Socket'( 'udp' ), Loop( ), cogloop.loop( )
  local watcher = T.supports 'signals' and loop:signal( 'USR1', print )
  local objects = { socket, old, loop, service_of( require 'luamockit'.service{ clock = 'virtual' } ) }
  local finalizers = { }
  for i, object in ipairs( objects ) do finalizers[ i ] = debug.getmetatable( object ).__gc end
  if watcher then finalizers[ #finalizers + 1 ] = debug.getregistry( )[ 'cogloop.source' ].__gc end
  for i, finalize in ipairs( finalizers ) do
    pcall( finalize )
    for _, other in ipairs{ io.stdout, io.stdin, coroutine.create( function( ) end ), { }, 'text', 1, true } do pcall( finalize, other ) end
    for j, other in ipairs( objects ) do if i ~= j then pcall( finalize, other ) end end
  end
  -- All objects are still open.
  is_true( #finalizers >= 3 )
  equal( io.type( io.stdout ), 'file' )
  is_true( io.stdout:write( '' ) )
  is_true( socket.descriptor > 0 )
  equal( #old, 0 )
  equal( #loop:timers( ), 0 )
  if watcher then watcher:off( ) end
end )

test( 'the finalizer of a service of luamockit may be called twice; the functions of the service then raise', function( )
  local mit = require 'luamockit'.service{ clock = 'virtual' }
  local service = service_of( mit )
  if not service then return end
  local finalize = debug.getmetatable( service ).__gc
  finalize( service )
  finalize( service )
  fails( 'the Lua state is closing', mit.pending )
  fails( 'the Lua state is closing', mit.oneoff, 1, print )
end )

-- Runs `work` while finalizers run at many of its steps.
local function with_finalizers( finalize, work )
  collectgarbage 'collect'
  local pause = T.gc_pause( 0 )
  local going = true
  local function again( )
    if not going then return end
    finalize( )
    T.on_collect( again )
  end
  T.on_collect( again )
  for _ = 1, T.many( 100 ) do work( ) collectgarbage( 'step', 1 ) end
  going = false
  T.gc_pause( pause )
  T.collect( )
end

test( 'a finalizer may clear the options while a loop is made from them', function( )
  for _, make in ipairs{ Loop, cogloop.loop } do
    local options
    local function finalize( )
      if options then options.backend = nil end
      for i = 1, 20 do ('y'):rep( 30 + i ) end
    end
    local n = 0
    with_finalizers( finalize, function( )
      n = n + 1
      local name = 'no' .. ('x'):rep( 30 + n % 20 )
      options = { backend = name }
      name = nil
      local ok, made, message = pcall( make, options )
      local text = ok and message or made
      options = nil
      -- If the finalizer ran before the option was read, a loop was made.
      is_true( text == nil or text:find( 'nox', 1, true ), text )
    end )
  end
end )

test( 'a finalizer may close the loop while a method describes it', function( )
  local victim
  local function told( loop, method )
    victim = loop
    local ok, problem = pcall( loop[ method ], loop )
    victim = nil
    is_true( ok or tostring( problem ):find( 'the loop is closed', 1, true ), problem )
  end
  with_finalizers( function( ) if victim then getmetatable( victim ).__gc( victim ) end end, function( )
    for _, method in ipairs{ 'dump', 'stats', 'timers', 'handles' } do
      local loop = cogloop.loop{ clock = 'virtual' }
      for i = 1, 5 do loop:after( i, print, i ) end
      told( loop, method )
    end
    told( Loop( ), 'backend' )
  end )
end )

test( 'a finalizer may close a socket while it is being added to the loop', function( )
  local Socket = require 't.Net.Socket'
  local socket
  with_finalizers( function( ) if socket then socket:close( ) end end, function( )
    local loop = cogloop.loop( )
    socket = Socket( 'udp' )
    local ok, watcher, message = pcall( loop.on, loop, socket, 'r', print )
    is_true( ok or tostring( watcher ):find( 'closed', 1, true ), watcher )
    if ok and not watcher then is_true( message:find( 'closed', 1, true ), message ) end
    socket:close( )
    loop:step( 0 )
    equal( #loop:handles( ), 0 )
    socket = nil
    loop:close( )
  end )
end )

test( 'finalizers and debug hooks may run a loop in which coroutines sleep', function( )
  for _ = 1, T.many( 20 ) do
    local loop, steps = cogloop.loop{ clock = 'virtual' }, 0
    loop:spawn( function( ) for _ = 1, 100 do loop:sleep( 1 ) steps = steps + 1 end end )
    T.on_collect( function( ) for _ = 1, 10 do loop:step( 5 ) end end )
    T.collect( )
    local busy
    debug.sethook( function( )
      if busy then return end
      busy = true
      loop:step( 5 )
      busy = false
    end, '', 100 )
    for i = 1, 1000 do busy = busy and i end
    debug.sethook( )
    loop:run( )
    equal( steps, 100 )
  end
end )

test( 'in finalizers and debug hooks coroutines can still sleep after a callback of their loop has failed', function( )
  local function run( )
    local loop, steps, failed = cogloop.loop{ clock = 'virtual' }, 0, 0
    local function sleeper( ) for _ = 1, 20 do loop:sleep( 1 ) steps = steps + 1 end end
    loop:onerror( function( ) failed = failed + 1 end )
    loop:spawn( sleeper )
    loop:after( 0, function( ) error 'a callback fails' end )
    loop:spawn( sleeper )
    loop:run( )
    return steps .. ' steps, ' .. failed .. ' failed'
  end
  local in_finalizer, in_hook
  T.on_collect( function( ) in_finalizer = run( ) end )
  T.collect( )
  debug.sethook( function( )
    if in_hook then return end
    in_hook = 'begun'
    in_hook = run( )
  end, '', 1 )
  debug.sethook( )
  equal( in_finalizer, '40 steps, 1 failed' )
  equal( in_hook, '40 steps, 1 failed' )
end )

test( 'if a finalizer of a task resumes a coroutine that wrap has made, that coroutine cannot wait', function( )
  local loop, ok, err, may_wait = cogloop.loop{ clock = 'virtual' }
  local task = loop:spawn( function( )
    local waits = loop:wrap( function( )
      may_wait = loop:running( )
      for _ = 1, 20 do loop:sleep( 1 ) end
    end )
    T.on_collect( function( ) ok, err = pcall( waits ) end )
    T.collect( )
    -- The coroutine is dead now, or goes on.
    pcall( waits )
    loop:sleep( 1 )
    return 'done'
  end )
  loop:run( )
  equal( ok, false, err )
  equal( may_wait, not T.has.yieldable, 'running' )
  equal( (task:join( )), 'done' )
end )

test( 'a coroutine that a comparison of table.sort resumes does not come back early from its wait', function( )
  local loop, woke = cogloop.loop{ clock = 'virtual' }, nil
  local task = loop:spawn( function( )
    local waits = loop:wrap( function( )
      loop:sleep( 10 )
      woke = loop:now( )
    end )
    local ok, err = pcall( table.sort, { 2, 1 }, waits )
    equal( ok, false, err )
    ok, err = pcall( waits )
    return ok, err
  end )
  loop:run( )
  local ok, err = task:join( )
  -- Lua 5.1 and 5.2 cannot tell whether a coroutine can yield, so the wait fails outside of the coroutine.
  if not T.has.yieldable then return end
  equal( ok, false, err )
  is_true( tostring( err ):find( 'dead coroutine', 1, true ), err )
  equal( woke, nil )
end )

test( 'coroutines of wrap that resume each other without end raise', function( )
  local loop = cogloop.loop{ clock = 'virtual' }
  local function go( ) return loop:wrap( go )( ) end
  for _ = 1, 2 do
    local task = loop:spawn( function( )
      local ok, err = pcall( go )
      equal( ok, false )
      is_true( tostring( err ):find( 'overflow', 1, true ), err )
      loop:sleep( 1 )
      return 'done'
    end )
    loop:run( )
    equal( (task:join( )), 'done' )
  end
end )

test( 'a message handler may call a function of ours that fails and calls the handler again', function( ) overflow( function( )
  local socket, loop = require 't.Net.Socket'( 'udp' ), cogloop.loop( )
  for _, f in ipairs{
    function( ) socket:recv( 0 ) end,
    function( ) socket:send( ) end,
    function( ) loop:on( { }, 'r', print ) end,
    function( ) loop:after( -1, print ) end,
    function( ) require 't.Net.Interface'.get( 1, 2 ) end,
    function( ) loop:after( 0, error ) loop:step( 0 ) end,
  } do
    equal( xpcall( error, f ), false )
  end
end ) end )

T.done( )
