-- `require 'luamockit'`: one-off and interval callbacks through a queue of events.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T    = require 'harness'
local mit  = require 'luamockit'
local Loop = require 't.Loop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return mit.service{ clock = 'virtual' } end

-- os.time reads the coarse clock, which may show the previous second for some milliseconds after the exact clock has
-- moved on.
test( 'mstimestamp and time are the wall clock', function( )
  local before = os.time( )
  local stamp, secs, ms = mit.mstimestamp( ), mit.time( )
  local after = os.time( ) + 1
  is_true( stamp >= before * 1000 and stamp < (after + 1) * 1000 )
  is_true( secs >= before and secs <= after and ms >= 0 and ms < 1000 )
  equal( mit.init( ), true )
end )

test( 'a sleep is not too short, and returns the time that is left', function( )
  local before = T.now( )
  local left, err = mit.sleep( 20 )
  equal( left, 0 )
  equal( err, 0 )
  left, err = mit.sleep( 10, true )
  equal( left, 0 )
  equal( err, 0 )
  is_true( T.now( ) - before >= 29, 'two sleeps' )
end )

test( 'a one-off puts one event into the queue, and is not early (C01, C02)', function( )
  local service, ran = virtual( ), 0
  service.oneoff( 30, function( ... ) ran = ran + 1 equal( select( '#', ... ), 0 ) end )
  service.sleep( 29 )
  equal( service.pending( ), 0 )
  equal( service.process_events( ), 0 )
  service.sleep( 1 )
  equal( service.pending( ), 1 )
  equal( service.inqueue( ), 1 )
  equal( ran, 0, 'only process_events calls callbacks' )
  equal( service.process_events( ), 1 )
  equal( ran, 1 )
  service.sleep( 1000 )
  equal( service.process_events( ), 0 )
end )

test( 'each deadline of an interval queues an event, without drift (C13, C14)', function( )
  local service, ran = virtual( ), 0
  local timer = service.getit( 3000, function( ) ran = ran + 1 end )
  service.sleep( 10000 )
  equal( service.pending( ), 3 )
  equal( service.process_events( ), 3 )
  service.sleep( 1999 )
  equal( service.process_events( ), 0 )
  service.sleep( 1 )
  equal( service.process_events( ), 1 )
  equal( ran, 4 )
  timer:destroy( )
  service.sleep( 30000 )
  equal( service.process_events( ), 0 )
end )

