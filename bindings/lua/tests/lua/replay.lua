-- Records a run and replays it: `cogloop.loop{ record = file }`, `cogloop.loop{ replay = file }`.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local Net     = require 't.Net'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local FILE = T.supports "Unix's names of files" and os.tmpname( ) or 'cogloop-replay.rec'

local SOURCE = debug.getinfo( 1, 'S' ).short_src

local function content( )
  local file = assert( io.open( FILE, 'rb' ) )
  local text = file:read '*a'
  file:close( )
  return text
end

local function write( text )
  local file = assert( io.open( FILE, 'wb' ) )
  file:write( text )
  file:close( )
end

-- Runs a program on a loop that records or replays, and returns its log.
local function play( how, program, clock )
  local loop, told = assert( cogloop.loop{ [ how ] = FILE, clock = clock } ), { }
  local function tell( ... )
    told[ #told + 1 ] = table.concat( { ... }, ' ' ) .. (' at %.6f'):format( loop:now( ) )
  end
  program( loop, tell )
  loop:run( )
  loop:close( )
  return told
end

-- Records a program once, replays it, and compares the logs.
local function same_each_time( times, program )
  local recorded = play( 'record', program )
  for _ = 1, times do
    same_list( play( 'replay', program ), recorded )
  end
  return recorded
end

-- A program in which sockets become ready while timers are due. So the order of its callbacks depends on how long each
-- step takes.
local function race( loop, tell )
  local sender, to, sockets, left = Net.Socket 'udp', { }, { }, 12
  sender:bind( '127.0.0.1', 0 )
  for i = 1, 3 do
    local socket = Net.Socket 'udp'
    sockets[ i ] = socket
    to[ i ] = socket:bind( '127.0.0.1', 0 )
    loop:on( socket, 'r', function( )
      tell( 'socket', i, (socket:recv( )) )
      left = left - 1
      -- The duration of this code varies.
      local text = ''
      for n = 1, 20 * i do text = text .. tostring( { } ):sub( -n % 3 ) end
      if left == 0 then for n = 1, 3 do sockets[ n ]:close( ) end end
    end )
  end
  for i = 1, 12 do
    loop:after( i * 0.07, function( )
      tell( 'timer', i )
      sender:send( 'message ' .. i, to[ i % 3 + 1 ] )
      loop:after( 0.05 * (i % 4), tell, 'second timer', i )
    end )
  end
  loop:spawn( function( )
    for i = 1, 4 do
      loop:sleep( 0.11 )
      tell( 'task', i )
    end
  end )
end

test( 'a racy run is replayed a hundred times in the same order', function( )
  local told = same_each_time( 100, race )
  equal( #told, 40 )
end )

test( 'signals, children and their output are replayed in the recorded order', function( )
  T.requires 'signals'
  T.requires 'Lua files as handles'
  local told = same_each_time( 3, function( loop, tell )
    -- The children send their signals in the replay, too. So `watch` handles the signal until the children have ended.
    local guard  = cogloop.loop( )
    local watch  = guard:signal( 'USR1', print )
    local count  = 0
    local signal = loop:signal( 'USR1', function( name ) count = count + 1 tell( 'signal', name, count ) end )
    local pipes  = { }
    for i = 1, 2 do
      local pipe = assert( io.popen( ('echo $$; kill -USR1 $PPID; for i in 1 2 3; do echo $i; done; exit %d'):format( i ) ) )
      local watcher
      pipes[ i ] = pipe
      loop:child( pipe:read '*n', function( _, how, code )
        tell( 'child', i, how, code )
        -- The lines are watched only from here on: reading the process number may have put lines into the buffer.
        watcher = loop:on( pipe, 'r', function( )
          local line = pipe:read '*l'
          tell( 'line', i, line or 'end' )
          if not line then
            watcher:off( )
            pipes[ i ] = false
            if not pipes[ 1 ] and not pipes[ 2 ] then signal:off( ) end
          end
        end )
      end )
    end
    loop:every( 0.3, function( )
      if pipes[ 1 ] or pipes[ 2 ] then return end
      loop:firing( ):cancel( )
    end )
    loop:run( )
    watch:off( )
    guard:close( )
  end )
  local all = table.concat( told, '\n' )
  for _, part in ipairs{ 'child 1 exit 1', 'child 2 exit 2', 'signal USR1 1', 'line 1 3', 'line 2 end' } do
    is_true( all:find( part, 1, true ), part .. ' in ' .. all )
  end
end )

test( 'a recorded signal comes in the replay without being sent', function( )
  T.requires 'signals'
  local sends = true
  same_each_time( 2, function( loop, tell )
    local watcher
    watcher = loop:signal( 'USR2', function( name )
      tell( name )
      watcher:off( )
    end )
    if sends then os.execute 'kill -USR2 $PPID' end
    sends = false
  end )
end )

test( 'the data of a pipe is read in the recorded pieces, even if the replay sends other pieces', function( )
  T.requires 'Lua files as handles'
  local pause = ''
  local function program( loop, tell )
    local pipe = assert( io.popen( 'echo one; ' .. pause .. 'echo two; echo three' ) )
    local watcher
    watcher = loop:on( pipe, 'r', function( )
      local line = pipe:read '*l'
      tell( line or 'end' )
      if not line then
        watcher:off( )
        pipe:close( )
      end
    end )
    loop:every( 1, function( ) if not watcher:active( ) then loop:firing( ):cancel( ) end end )
  end
  local recorded = play( 'record', program )
  for _, other in ipairs{ 'sleep 0.02; ', '' } do
    pause = other
    same_list( play( 'replay', program ), recorded )
  end
end )

test( 'virtual time, tasks and limits are replayed', function( )
  local function told_by( how )
    local loop, told = assert( cogloop.loop{ [ how ] = FILE, clock = 'virtual', max_timers = 2 } ), { }
    local function tell( what ) told[ #told + 1 ] = what .. ' at ' .. loop:now( ) end
    loop:advance( 5 )
    loop:spawn( function( ) loop:sleep( 3 ) tell 'task' end )
    loop:every( { ms = 2, first = 1 }, function( )
      tell 'tick'
      if loop:now( ) > 10 then loop:firing( ):cancel( ) end
    end )
    fails( 'too many timers: the limit of this loop is 2', loop.after, loop, 1, print )
    loop:advance( 1.5 )
    tell 'between'
    loop:run( )
    loop:close( )
    return told
  end
  local recorded = told_by 'record'
  same_list( recorded, { 'tick at 6', 'between at 6.5', 'task at 8', 'tick at 8', 'tick at 10', 'tick at 12' } )
  same_list( told_by 'replay', recorded )
end )

-- Without `change`, records a program. Otherwise replays the program with this change. Returns the program's error.
local function departure( change )
  local function program( loop )
    if change == 'more' then loop:on( Net.Socket 'udp', 'r', print ):unref( ) end
    loop:after( change == 'later' and 3 or 2, tostring, 1 )
    local timer = loop:after( 1, tostring, 1 )
    if change == 'cancelled' then timer:cancel( ) end
    if change == 'asks' then for _ = 1, 5 do loop:now( ) end end
    if change == 'goes on' then
      loop:after( 2, function( ) loop:after( 1, tostring, 1 ) end )
    else
      loop:after( 2, tostring, 1 )
    end
  end
  local loop = assert( cogloop.loop{ [ change and 'replay' or 'record' ] = FILE, clock = 'virtual' } )
  program( loop )
  local ok, message = pcall( loop.run, loop )
  if not ok then
    equal( select( 2, pcall( loop.run, loop ) ), message, 'it stays departed' )
    loop:onerror( error )
    equal( select( 2, pcall( loop.run, loop ) ), message, 'the error is not an error of a callback' )
  end
  loop:close( )
  return not ok and message or nil
end

test( "the error of a changed program names the difference and the script's lines", function( )
  equal( departure( nil ), nil )
  equal( departure( false ), nil )
  equal( departure 'same', nil )
  equal( departure 'asks', nil )
  local expected = {
    later     = 'the recording has a timer armed for 2 ms from now (HERE); the program has a timer armed for 3 ms from now (HERE)',
    more      = 'the recording has a timer armed for 2 ms from now (HERE); the program has descriptor 0.1 added for r (HERE)',
    cancelled = 'the recording has a wait with 3 timers and 0 descriptors; the program has a wait with 2 timers and 0 descriptors',
    ['goes on'] = 'the recording has the end of the run, with nothing left; the program has a timer armed for 1 ms from now (HERE)',
  }
  for change, wanted in pairs( expected ) do
    local message = tostring( departure( change ) ):gsub( '%([^()]*replay%.lua:%d+%)', '(HERE)' )
    is_true( message:find( "replay of '[^']*', line %d+: " ), message )
    is_true( message:find( wanted, 1, true ), message )
  end
end )

-- The waits of a task after its first sleep.
local WAITS = {
  sleeps = function( loop ) loop:sleep( 2 ) end,
  longer = function( loop ) loop:sleep( 3 ) end,
  yields = function( ) coroutine.yield( ) end,
  parks  = function( loop ) loop:park( 4 ) end,
  reads  = function( loop, socket ) loop:wait( socket, 'r', 5 ) end,
  writes = function( loop, socket ) loop:wait( socket, 'rw', 6 ) end,
  slower = function( loop, socket ) loop:wait( socket, 'r', 7 ) end,
  nested = function( loop ) loop:wrap( function( ) loop:sleep( 8 ) end )( ) end,
}

test( 'if a replay departs in the wait of a task, the message names the line of the wait', function( )
  local function program( loop, what )
    local socket = Net.Socket 'udp'
    socket:bind( '127.0.0.1', 0 )
    loop:spawn( function( ) loop:sleep( 1 ) WAITS[ what ]( loop, socket ) end )
    return pcall( loop.run, loop )
  end
  -- Records the wait `recorded`, and replays the wait `replayed`. Returns two parts of the error's message: what was
  -- recorded, and what the program did.
  local function departed( recorded, replayed )
    local loop = assert( cogloop.loop{ record = FILE, clock = 'virtual' } )
    program( loop, recorded )
    loop:close( )
    loop = assert( cogloop.loop{ replay = FILE, clock = 'virtual' } )
    local _, message = program( loop, replayed )
    loop:close( )
    return message:match 'the recording has (.*); the program has (.*)$'
  end
  local function place( what ) return (' (%s:%d)'):format( SOURCE, debug.getinfo( WAITS[ what ], 'S' ).linedefined ) end
  local words = {
    sleeps = 'a timer armed for 2 ms from now', longer = 'a timer armed for 3 ms from now',
    yields = 'a timer armed for 0 ms from now', parks = 'a timer armed for 4 ms from now',
    reads = 'descriptor 0.1 added for r', writes = 'descriptor 0.1 added for rw', nested = 'a timer armed for 8 ms from now',
  }
  for what, act in pairs( words ) do
    local other = what == 'sleeps' and 'reads' or 'sleeps'
    same_list( { departed( other, what ) }, { words[ other ] .. place( other ), act .. place( what ) } )
  end
  -- The descriptor is the same. The limit differs.
  same_list( { departed( 'reads', 'slower' ) },
    { 'a timer armed for 5 ms from now' .. place 'reads', 'a timer armed for 7 ms from now' .. place 'slower' } )
end )

test( 'if a replay departs when a handle is removed, the message names the line', function( )
  local function program( loop, ms )
    local socket  = Net.Socket 'udp'
    local watcher = loop:on( socket, 'r', print )
    loop:after( 1, function( )
      if ms then loop:after( ms, print ) end
      watcher:off( )
    end )
    local line       = debug.getinfo( 1, 'l' ).currentline - 2
    local _, message = pcall( loop.run, loop )
    loop:close( )
    return message, SOURCE .. ':' .. line
  end
  program( assert( cogloop.loop{ record = FILE, clock = 'virtual' } ), 1 )
  local message, place = program( assert( cogloop.loop{ replay = FILE, clock = 'virtual' } ) )
  is_true( tostring( message ):find( 'the program has descriptor 0.1 removed (' .. place .. ')', 1, true ), message )
end )

test( 'the error for a file that cannot be replayed names the option', function( )
  play( 'record', function( loop ) loop:after( 1, tostring, 1 ) end )
  local whole = content( )
  local function refused( text, why, number )
    if text then write( text ) else os.remove( FILE ) end
    local loop, message, errno = cogloop.loop{ replay = FILE }
    equal( loop, nil )
    is_true( message:find( "option 'replay': '" .. FILE .. "': ", 1, true ), message )
    is_true( message:find( why, 1, true ), message )
    equal( errno, number )
  end
  refused( nil, '', 2 )
  refused( '', 'the recording is cut off in its first line', 22 )
  refused( whole:sub( 1, 20 ), 'the recording is cut off in its first line', 22 )
  refused( 'print( "hello" )\n', 'this file is not a recording', 22 )
  refused( (whole:gsub( '^cogloop recording 2', 'cogloop recording 7' )), 'the recording has version 7, and only versions 1 to 2 can be played', 22 )
  local loop, message, errno = cogloop.loop{ record = FILE .. '/x' }
  equal( loop, nil )
  is_true( message:find( "option 'record': '" .. FILE .. "/x': ", 1, true ), message )
  equal( type( errno ), 'number' )
end )

-- The loop forgets the waits of coroutines that other code has resumed. The recording has these removals, in an order
-- that does not depend on the numbers of the descriptors.
test( 'waits that other code has ended are forgotten in the same order, whatever the numbers of the descriptors are', function( )
  local from, to = 1, 8
  local function program( loop, tell )
    local sockets, waiting = { }, { }
    for i = from, to, from < to and 1 or -1 do sockets[ i ] = Net.Socket 'udp' end
    for i = 1, 8 do
      loop:spawn( function( )
        waiting[ i ] = coroutine.running( )
        loop:wait( sockets[ i ], 'r' )
        tell( 'ended', i )
      end )
    end
    loop:after( 1, function( )
      for i = 1, 8 do coroutine.resume( waiting[ i ] ) end
      tell( 'resumed' )
    end )
  end
  local recorded = play( 'record', program )
  from, to = to, from
  same_list( play( 'replay', program ), recorded )
end )

test( 'a recording that was cut off is replayed up to its end', function( )
  local function program( loop, tell ) for i = 1, 3 do loop:after( i, tell, i ) end end
  play( 'record', program, 'virtual' )
  local whole = content( )
  local before = whole:find( 'wait 1 0\n', 1, true )
  for cut, why in pairs{ [ before - 1 ] = 'the recording breaks off after line', [ before + 3 ] = 'in the middle of a line' } do
    write( whole:sub( 1, cut ) )
    local served = 0
    local loop = cogloop.loop{ replay = FILE, clock = 'virtual' }
    program( loop, function( ) served = served + 1 end )
    local message = fails( why, loop.run, loop )
    is_true( message:find( 'the program goes on with a wait with 1 timer and 0 descriptors', 1, true ), message )
    equal( served, 2 )
    loop:close( )
  end
end )

test( 'the options record and replay accept only the name of a file', function( )
  for _, option in ipairs{ 'record', 'replay' } do
    for _, bad in ipairs{ 1, true, '', ('x'):rep( 2000 ) } do
      fails( ("option '%s': the name of a file expected, got "):format( option ), cogloop.loop, { [ option ] = bad } )
    end
  end
  fails( "options 'record' and 'replay' exclude each other", cogloop.loop, { record = FILE, replay = FILE } )
end )

os.remove( FILE )
T.done( )
