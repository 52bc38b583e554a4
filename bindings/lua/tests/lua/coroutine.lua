-- Tests of code that resumes or closes the coroutine of a waiting task. This ends the task's wait, and the loop keeps
-- working.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

-- Spawns a task, and returns its coroutine.
local function spawn( loop, ... ) return loop:spawn( ... ):thread( ) end

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

test( 'a coroutine that the script resumes may run the loop in which it has a timer', function( )
  local loop, steps = virtual( ), 0
  local co = spawn( loop, function( )
    loop:step( 0 )
    steps = steps + 1
  end )
  equal( coroutine.resume( co ), true )
  loop:run( )
  equal( steps, 1 )
  equal( coroutine.status( co ), 'dead' )
end )

test( 'a coroutine that the script resumes may run the loop, and does not begin twice', function( )
  local loop, begun = virtual( ), 0
  local co
  co = spawn( loop, function( step )
    begun = begun + 1
    if step then step( loop, 0 ) end
  end, loop.step )
  coroutine.resume( co )
  loop:run( )
  is_true( begun <= 1, begun )
  equal( coroutine.status( co ), 'dead' )
end )

test( 'a coroutine begins with its own function and arguments, even if the script resumes it first', function( )
  local many = { }
  for i = 1, 300 do many[ i ] = i end
  for _, args in ipairs{ { 'a' }, { print, 2 }, { false, nil, 3, n = 3 }, many } do
    local loop, got, again = virtual( ), nil, nil
    local count = args.n or #args
    local co = spawn( loop, function( ... )
      got = { n = select( '#', ... ), ... }
      again = coroutine.yield( 'yielded' )
      again = again .. tostring( pcall( error ) )
    end, (unpack or table.unpack)( args, 1, count ) )
    local ok, yielded = coroutine.resume( co, 'x' )
    equal( ok, true, tostring( yielded ) )
    equal( yielded, 'yielded' )
    equal( got.n, count )
    for i = 1, count do equal( got[ i ], args[ i ], i ) end
    equal( coroutine.resume( co, 'y' ), true )
    equal( again, 'yfalse' )
    equal( coroutine.status( co ), 'dead' )
    loop:run( )
    equal( got.n, count )
  end
  local co = spawn( virtual( ), error, 'oh', 0 )
  same_list( { coroutine.resume( co ) }, { false, 'oh' } )
end )

