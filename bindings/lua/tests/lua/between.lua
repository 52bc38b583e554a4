-- Tests of the functions that are written in Lua: between any two of their instructions a debug hook or a finalizer may
-- run and use the loop.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local Loop    = require 't.Loop'
local Socket  = require 't.Net.Socket'
local test, equal, same_list = T.test, T.equal, T.same_list

-- LuaJIT does not call hooks in compiled code, so the compiler is switched off. The modules are loaded before that: if
-- the compiler is off when compiled.lua is loaded, compiled.lua defines nothing.
if jit then jit.off( ) end

-- Whether the last call of `with_intrusion` has called `intrude`: `work` came to its instruction number `nth`.
local was_there

-- Calls `work`. Calls `intrude` just before `work` executes its instruction number `nth`. Returns what `pcall` returns.
local function with_intrusion( nth, intrude, work )
  local left = nth
  local function hook( )
    left = left - 1
    if left > 0 then return end
    debug.sethook( )
    was_there = true
    intrude( )
  end
  was_there = false
  return pcall( function( )
    debug.sethook( hook, '', 1 )
    local result = work( )
    debug.sethook( )
    return result
  end )
end

-- Calls `script` with a new loop for each `nth` from 1 on. Ends when the work of `script` has fewer than `nth`
-- instructions.
local function at_each_step( script )
  local nth = 0
  repeat
    nth = nth + 1
    local loop, fired = cogloop.loop{ clock = 'virtual' }, { }
    local function noting( name ) return function( ) fired[ #fired + 1 ] = name end end
    -- In LuaJIT, the first `after` of a loop prepares it for the functions in compiled.lua. Only later calls go through
    -- these functions.
    loop:after( 1, noting 'first' ):cancel( )
    script( loop, nth, noting, fired )
    loop:close( )
  until not was_there
end

test( 'a timer that is added while another timer is being added does not disturb it', function( )
  at_each_step( function( loop, nth, noting, fired )
    local f, g, inner = noting 'outer', noting 'inner', nil
    local ok, outer = with_intrusion( nth, function( ) inner = loop:after( 20, g ) end,
      function( ) return loop:after( 10, f ) end )
    equal( ok, true, outer )
    equal( outer:active( ), true, 'at step ' .. nth )
    loop:run( )
    same_list( fired, inner and { 'outer', 'inner' } or { 'outer' }, 'at step ' .. nth )
  end )
end )

test( 'a timer that is added while another timer is being cancelled fires', function( )
  at_each_step( function( loop, nth, noting, fired )
    local timer, f, inner = loop:after( 10, noting 'outer' ), noting 'inner', nil
    local ok, was_pending = with_intrusion( nth, function( ) inner = loop:after( 20, f ) end,
      function( ) return timer:cancel( ) end )
    equal( ok, true, was_pending )
    equal( was_pending, true, 'at step ' .. nth )
    loop:run( )
    same_list( fired, inner and { 'inner' } or { }, 'at step ' .. nth )
  end )
end )

test( 'a timer fires once if its loop runs while the timer is being added', function( )
  at_each_step( function( loop, nth, noting, fired )
    local f, g = noting 'outer', noting 'inner'
    local ok, outer = with_intrusion( nth, function( )
      loop:after( 0, g )
      loop:step( 0 )
    end, function( ) return loop:after( 0, f ) end )
    equal( ok, true, outer )
    loop:run( )
    table.sort( fired )
    same_list( fired, was_there and { 'inner', 'outer' } or { 'outer' }, 'at step ' .. nth )
  end )
end )

test( 'after an error while a timer is being added, no part of the timer stays in the loop', function( )
  at_each_step( function( loop, nth, noting, fired )
    local f = noting 'outer'
    local ok, outer = with_intrusion( nth, function( ) error( 'intrusion', 0 ) end,
      function( ) return loop:after( 10, f ) end )
    equal( ok or outer == 'intrusion', true, outer )
    -- After the error the script does not have the timer. The timer may fire or not, but it must not stay in the loop.
    loop:after( 20, noting 'next' )
    loop:run( )
    equal( table.concat( fired, ' ', #fired ), 'next', 'at step ' .. nth )
    if ok then equal( #fired, 2, 'at step ' .. nth ) end
    equal( #loop:timers( ), 0 )
  end )
end )

test( 'after an error while a timer is being cancelled, the timer is pending or cancelled', function( )
  at_each_step( function( loop, nth, noting, fired )
    local timer = loop:after( 10, noting 'outer' )
    local ok, err = with_intrusion( nth, function( ) error( 'intrusion', 0 ) end, function( ) return timer:cancel( ) end )
    equal( ok or err == 'intrusion', true, err )
    local is_pending = timer:active( )
    if ok then equal( is_pending, false ) end
    loop:after( 20, noting 'next' )
    loop:run( )
    same_list( fired, is_pending and { 'outer', 'next' } or { 'next' }, 'at step ' .. nth )
  end )
end )

test( 'if a loop is closed while a timer is being added, the call raises, or the timer ends with the loop', function( )
  at_each_step( function( loop, nth, noting )
    local f = noting 'outer'
    local ok, outer = with_intrusion( nth, function( ) loop:close( ) end, function( ) return loop:after( 10, f ) end )
    if ok and not pcall( loop.now, loop ) then
      equal( outer:active( ), false )
    elseif not ok then
      equal( tostring( outer ):find( 'the loop is closed', 1, true ) ~= nil, true, outer )
    end
  end )
end )

-- Like `at_each_step`, with loops of `t.Loop`.
local function at_each_step_of_tasks( script )
  local nth = 0
  repeat
    nth = nth + 1
    local loop, fired = Loop{ clock = 'virtual' }, { }
    local function noting( name ) return function( ) fired[ #fired + 1 ] = name end end
    loop:cancelTask( loop:addTask( 1, noting 'first' ) )
    script( loop, nth, noting, fired )
  until not was_there
end

test( 'a timer that is added while many timers are served does not disturb them', function( )
  local COUNT = 36
  local function add_all( add, noting )
    for i = 1, COUNT do add( 5, noting( i ) ) end
  end
  local function check( fired, has_inner, nth )
    local wanted = { }
    for i = 1, COUNT do wanted[ i ] = i end
    if has_inner then wanted[ COUNT + 1 ] = 'inner' end
    same_list( fired, wanted, 'at step ' .. nth )
  end
  at_each_step( function( loop, nth, noting, fired )
    add_all( function( ... ) loop:after( ... ) end, noting )
    local f, inner = noting 'inner', nil
    equal( with_intrusion( nth, function( ) inner = loop:after( 20, f ) end, function( ) loop:run( ) end ), true )
    loop:run( )
    check( fired, inner, nth )
  end )
  at_each_step_of_tasks( function( loop, nth, noting, fired )
    add_all( function( ... ) loop:addTask( ... ) end, noting )
    local f, inner = noting 'inner', nil
    equal( with_intrusion( nth, function( ) inner = loop:addTask( 20, f ) end, function( ) loop:run( ) end ), true )
    loop:run( )
    check( fired, inner, nth )
  end )
end )

test( 'a task that is added while another task is being added or cancelled does not disturb it', function( )
  at_each_step_of_tasks( function( loop, nth, noting, fired )
    local f, g, inner = noting 'outer', noting 'inner', nil
    local ok, outer = with_intrusion( nth, function( ) inner = loop:addTask( 20, g ) end,
      function( ) return loop:addTask( 10, f ) end )
    equal( ok, true, outer )
    loop:run( )
    same_list( fired, inner and { 'outer', 'inner' } or { 'outer' }, 'at step ' .. nth )
    equal( T.user_value( outer, 2 ), nil, 'at step ' .. nth )
  end )
  at_each_step_of_tasks( function( loop, nth, noting, fired )
    local task, f, inner = loop:addTask( 10, noting 'outer' ), noting 'inner', nil
    local ok, was_pending = with_intrusion( nth, function( ) inner = loop:addTask( 20, f ) end,
      function( ) return loop:cancelTask( task ) end )
    equal( ok, true, was_pending )
    equal( was_pending, true, 'at step ' .. nth )
    equal( T.user_value( task, 2 ), nil, 'at step ' .. nth )
    loop:run( )
    same_list( fired, inner and { 'inner' } or { }, 'at step ' .. nth )
  end )
end )

test( 'if a loop is cleaned while a task is being added, the loop has the whole task or nothing of it', function( )
  at_each_step_of_tasks( function( loop, nth, noting, fired )
    local f = noting 'outer'
    local ok, outer = with_intrusion( nth, function( ) loop:clean( ) end, function( ) return loop:addTask( 10, f ) end )
    equal( ok, true, outer )
    loop:addTask( 20, noting 'next' )
    loop:run( )
    equal( fired[ #fired ], 'next', 'at step ' .. nth )
    equal( #fired <= 2, true, 'at step ' .. nth )
    equal( loop:cancelTask( outer ), false, 'at step ' .. nth )
  end )
end )

test( 'a timer that is cancelled while many timers are served is not called afterwards', function( )
  -- The timer that is cancelled is an interval, first without and then with an argument for its function. With an
  -- argument, its entry in the loop is a table that contains the argument.
  for _, argument in ipairs{ false, 'argument' } do
    at_each_step( function( loop, nth, noting, fired )
      for _ = 1, 36 do loop:after( 5, function( ) end ) end
      local g, calls, timer = noting 'inner', 0, nil
      local function tick( )
        calls = calls + 1
        if calls == 3 then timer:cancel( ) end
      end
      if argument then timer = loop:every( 5, tick, argument ) else timer = loop:every( 5, tick ) end
      local before
      local ok, err = with_intrusion( nth, function( )
        if timer:cancel( ) then before = calls loop:after( 1000, g ) end
      end, function( ) loop:run( ) end )
      equal( ok, true, err )
      loop:run( )
      if before then
        -- The intrusion may come after the callback has begun and before it has counted this call. Then the callback
        -- counts the call after the intrusion.
        equal( calls <= before + 1, true, 'at step ' .. nth )
        same_list( fired, { 'inner' }, 'at step ' .. nth )
      end
    end )
  end
  at_each_step_of_tasks( function( loop, nth, noting, fired )
    for _ = 1, 36 do loop:addTask( 5, function( ) end ) end
    local g, calls, is_cancelled = noting 'inner', 0, false
    local task = loop:addTask( 5, function( )
      calls = calls + 1
      if calls < 3 then return 5 end
    end )
    local ok, err = with_intrusion( nth, function( )
      is_cancelled = loop:cancelTask( task )
      loop:addTask( 1000, g )
    end, function( ) loop:run( ) end )
    equal( ok, true, err )
    loop:run( )
    equal( calls == 3 or is_cancelled, true, 'at step ' .. nth )
    equal( table.concat( fired, ' ' ), was_there and 'inner' or '', 'at step ' .. nth )
  end )
end )

test( 'a turn that the loop takes while a timer is being cancelled loses no other timer', function( )
  for _, argument in ipairs{ false, 'argument' } do
    at_each_step( function( loop, nth, noting, fired )
      local timer, g = loop:after( 10, noting 'outer' ), noting 'inner'
      local ok, err = with_intrusion( nth, function( )
        loop:step( 0 )
        if argument then loop:after( 20, g, argument ) else loop:after( 20, g ) end
      end, function( ) timer:cancel( ) end )
      equal( ok, true, err )
      loop:run( )
      same_list( fired, was_there and { 'inner' } or { }, 'at step ' .. nth )
    end )
  end
end )

test( 'if a loop is stopped at any step of a turn and runs again, each due timer is called exactly once', function( )
  at_each_step( function( loop, nth )
    local calls = { }
    for i = 1, 36 do loop:after( 5, function( ) calls[ i ] = (calls[ i ] or 0) + 1 end ) end
    loop:after( 5, function( last ) calls[ last ] = (calls[ last ] or 0) + 1 end, 37 )
    local ok, err = with_intrusion( nth, function( ) loop:stop( ) end, function( ) loop:run( ) end )
    equal( ok, true, err )
    loop:run( )
    for i = 1, 37 do equal( calls[ i ], 1, 'at step ' .. nth ) end
  end )
end )

test( 'a hook may resume a coroutine made by wrap at any step of the task that resumes it', function( )
  at_each_step( function( loop, nth )
    local task = loop:spawn( function( )
      local waits = loop:wrap( function( ) for _ = 1, 3 do loop:sleep( 1 ) end end )
      with_intrusion( nth, function( ) pcall( waits ) end, waits )
      debug.sethook( )
      -- The coroutine is dead now, or goes on.
      pcall( waits )
      loop:sleep( 1 )
      return 'done'
    end )
    loop:run( )
    equal( (task:join( )), 'done', 'at step ' .. nth )
  end )
end )

test( 'after an error at any step of the resumption of a coroutine made by wrap, the task can still wait', function( )
  at_each_step( function( loop, nth )
    loop:onerror( function( ) end )
    local task = loop:spawn( function( )
      local inner = loop:wrap( function( ) for _ = 1, 3 do loop:sleep( 1 ) end end )
      local outer = loop:wrap( function( ) inner( ) end )
      with_intrusion( nth, function( ) error( 'intrusion', 0 ) end, outer )
      debug.sethook( )
      -- The coroutines are dead or suspended now, and nothing refers to them.
      inner, outer = nil, nil
      T.collect( )
      loop:sleep( 1 )
      return 'done'
    end )
    loop:run( )
    local result, err = task:join( )
    -- In Lua 5.1 a wait in `outer` fails, because it is below a `pcall`. Then the hook is still set, and the task may
    -- meet it.
    equal( result or err, err == 'intrusion' and err or 'done', 'at step ' .. nth )
  end )
end )

test( 'if a finalizer adds timers while the script adds a timer, all of them fire', function( )
  local loop, count = cogloop.loop{ clock = 'virtual' }, 0
  local function f( ) count = count + 1 end
  local added = 0
  for i = 1, 2000 do
    if i % 50 == 0 then
      T.on_collect( function( )
        for _ = 1, 20 do
          loop:after( 1, f )
          added = added + 1
        end
      end )
    end
    loop:after( 1, f )
    added = added + 1
  end
  collectgarbage( )
  loop:run( )
  equal( count, added )
end )

test( 'a message that is received while another one is being received disturbs neither', function( )
  local receivers, senders = { }, { }
  for i = 1, 2 do
    receivers[ i ], senders[ i ] = Socket( 'udp' ), Socket( 'udp' )
    receivers[ i ].nonblock = true
    senders[ i ]:connect( receivers[ i ]:bind( '127.0.0.1', 0 ) )
  end
  local nth = 0
  repeat
    nth = nth + 1
    senders[ 1 ]:send( 'outer' )
    senders[ 2 ]:send( 'within' )
    local inner
    local ok, outer = with_intrusion( nth, function( ) inner = receivers[ 2 ]:recv( ) end,
      function( ) return (receivers[ 1 ]:recv( )) end )
    equal( ok, true, outer )
    equal( outer, 'outer', 'at step ' .. nth )
    if was_there then equal( inner, 'within', 'at step ' .. nth ) end
  until not was_there
  -- An error between two instructions may lose the message, but the sockets must still be able to receive.
  nth = 0
  receivers[ 2 ]:recv( )
  repeat
    nth = nth + 1
    senders[ 1 ]:send( 'outer' )
    with_intrusion( nth, function( ) error( 'intrusion', 0 ) end, function( ) return receivers[ 1 ]:recv( ) end )
    receivers[ 1 ]:recv( )
    senders[ 2 ]:send( 'next' )
    equal( (receivers[ 2 ]:recv( )), 'next', 'at step ' .. nth )
  until not was_there
  for i = 1, 2 do
    receivers[ i ]:close( )
    senders[ i ]:close( )
  end
end )

return T.done( )