test( 'events are in the order of their deadlines, also those of late intervals (C03)', function( )
  local service, ran = virtual( ), { }
  service.getit( 10, function( ) ran[ #ran + 1 ] = 'a' end )
  service.getit( 15, function( ) ran[ #ran + 1 ] = 'b' end )
  service.oneoff( 25, function( ) ran[ #ran + 1 ] = 'once' end )
  service.sleep( 31 )
  service.process_events( )
  same_list( ran, { 'a', 'b', 'a', 'once', 'b', 'a' } )
end )

test( 'destroy drops queued events, a second call does nothing, and the place can be used again (C08, C09)', function( )
  local service, ran = virtual( ), 0
  local timer = service.getit( 10, function( ) ran = ran + 1 end )
  service.sleep( 35 )
  equal( service.pending( ), 3 )
  equal( timer:destroy( ), nil )
  equal( service.pending( ), 0 )
  equal( service.inqueue( ), 3 )
  equal( timer:destroy( true ), nil )
  local other = service.oneoff( 1, function( ) ran = ran + 100 end )
  timer:destroy( )
  service.sleep( 1 )
  equal( service.pending( ), 1 )
  equal( service.process_events( ), 1 )
  equal( ran, 100 )
  equal( service.inqueue( ), 0 )
  other:destroy( )
end )

test( 'dropped events of a destroyed timer do not count in process_events (C08)', function( )
  local service, ran, timer = virtual( ), 0, nil
  timer = service.getit( 1, function( ) timer:destroy( ) service.sleep( 100 ) end )
  service.oneoff( 5, function( ) ran = ran + 1 end )
  service.getit( 10, function( ) ran = ran + 1 end )
  service.sleep( 30 )
  equal( service.process_events( ), 5 )
  equal( ran, 4 )
end )

test( 'other timers keep their events when a hundred timers in the queue are destroyed (C08)', function( )
  local service, ran, timers = virtual( ), 0, { }
  for i = 1, 150 do timers[ i ] = service.getit( 10, function( ) ran = ran + 1 end ) end
  service.sleep( 25 )
  for i = 1, 100 do timers[ i ]:destroy( ) end
  equal( service.inqueue( ), 300 )
  equal( service.pending( ), 100 )
  equal( service.process_events( ), 100 )
  equal( ran, 100 )
  equal( service.inqueue( ), 0 )
  for i = 101, 150 do timers[ i ]:destroy( ) end
end )

test( 'a callback may destroy any timer, including its own, and arm new timers (C06, C07, C20)', function( )
  local service, ran = virtual( ), { }
  local first, second
  first  = service.getit( 10, function( ) ran[ #ran + 1 ] = 'first' second:destroy( ) first:destroy( ) service.oneoff( 0, function( ) ran[ #ran + 1 ] = 'new' end ) end )
  second = service.getit( 10, function( ) ran[ #ran + 1 ] = 'second' end )
  service.sleep( 25 )
  equal( service.pending( ), 4 )
  equal( service.process_events( ), 1 )
  same_list( ran, { 'first' } )
  equal( service.process_events( ), 1, 'the next call serves events that are added meanwhile' )
  same_list( ran, { 'first', 'new' } )
end )

test( 'an error in the middle of the queue loses no event, and the first error is raised (C61)', function( )
  local service, ran = virtual( ), 0
  for i = 1, 5 do service.oneoff( i, function( ) ran = ran + 1 if i % 2 == 0 then error( 'number ' .. i ) end end ) end
  service.sleep( 10 )
  local message = fails( 'number 2', service.process_events )
  is_true( message:find( 'traceback', 1, true ) )
  equal( ran, 5 )
  -- A value that is no text is raised unchanged, as in a loop. Its `__tostring` is not called.
  local with_text = setmetatable( { }, { __tostring = function( ) error 'no text' end } )
  for _, value in ipairs{ { }, with_text, 42, io.stdout, false } do
    service.oneoff( 1, function( ) error( value, 0 ) end )
    service.sleep( 1 )
    local ok, got = pcall( service.process_events )
    equal( ok, false )
    equal( got, value )
    equal( service.process_events( ), 0 )
  end
end )

test( 'wait returns when there is an event, or when its time is over', function( )
  local service = virtual( )
  service.oneoff( 50, function( ) end )
  equal( service.wait( 20 ), 0 )
  equal( service.pending( ), 0 )
  equal( service.wait( ), 0 )
  equal( service.pending( ), 1 )
  equal( service.wait( ), 0, 'at once' )
  service.process_events( )
  local failed, message = service.wait( )
  equal( failed, 1 )
  is_true( message:find( 'no timer is armed', 1, true ), message )
  equal( service.wait( 10 ), 0 )

  local before = T.now( )
  mit.oneoff( 15, function( ) end )
  equal( mit.wait( ), 0 )
  is_true( T.now( ) - before >= 14 )
  equal( mit.process_events( ), 1 )
end )

-- Sends signals to this process until the body has returned. So a signal arrives during each wait, even if this process
-- does not run for a long time.
local function while_signals_come( body )
  T.requires 'signals'
  local watcher = assert( require 'cogloop'.signal( 'USR2', function( ) end ) )
  local going   = os.tmpname( )
  local sender  = io.popen( ('while sleep 0.05 && [ -e %s ] && kill -USR2 $PPID; do :; done'):format( going ), 'w' )
  local ok, problem = pcall( body )
  os.remove( going )
  sender:close( )
  watcher:off( )
  if not ok then error( problem, 0 ) end
end

test( 'wait without a timer sleeps until a signal comes, and a signal is no failure', function( )
  while_signals_come( function( )
    local start = T.now( )
    equal( select( '#', mit.wait( ) ), 1 )
    equal( mit.wait( ), 0 )
    is_true( T.now( ) - start >= 50, 'the wait lasted until a signal' )
    local timer = mit.oneoff( 600000, function( ) end )
    equal( mit.wait( ), 0 )
    equal( mit.pending( ), 0 )
    timer:destroy( )
  end )
end )

test( 'a sleep that a signal ends returns the milliseconds left and EINTR', function( )
  while_signals_come( function( )
    local left, errno = mit.sleep( 600000 )
    is_true( left > 0 and left <= 600000, left )
    equal( errno, 4 )
  end )
end )

test( 'long delays are kept (C17)', function( )
  local service, ran = virtual( ), 0
  for _, ms in ipairs{ 2^31 - 1, 2^31, 2^32 - 1, 2^32 + 10, 2^48, 2^53, 2^62, 2^63 } do
    service.oneoff( ms, function( ) ran = ran + 1 end )
  end
  service.sleep( 1000 )
  equal( service.process_events( ), 0 )
  service.sleep( 2^31 )
  equal( service.process_events( ), 2 )
  service.sleep( 2^31 )
  equal( service.process_events( ), 2 )
  service.sleep( 2^42 )
  equal( service.process_events( ), 0, 'after 139 years' )
  service.sleep( 2^43 )
  equal( service.process_events( ), 4, 'the longest delay is 292 years' )
end )

test( 'an error about a wrong argument names it, and arms nothing (C18)', function( )
  local service = virtual( )
  local function f( ) end
  for _, make in ipairs{ service.oneoff, service.getit } do
    for _, ms in ipairs{ -1, 0.5, 0/0, 1/0, '10', true, { } } do fails( 'ms', make, ms, f ) end
    fails( 'ms', make )
    fails( 'f', make, 10 )
    fails( 'f', make, 10, 'print' )
  end
  fails( 'ms', service.getit, 0, f )
  fails( 'ms', service.sleep, -1 )
  fails( 'ms', service.wait, 'x' )
  fails( 'timer', service.oneoff( 1, f ).destroy, service )
  fails( 'clock', mit.service, { clock = 'sun' } )
  service.sleep( 100 )
  equal( service.pending( ), 1 )
end )

test( 'a timer without references fires, and then nothing of it stays (C62)', function( )
  local service, ran = virtual( ), 0
  local weak = setmetatable( { }, { __mode = 'k' } )
  do
    local function f( ) ran = ran + 1 end
    weak[ f ] = true
    service.oneoff( 5, function( ) f( ) end )
  end
  collectgarbage( ) collectgarbage( )
  is_true( next( weak ) ~= nil )
  service.sleep( 5 )
  service.process_events( )
  equal( ran, 1 )
  collectgarbage( ) collectgarbage( )
  equal( next( weak ), nil )
end )

test( 'a timer made in a coroutine fires after the coroutine has ended (C63)', function( )
  local service, ran = virtual( ), 0
  coroutine.wrap( function( ) service.oneoff( 5, function( ) ran = ran + 1 end ) end )( )
  collectgarbage( ) collectgarbage( )
  service.sleep( 5 )
  equal( service.process_events( ), 1 )
  equal( ran, 1 )
end )

test( 'tostring shows the period and the state', function( )
  local service = virtual( )
  local timer, once = service.getit( 3000, print ), service.oneoff( 7, print )
  equal( tostring( timer ), 'mockit timer: every 3000 ms, armed' )
  equal( tostring( once ), 'mockit timer: once after 7 ms, armed' )
  timer:destroy( )
  equal( tostring( timer ), 'mockit timer: 3000 ms, ended' )
end )

test( 'a callable object is a callback (C70)', function( )
  local service, got = virtual( ), nil
  local object = setmetatable( { }, { __call = function( self ) got = self end } )
  service.oneoff( 1, object )
  service.sleep( 1 )
  service.process_events( )
  equal( got, object )
end )

test( 'a running loop processes the events if it watches the module', function( )
  T.requires 'a descriptor of a timer'
  local descriptor, message = mit.getfd( )
  if not descriptor then return print( 'skipped: a running loop processes the events: ' .. message ) end
  local loop, ran = Loop( ), 0
  local timer
  timer = mit.getit( 5, function( )
    ran = ran + 1
    if ran == 4 then timer:destroy( ) loop:removeHandle( mit, 'r' ) end
  end )
  loop:addHandle( mit, 'r', mit.process_events )
  loop:run( )
  equal( ran, 4 )
end )

test( 'each Lua state has one module, however often it is required (C67)', function( )
  package.loaded.luamockit = nil
  equal( require 'luamockit', mit )
end )

if _VERSION >= 'Lua 5.4' then
  test( 'the end of the scope of a <close> variable destroys its timer', function( )
    local service = virtual( )
    assert( load( 'local service = ... local timer <close> = service.getit( 5, print )' ) )( service )
    service.sleep( 50 )
    equal( service.inqueue( ), 0 )
  end )
end

-- The model is a list of timers. Each step searches it for the earliest deadline.
local function model( )
  local m = { now = 0, timers = { }, events = { }, made = 0 }
  function m.arm( ms, cyclic )
    m.made = m.made + 1
    m.timers[ m.made ] = { name = m.made, at = m.now + ms, period = cyclic and ms, seq = m.made }
    return m.made
  end
  function m.sleep( ms )
    m.now = m.now + ms
    m.refresh( )
  end
  function m.refresh( )
    while true do
      local first
      for _, t in pairs( m.timers ) do
        if t.at and t.at <= m.now and (not first or t.at < first.at or t.at == first.at and t.seq < first.seq) then first = t end
      end
      if not first then return end
      m.events[ #m.events + 1 ] = first.name
      m.made = m.made + 1
      first.seq = m.made
      first.at = first.period and first.at + first.period or nil
    end
  end
  return m
end

test( 'random operations give the same events in the same order as the model', function( )
  local seed = 12345
  local function random( n ) seed = (seed * 16807) % 2147483647 return seed % n end
  for round = 1, 60 do
    local service, m, ran, kept = virtual( ), model( ), { }, { }
    for _ = 1, 120 do
      local what = random( 10 )
      if what < 4 then
        local cyclic = random( 2 ) == 0
        local ms     = random( 40 ) + (cyclic and 1 or 0)
        local name   = m.arm( ms, cyclic )
        kept[ #kept + 1 ] = { name, service[ cyclic and 'getit' or 'oneoff' ]( ms, function( ) ran[ #ran + 1 ] = name end ) }
      elseif what < 6 and #kept > 0 then
        local gone = table.remove( kept, random( #kept ) + 1 )
        gone[ 2 ]:destroy( )
        m.timers[ gone[ 1 ] ] = nil
        for i = #m.events, 1, -1 do if m.events[ i ] == gone[ 1 ] then table.remove( m.events, i ) end end
      elseif what < 9 then
        local ms = random( 60 )
        service.sleep( ms )
        m.sleep( ms )
      else
        m.refresh( )
        ran = { }
        equal( service.pending( ), #m.events, 'pending' )
        equal( service.process_events( ), #m.events, 'processed' )
        same_list( ran, m.events, 'round ' .. round )
        m.events = { }
      end
    end
  end
end )

test( 'four months of missed milliseconds are stored as a number, not as single events', function( )
  local service = mit.service{ clock = 'virtual' }
  local ran = 0
  local timer = service.getit( 1, function( ) ran = ran + 1 end )
  service.oneoff( 2, function( ) ran = ran + 1000000 end )
  service.sleep( 1e10 )
  equal( service.pending( ), 10000000001 )
  timer:destroy( )
  equal( service.pending( ), 1 )
  equal( service.inqueue( ), 10000000001 )
  equal( service.process_events( ), 1 )
  equal( ran, 1000000 )
  equal( service.inqueue( ), 0 )
end )

T.done( )