test( 'a waiting coroutine that the script resumes may run the loop while its handle is ready', function( )
  for _, limit in ipairs{ false, 0, 1, 60000 } do
    local loop, reader, writer = cogloop.loop( ), T.fifo( )
    local reached
    local co = spawn( loop, function( )
      loop:wait( reader, 'r', limit or nil )
      loop:step( 0 )
      loop:step( 0 )
      reached = true
    end )
    loop:step( 0 )
    writer:write 'x'
    coroutine.resume( co )
    equal( reached, true )
    equal( coroutine.status( co ), 'dead' )
    equal( loop:run( ), true )
    equal( #loop:handles( ), 0 )
  end
end )

test( 'the timer of a sleep does not resume a coroutine that the script has resumed and that has yielded since', function( )
  local loop, got = virtual( ), { }
  local co = spawn( loop, function( )
    loop:sleep( 5 )
    got[ #got + 1 ] = coroutine.yield( 'mine' )
  end )
  loop:step( 0 )
  equal( select( 2, coroutine.resume( co ) ), 'mine' )
  loop:run( )
  equal( coroutine.status( co ), 'suspended' )
  coroutine.resume( co, 'yours' )
  same_list( got, { 'yours' } )
end )

test( 'a coroutine that has ended is dead, whatever it has returned', function( )
  local loop = virtual( )
  local all = {
    spawn( loop, function( ) return 42 end ),
    spawn( loop, function( ) loop:sleep( 1 ) return 1, 2, 3 end ),
    spawn( loop, function( ) coroutine.yield( ) return print end ),
    spawn( loop, function( ... ) return ... end, 'a', 'b', 'c' ),
    spawn( loop, function( ) error 'oh' end ),
    spawn( loop, function( ) loop:sleep( 1 ) error( { } ) end ),
  }
  loop:onerror( function( ) end )
  loop:run( )
  for i, co in ipairs( all ) do
    equal( coroutine.status( co ), 'dead', i )
    local ok, message = coroutine.resume( co )
    equal( ok, false )
    is_true( message:find( 'dead', 1, true ), message )
  end
end )

test( 'a wait with a limit of 0 checks the handle once', function( )
  local loop, reader, writer = cogloop.loop( ), T.fifo( )
  local got = { }
  loop:spawn( function( )
    local ready, why = loop:wait( reader, 'r', 0 )
    got[ 1 ] = ready or why
    got[ 2 ] = loop:wait( writer, 'w', 0 )
    writer:write 'line one\nline two\n'
    got[ 3 ] = loop:wait( reader, 'r', 0 )
    got[ 4 ] = loop:wait( reader, 'rw', 0 )
    reader:read( )
    -- The second line is now in the file's buffer, where the kernel does not see it.
    got[ 5 ] = loop:wait( reader, 'r', 0 ) or 'the buffered input was not seen'
    reader:read( )
    got[ 6 ] = loop:wait( reader, 'r', 0 ) or 'nothing'
  end )
  loop:run( )
  same_list( got, { 'timed out', 'w', 'r', 'rw', 'r', 'nothing' } )
  equal( #loop:timers( ), 0 )
end )

test( 'a wait reports input that came before its limit, even if a callback took longer than the limit', function( )
  local loop, reader, writer = virtual( ), T.fifo( )
  local got
  loop:spawn( function( ) got = { loop:wait( reader, 'r', 10 ) } end )
  loop:after( 5, function( ) writer:write 'x\n' loop:advance( 20 ) end )
  loop:run( )
  same_list( got, { 'r' } )
end )

test( "a handle with buffered data is asked before a wait times out, and its method may raise or close the loop", function( )
  local socket = require 't.Net.Socket'( 'udp' )
  for name, dirty in pairs{
    [ 'yes' ]    = function( ) return true end,
    [ 'raises' ] = function( ) error 'oh' end,
    [ 'closes' ] = function( loop ) loop:close( ) end,
  } do
    local loop, got = virtual( ), nil
    local handle = { getfd = function( ) return socket.descriptor end }
    loop:spawn( function( ) got = loop:wait( handle, 'r', 0 ) or 'nothing' end )
    loop:step( 0 )
    handle.dirty = function( ) return dirty( loop ) end
    pcall( loop.run, loop )
    pcall( loop.run, loop )
    if name == 'yes' then equal( got, 'r' ) end
    is_true( got ~= 'nothing' or name == 'raises', name )
  end
end )

-- The ways in which other code ends the wait of a coroutine.
local ends = { resumed = coroutine.resume }
if coroutine.close then ends.closed = coroutine.close end

test( 'a coroutine that other code has closed or resumed no longer claims its handle', function( )
  for name, finish in pairs( ends ) do
    for _, limit in ipairs{ false, 60000 } do
      local loop, reader, writer = cogloop.loop( ), T.fifo( )
      local got
      local co = spawn( loop, function( ) loop:wait( reader, 'rw', limit or nil ) end )
      loop:step( 0 )
      fails( 'a coroutine waits for it', loop.on, loop, reader, 'r', print )
      finish( co )
      local watcher
      watcher = loop:on( reader, 'r', function( ) got = reader:read( ) watcher:off( ) end )
      writer:write 'line\n'
      loop:run( )
      equal( got, 'line', name )
      equal( #loop:timers( ), 0 )
    end
  end
end )

test( 'a loop has nothing left when other code has closed or resumed its last coroutine', function( )
  for name, finish in pairs( ends ) do
    for _, limit in ipairs{ false, 60000 } do
      local loop, all, keep = cogloop.loop( ), { }, { }
      for i = 1, 5 do
        local reader, writer = T.fifo( )
        keep[ i ] = { reader, writer }
        all[ i ] = spawn( loop, function( ) loop:wait( reader, 'r', limit or nil ) end )
      end
      loop:step( 0 )
      loop:on( keep[ 1 ][ 2 ], 'r', print ):unref( )
      for i = 1, 5 do finish( all[ i ] ) end
      loop:run( )
      equal( #loop:handles( ), 1, name )
      equal( #loop:timers( ), 0, name )
    end
  end
end )

test( 'a sleeping coroutine that other code has closed or resumed does not keep the loop running', function( )
  for name, finish in pairs( ends ) do
    local loop, all = virtual( ), { }
    for i = 1, 100 do
      all[ i ] = spawn( loop, function( ) loop:sleep( 60000 + i ) end )
    end
    loop:after( 5, function( ) for i = 1, 100 do finish( all[ i ] ) end end )
    loop:run( )
    equal( loop:now( ), 5, name )
    equal( #loop:timers( ), 0, name )
  end
end )

test( 'a sleeping coroutine runs to its end, whatever happens to the others', function( )
  for name, finish in pairs( ends ) do
    local loop, all, woken = virtual( ), { }, { }
    for i = 1, 60 do
      all[ i ] = spawn( loop, function( )
        for _ = 1, 3 do loop:sleep( 10 * (i % 7) + 1 ) end
        woken[ #woken + 1 ] = i
      end )
    end
    loop:after( 5, function( )
      for i = 1, 60 do if i % 2 == 0 and i % 7 ~= 0 then finish( all[ i ] ) end end
    end )
    loop:run( )
    equal( #woken, 34, name )
    equal( #loop:timers( ), 0, name )
    equal( loop:now( ), 183, name )
  end
end )

test( 'step returns false when only closed coroutines sleep', function( )
  for name, finish in pairs( ends ) do
    local loop = virtual( )
    local co = spawn( loop, function( ) loop:sleep( 60000 ) end )
    equal( loop:step( ), true, name )
    finish( co )
    equal( loop:step( ), false, name )
    equal( loop:now( ), 0, name )
  end
end )

test( 'the watcher of a coroutine that other code has closed or resumed is off, and off returns false', function( )
  for name, finish in pairs( ends ) do
    for _, first in ipairs{ 'off', 'active' } do
      local loop, reader, writer = cogloop.loop( ), T.fifo( )
      local co = spawn( loop, function( ) loop:wait( reader, 'r' ) end )
      loop:step( 0 )
      local watcher = loop:handles( )[ 1 ].watcher
      equal( watcher:off( ), false, name )
      equal( watcher:active( ), true, name )
      finish( co )
      equal( watcher[ first ]( watcher ), false, name )
      equal( watcher:active( ), false, name )
      equal( watcher:off( ), false, name )
      is_true( tostring( watcher ):find( 'off', 1, true ) )
      is_true( writer )
    end
  end
end )

test( 'the function of the other direction stays when other code has closed or resumed the waiting coroutine', function( )
  local socket = require 't.Net.Socket'( 'udp' )
  for name, finish in pairs( ends ) do
    local loop, count = cogloop.loop( ), 0
    local watcher = loop:on( socket, 'w', function( ) count = count + 1 end )
    local co = spawn( loop, function( ) loop:wait( socket, 'r' ) end )
    loop:step( 0 )
    loop:step( 0 )
    equal( loop:handles( )[ 1 ].direction, 'rw', name )
    finish( co )
    equal( watcher:off 'r', false, name )
    equal( watcher:active( ), true, name )
    equal( loop:handles( )[ 1 ].direction, 'w', name )
    count = 0
    loop:step( 0 )
    equal( count, 1, name )
    equal( watcher:off( ), true, name )
  end
end )

-- Makes two coroutines that wait, the first with a limit. `finish` ends the first wait. The second goes on.
local function two_waits( finish )
  local loop, reader, writer = virtual( ), T.fifo( )
  local other, other_writer = T.fifo( )
  local first = spawn( loop, function( ) loop:wait( reader, 'r', 5 ) end )
  loop:spawn( function( ) loop:wait( other, 'r' ) end )
  loop:step( 0 )
  equal( #loop:timers( ), 1 )
  equal( #loop:handles( ), 2 )
  finish( first )
  return loop, { reader, writer, other, other_writer }
end

test( 'a wait that other code has ended is not listed, and its limit is not listed, while another coroutine waits', function( )
  for name, finish in pairs( ends ) do
    local loop = two_waits( finish )
    equal( #loop:timers( ), 0, name )
    loop = two_waits( finish )
    equal( #loop:handles( ), 1, name )
    equal( loop:stats( ).timers, 0, name )
  end
end )

test( 'the limit of a wait that other code has ended does not count as a timer that fires', function( )
  for name, finish in pairs( ends ) do
    local loop = two_waits( finish )
    local fired = loop:stats( ).fired
    loop:advance( 10 )
    equal( loop:stats( ).fired, fired, name )
    equal( #loop:handles( ), 1, name )
  end
end )

test( 'a coroutine that other code has resumed gets no error when its former handle is closed', function( )
  for name, finish in pairs( ends ) do
    local loop, reader, writer = virtual( ), T.fifo( )
    local socket = require 't.Net.Socket'( 'udp' )
    local co = spawn( loop, function( ) loop:wait( socket, 'r', 5 ) end )
    loop:spawn( function( ) loop:wait( reader, 'r' ) end )
    loop:step( 0 )
    local fired = loop:stats( ).fired
    finish( co )
    socket:close( )
    loop:advance( 10 )
    equal( loop:stats( ).fired, fired, name )
    equal( #loop:timers( ), 0, name )
    is_true( writer )
  end
end )

test( 'a waiting coroutine goes on waiting when other coroutines of the loop end', function( )
  for _, finish in pairs( ends ) do
    local loop, reader, writer = cogloop.loop( ), T.fifo( )
    local other, other_writer = T.fifo( )
    local got
    local gone = spawn( loop, function( ) loop:wait( other, 'r' ) end )
    loop:spawn( function( ) got = loop:wait( reader, 'r' ) end )
    loop:step( 0 )
    finish( gone )
    loop:after( 5, function( ) writer:write 'x\n' end )
    loop:run( )
    equal( got, 'r' )
    is_true( other_writer )
  end
end )

test( "a handle's method may resume the coroutine that is about to wait for the handle", function( )
  local socket = require 't.Net.Socket'( 'udp' )
  for _, finish in pairs( ends ) do
    local loop, co = cogloop.loop( ), nil
    local busy
    local function handle( )
      return { getfd = function( )
        if co and not busy then
          busy = true
          pcall( finish, co )
        end
        return socket.descriptor
      end }
    end
    loop:on( handle( ), 'w', function( ) loop:handles( )[ 1 ].watcher:off( 'w' ) end )
    co = spawn( loop, function( ) loop:wait( handle( ), 'r', 5 ) end )
    loop:run( )
    equal( #loop:handles( ), 0 )
  end
end )

test( 'timers lists coroutines that have not begun, with their tasks', function( )
  local loop = virtual( )
  local task = loop:spawn( print, 1, 2, 3 )
  local listed = loop:timers( )
  equal( #listed, 1 )
  equal( listed[ 1 ].f, task )
end )

test( 'a coroutine in any state may be resumed, closed or collected, in any order', function( )
  local socket = require 't.Net.Socket'( 'udp' )
  local treatments = {
    function( co ) coroutine.resume( co ) end,
    function( co ) coroutine.resume( co, 1, 2, 3 ) end,
    function( co ) pcall( coroutine.close or print, co ) end,
    function( co, loop ) coroutine.resume( coroutine.create( function( ) coroutine.resume( co ) loop:step( 0 ) end ) ) end,
    function( _, loop ) loop:step( 0 ) end,
    function( _, loop ) loop:close( ) end,
    function( co, loop ) loop:spawn( coroutine.resume, co ) end,
    function( ) T.collect( ) end,
  }
  local bodies = {
    function( ) end,
    function( loop ) loop:sleep( 1 ) loop:step( 0 ) loop:sleep( 1 ) end,
    function( loop ) loop:wait( socket, 'r', 1 ) loop:step( 0 ) end,
    function( loop ) loop:wait( socket, 'w' ) loop:step( 0 ) coroutine.yield( 1, 2 ) end,
    function( loop ) coroutine.yield( 1, 2, 3 ) loop:sleep( 0 ) end,
    function( loop ) loop:step( 0 ) error 'oh' end,
  }
  for _, body in ipairs( bodies ) do
    for _, args in ipairs{ 0, 3 } do
      for a = 1, #treatments do
        for b = 1, #treatments do
          local loop = cogloop.loop( )
          loop:onerror( function( ) end )
          local co = args == 0 and spawn( loop, function( ) body( loop ) end ) or spawn( loop, body, loop, 2, 3 )
          pcall( treatments[ a ], co, loop )
          pcall( loop.step, loop, 0 )
          pcall( treatments[ b ], co, loop )
          pcall( loop.step, loop, 0 )
          pcall( treatments[ a ], co, loop )
          pcall( loop.step, loop, 2 )
          pcall( treatments[ b ], co, loop )
          pcall( loop.step, loop, 0 )
          pcall( loop.close, loop )
        end
      end
    end
  end
end )

T.done( )
