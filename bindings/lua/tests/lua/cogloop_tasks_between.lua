-- Objects that tasks of `require 'cogloop'` share: channel, semaphore, event.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

test( 'in a channel without capacity the sender waits for the receiver, and the receiver for the sender', function( )
  local loop, order = virtual( ), { }
  local channel = loop:channel( )
  loop:spawn( function( ) for i = 1, 3 do channel:send( i ) order[ #order + 1 ] = 'sent ' .. i end end )
  loop:spawn( function( )
    loop:sleep( 5 )
    for _ = 1, 3 do
      local value = channel:recv( )
      order[ #order + 1 ] = 'got ' .. value
      loop:sleep( 1 )
    end
  end )
  loop:run( )
  same_list( order, { 'got 1', 'sent 1', 'got 2', 'sent 2', 'got 3', 'sent 3' } )
end )

test( 'a channel holds as many values as its capacity', function( )
  local loop, sent = virtual( ), 0
  local channel = loop:channel( 3 )
  loop:spawn( function( ) for i = 1, 10 do channel:send( i ) sent = i end end )
  loop:run( )
  equal( sent, 3 )
  equal( channel:recv( 0 ), 1 )
  loop:run( )
  equal( sent, 4 )
  local got = { }
  loop:spawn( function( ) for _ = 1, 9 do got[ #got + 1 ] = channel:recv( ) end end )
  loop:run( )
  same_list( got, { 2, 3, 4, 5, 6, 7, 8, 9, 10 } )
  is_true( tostring( channel ):find '0 of 3' )
end )

test( 'receivers, senders and values are served first come, first served', function( )
  local loop, got, order = virtual( ), { }, { }
  local channel = loop:channel( )
  for i = 1, 5 do loop:spawn( function( ) local value = channel:recv( ) got[ i ] = value order[ #order + 1 ] = i end ) end
  loop:step( 0 )
  for i = 1, 5 do equal( channel:send( 'v' .. i, 0 ), true ) end
  loop:run( )
  same_list( got, { 'v1', 'v2', 'v3', 'v4', 'v5' } )
  same_list( order, { 1, 2, 3, 4, 5 } )
  for i = 1, 5 do loop:spawn( function( ) channel:send( i ) end ) end
  loop:step( 0 )
  for i = 1, 5 do equal( channel:recv( 0 ), i ) end
  equal( select( 2, channel:recv( 0 ) ), 'timed out' )
end )

test( 'code outside a task can send and receive without waiting, and get an error if they would wait', function( )
  local loop = virtual( )
  local channel = loop:channel( 1 )
  equal( channel:send 'a', true )
  equal( select( 3, channel:send( 'b', 0 ) ), 110 )
  fails( "only a task of this loop can wait", channel.send, channel, 'b' )
  equal( channel:recv( ), 'a' )
  fails( "only a task of this loop can wait", channel.recv, channel )
  equal( channel:send( false ), true, 'false is a value' )
  equal( channel:recv( ), false )
end )

test( 'send and recv end at their time limits', function( )
  local loop, got = virtual( ), { }
  local channel = loop:channel( )
  loop:spawn( function( ) got[ 1 ] = select( 2, channel:recv( 10 ) ) got[ 2 ] = loop:now( ) end )
  loop:run( )
  loop:spawn( function( ) got[ 3 ] = select( 2, channel:send( 'x', 10 ) ) got[ 4 ] = loop:now( ) end )
  loop:run( )
  same_list( got, { 'timed out', 10, 'timed out', 20 } )
  equal( select( 2, channel:recv( 0 ) ), 'timed out', 'a value that was not sent in time is not in the channel' )
end )

test( 'a receiver that was cancelled or timed out loses no value: the next receiver gets it', function( )
  for _, how in ipairs{ 'cancel', 'limit' } do
    local loop, got = virtual( ), nil
    local channel = loop:channel( )
    local first = loop:spawn( function( ) channel:recv( how == 'limit' and 5 or nil ) end )
    loop:spawn( function( ) got = channel:recv( ) end )
    loop:step( 0 )
    if how == 'cancel' then
      first:cancel( )
    else
      loop:advance( 5 )
    end
    equal( channel:send( 'value', 0 ), true, how )
    loop:run( )
    equal( got, 'value', how )
  end
end )

test( 'a receiver gets its value if it is cancelled after the value was handed over', function( )
  local loop, got = virtual( ), nil
  local channel = loop:channel( )
  local task = loop:spawn( function( ) got = channel:recv( ) loop:sleep( 1 ) got = 'too far' end )
  loop:step( 0 )
  equal( channel:send( 'value', 0 ), true )
  equal( task:cancel( ), true )
  loop:run( )
  equal( got, 'value' )
  equal( task:status( ), 'cancelled' )
end )

test( 'after close the values in the channel can be received, and waiting tasks get an error', function( )
  local loop, told = virtual( ), { }
  local channel = loop:channel( 1 )
  loop:spawn( function( )
    channel:send 'in'
    told[ #told + 1 ] = select( 2, channel:send 'not in' )
  end )
  loop:step( 0 )
  same_list( { channel:close( ), channel:close( ) }, { true, false } )
  loop:run( )
  equal( channel:recv( ), 'in' )
  local value, message, errno = channel:recv( )
  equal( value, nil )
  equal( message, 'the channel is closed' )
  equal( errno, 32 )
  equal( select( 2, channel:send 'x' ), 'the channel is closed' )
  local empty = loop:channel( )
  for i = 1, 3 do loop:spawn( function( ) local _, why = empty:recv( ) told[ #told + 1 ] = i .. why end ) end
  loop:step( 0 )
  empty:close( )
  loop:run( )
  same_list( told, { 'the channel is closed', '1the channel is closed', '2the channel is closed', '3the channel is closed' } )
end )

test( 'iteration ends when the channel is closed', function( )
  -- Lua 5.1 cannot yield in the iterator of a `for`.
  if _VERSION == 'Lua 5.1' and not jit then return end
  local loop, got = virtual( ), { }
  local channel = loop:channel( )
  loop:spawn( function( ) for value in channel do got[ #got + 1 ] = value end got[ #got + 1 ] = 'end' end )
  loop:spawn( function( ) for i = 1, 3 do channel:send( i ) loop:sleep( 1 ) end channel:close( ) end )
  loop:run( )
  same_list( got, { 1, 2, 3, 'end' } )
end )

test( 'unpark does not end a wait in a join, a channel or a semaphore', function( )
  local loop = virtual( )
  local channel, semaphore, event = loop:channel( ), loop:semaphore( 1 ), loop:event( )
  semaphore:acquire( )
  local never = loop:spawn( function( ) loop:park( ) end )
  local tasks = { }
  for i, wait in ipairs{
    function( ) never:join( ) end, function( ) channel:recv( ) end, function( ) semaphore:acquire( ) end,
    function( ) event:wait( ) end,
  } do tasks[ i ] = loop:spawn( wait ) end
  loop:step( 0 )
  loop:step( 0 )
  for i, task in ipairs( tasks ) do
    equal( loop:unpark( task, true ), false, i )
    equal( task:status( ), 'waiting' )
  end
end )

test( 'a semaphore grants its permits first come, first served', function( )
  local loop, inside, most, order = virtual( ), 0, 0, { }
  local semaphore = loop:semaphore( 3 )
  for i = 1, 20 do
    loop:spawn( function( )
      semaphore:acquire( )
      inside = inside + 1
      most = math.max( most, inside )
      order[ #order + 1 ] = i
      loop:sleep( i % 4 )
      inside = inside - 1
      semaphore:release( )
    end )
  end
  loop:run( )
  equal( most, 3 )
  equal( #order, 20 )
  for i = 1, 20 do equal( order[ i ], i ) end
  fails( 'released more often than acquired', semaphore.release, semaphore )
  is_true( tostring( semaphore ):find '3 of 3' )
end )

test( 'a semaphore obeys time limits, serves callbacks, and forgets a cancelled waiter', function( )
  local loop, got = virtual( ), { }
  local semaphore = loop:semaphore( 1 )
  equal( semaphore:acquire( ), true )
  equal( select( 2, semaphore:acquire( 0 ) ), 'timed out' )
  local first = loop:spawn( function( ) semaphore:acquire( ) got[ #got + 1 ] = 'first' end )
  loop:spawn( function( ) got[ #got + 1 ] = select( 2, semaphore:acquire( 5 ) ) end )
  loop:spawn( function( ) semaphore:acquire( ) got[ #got + 1 ] = 'third' end )
  loop:advance( 10 )
  first:cancel( )
  semaphore:release( )
  loop:run( )
  same_list( got, { 'timed out', 'third' } )
end )

test( 'an event wakes all waiting tasks, and later waits return at once until it is cleared', function( )
  local loop, woken = virtual( ), 0
  local event = loop:event( )
  for _ = 1, 5 do loop:spawn( function( ) event:wait( ) woken = woken + 1 end ) end
  loop:after( 10, function( ) event:set( ) end )
  loop:run( )
  equal( woken, 5 )
  equal( event:is_set( ), true )
  equal( event:wait( ), true, 'outside a task, because the event is set' )
  event:clear( )
  equal( select( 2, event:wait( 0 ) ), 'timed out' )
  local got
  loop:spawn( function( ) got = { event:wait( 5 ) } end )
  loop:run( )
  equal( got[ 2 ], 'timed out' )
  is_true( tostring( event ):find 'not set' )
end )

test( 'many waiters that time out at once leave nothing in the channel', function( )
  local loop, gone = virtual( ), 0
  local channel = loop:channel( )
  for i = 1, 2000 do
    loop:spawn( function( ) if not channel:recv( 1 + (i * 7919) % 50 ) then gone = gone + 1 end end )
  end
  loop:run( )
  equal( gone, 2000 )
  is_true( not channel.receivers.first )
  is_true( not channel.receivers.last )
end )

test( 'a successful wait returns one value', function( )
  local loop, counts = virtual( ), { }
  local semaphore, event, channel = loop:semaphore( 1 ), loop:event( ), loop:channel( )
  semaphore:acquire( )
  loop:spawn( function( ) counts[ 1 ] = select( '#', semaphore:acquire( ) ) end )
  loop:spawn( function( ) counts[ 2 ] = select( '#', event:wait( ) ) end )
  loop:spawn( function( ) counts[ 3 ] = select( '#', channel:send( 1 ) ) end )
  loop:spawn( function( ) loop:sleep( 1 ) semaphore:release( ) event:set( ) counts[ 4 ] = select( '#', channel:recv( ) ) end )
  loop:run( )
  same_list( counts, { 1, 1, 1, 1 } )
end )

-- Runs a random program of tasks that send, receive, are cancelled and time out. Each sent value is received once or is
-- still in the channel.
test( 'no value is lost or received twice, whichever tasks are cancelled', function( )
  local seed = 7
  local function random( n )
    seed = (seed * 16807) % 2147483647
    return seed % n + 1
  end
  for round = 1, T.many( 100 ) do
    local loop = virtual( )
    local channel = loop:channel( round % 4 )
    local sent, got, tasks, value = { }, { }, { }, 0
    for i = 1, 20 do
      tasks[ i ] = loop:spawn( function( )
        for _ = 1, 10 do
          if i % 2 == 0 then
            value = value + 1
            local mine = value
            if channel:send( mine, random( 3 ) == 1 and random( 10 ) or nil ) then sent[ mine ] = true end
          else
            local one = channel:recv( random( 3 ) == 1 and random( 10 ) or nil )
            if one then
              equal( got[ one ], nil, 'twice' )
              got[ one ] = true
            end
          end
          if random( 2 ) == 1 then loop:sleep( random( 4 ) - 1 ) end
        end
      end )
    end
    for _ = 1, 10 do loop:after( random( 30 ), function( ) tasks[ random( 20 ) ]:cancel( ) end ) end
    loop:run( )
    for _, task in ipairs( loop:tasks( ) ) do task:cancel( ) end
    loop:run( )
    equal( #loop:tasks( ), 0 )
    while true do
      local one = channel:recv( 0 )
      if not one then break end
      equal( got[ one ], nil, 'twice' )
      got[ one ] = true
    end
    for mine in pairs( sent ) do equal( got[ mine ], true, 'value ' .. mine ) end
  end
end )

T.done( )
