-- Tests of the messages about wrong arguments. A message has the script's file and line, and the function and the
-- argument's number as in the script. It also has the argument's name, what was expected, and what was given.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local mockit  = require 'luamockit'
local Net     = require 't.Net'
local Loop    = require 't.Loop'
local test, equal, is_true, fails = T.test, T.equal, T.is_true, T.fails

local unpack = table.unpack or unpack
local function f( ) end

-- Makes the objects that the code in the tests below uses.
local function world( )
  local loop, w = cogloop.loop{ clock = 'virtual' }, { }
  local service = mockit.service{ clock = 'virtual' }
  -- A handle that is never ready for reading.
  local reader, writer = Net.Socket( 'udp' ), Net.Socket( 'udp' )
  if T.supports 'Lua files as handles' then reader, writer = T.fifo( ) end
  local closed = Net.Socket( 'udp' )
  closed:close( )
  w.c, w.loop, w.f, w.S, w.A, w.I, w.T, w.closed = cogloop, loop, f, Net.Socket, Net.Address, Net.Interface, Loop, closed
  w.l, w.mit, w.s         = Loop{ clock = 'virtual' }, mockit, service
  w.timer, w.every        = loop:after( 1000, f ), loop:every( 1000, f )
  w.watcher               = loop:on( reader, 'r', f )
  w.h, w.sck, w.udp       = writer, Net.Socket( 'tcp' ), Net.Socket( 'udp' )
  w.adr, w.mtimer         = Net.Address( '127.0.0.1', 80 ), service.oneoff( 1000, f )
  w.unix                  = T.supports 'Unix sockets' and Net.Address '/tmp/x'
  w.task                  = loop:spawn( f )
  w.group, w.channel      = loop:group( ), loop:channel( )
  w.semaphore, w.event    = loop:semaphore( 1 ), loop:event( )
  w.print, w.self, w.keep = print, w, reader
  return w
end

-- Loads a chunk with the name script.lua; its globals are the fields of `w`, the table that `world` returns.
local function compile( code, w )
  if setfenv then return setfenv( assert( loadstring( code, '@script.lua' ) ), w ) end
  return assert( load( code, '@script.lua', 't', w ) )
end

local function message_of( code )
  local ok, message = pcall( compile( '\n' .. code .. ' return 0', world( ) ) )
  is_true( not ok, code .. ' raised nothing' )
  return message
end

-- Each entry has code, the argument's number, the argument's name, and a text that the message must also contain.
local CASES = {
  -- A loop of `cogloop`.
  { "loop:after( 'x', f )", 1, 'ms', "got string 'x'" }, { 'loop:after( )', 1, 'ms', 'got no value' },
  { 'loop:after( -1, f )', 1, 'ms', 'got -1' },          { 'loop:after( 1 )', 2, 'f', 'got no value' },
  { 'loop:after( 1, 5 )', 2, 'f', 'got 5' },             { "loop.after( 5, f )", 1, 'loop', 'got 5' },
  { "loop.after( { }, 5, f )", 1, 'loop', 'got table' }, { "c.after( 'x', f )", 1, 'ms', "got string 'x'" },
  { 'c.after( 1, { } )', 2, 'f', 'got table' },          { 'loop:at( { }, f )', 1, 'time', 'got table' },
  { 'loop:at( 1, nil )', 2, 'f', 'got nil' },            { 'c.at( nil, f )', 1, 'time', 'got nil' },
  { 'loop:every( 0, f )', 1, 'ms', 'got 0' },            { 'loop:every( true, f )', 1, 'ms', 'got boolean' },
  { 'loop:every( 10, 1 )', 2, 'f', 'got 1' },            { "c.every( 'x', f )", 1, 'ms', "got string 'x'" },
  { 'loop:every( { ms = 10, slack = -1 }, f )', 1, 'slack', 'got -1' },
  { "loop:every( { ms = 10, first = 'x' }, f )", 1, 'first', "got string 'x'" },
  { "loop:every( { ms = 'y' }, f )", 1, 'ms', "got string 'y'" },
  { 'loop:every( { ms = 10, policy = 5 }, f )', 1, 'policy', 'got 5' },
  { "loop:every( { ms = 10, policy = 'no' }, f )", 1, 'policy', "got string 'no'" },
  { "loop:on( 'x', 'r', f )", 1, 'handle', "got string 'x'" }, { "loop:on( h, 'x', f )", 2, 'dir', "got string 'x'" },
  { "loop:on( h, 'r' )", 3, 'f', 'got no value' },       { "loop:on( h, 7, f )", 2, 'dir', 'got 7' },
  { 'c.on( { }, 1, f )', 1, 'handle', 'got table' },     { 'c.on( h, nil, f )', 2, 'dir', 'got nil' },
  { "loop:spawn( 5 )", 1, 'f', 'got 5' },                { 'c.spawn( )', 1, 'f', 'got no value' },
  { "loop:sleep( 'x' )", 1, 'ms', "got string 'x'" },    { 'c.sleep( -1 )', 1, 'ms', 'got -1' },
  { "loop:wait( 'x', 'r' )", 1, 'handle', "got string 'x'" }, { "loop:wait( h, 'q' )", 2, 'dir', "got string 'q'" },
  { "loop:wait( h, 'w', 'x' )", 3, 'ms', "got string 'x'" },  { "loop:step( 'x' )", 1, 'ms', "got string 'x'" },
  { 'c.step( -5 )', 1, 'ms', 'got -5' },                 { "loop:advance( )", 1, 'ms', 'got no value' },
  { 'loop:onerror( 5 )', 1, 'f', 'got 5' },              { "c.onerror( 'x' )", 1, 'f', "got string 'x'" },
  { "loop:debounce( 'x', f )", 1, 'ms', "got string 'x'" },   { 'loop:debounce( 5 )', 2, 'f', 'got no value' },
  { 'loop:throttle( nil, f )', 1, 'ms', 'got nil' },     { 'loop:throttle( 5, { } )', 2, 'f', 'got table' },
  { "c.debounce( -1, f )", 1, 'ms', 'got -1' },          { "c.throttle( 5, 'x' )", 2, 'f', "got string 'x'" },
  { 'loop.throttle( 5, f )', 1, 'loop', 'got 5' },
  { "loop:signal( 'FOO', f )", 1, 'name', "got string 'FOO'" }, { "loop:signal( 'KILL', f )", 1, 'name', "got string 'KILL'" },
  { 'loop:signal( 9, f )', 1, 'name', 'got 9' },         { "loop:signal( 'USR1', 5 )", 2, 'f', 'got 5' },
  { 'c.signal( nil, f )', 1, 'name', 'got nil' },        { "c.signal( 'USR1' )", 2, 'f', 'got no value' },
  { "loop:signal( 'RTMIN+99', f )", 1, 'name', "got string 'RTMIN+99'" },
  { 'loop:child( -1, f )', 1, 'pid', 'got -1' },         { "loop:child( 'x', f )", 1, 'pid', "got string 'x'" },
  { 'loop:child( 1, 5 )', 2, 'f', 'got 5' },             { 'c.child( { }, f )', 1, 'pid', 'got table' },
  { "loop:stats( 'x' )", 1, 'measure', "got string 'x'" }, { "loop:slow( 'x', f )", 1, 'ms', "got string 'x'" },
  { "loop:top( 'x' )", 1, 'measure', "got string 'x'" },
  { 'loop:trace( { } )', 1, 'file', 'got table' },       { "c.trace( 'x', 0 )", 2, 'mib', 'got 0' },
  { 'loop:slow( 1, 5 )', 2, 'f', 'got 5' },              { 'c.loop( 5 )', 1, 'options', 'got 5' },
  { 'timer.cancel( 5 )', 1, 'timer', 'got 5' },          { 'timer:reschedule( { } )', 1, 'ms', 'got table' },
  { 'timer.pause( loop )', 1, 'timer', 'got cogloop.loop' }, { 'timer.remaining( )', 1, 'timer', 'got no value' },
  { "watcher:off( 'x' )", 1, 'dir', "got string 'x'" },  { 'watcher.off( timer )', 1, 'watcher', 'got cogloop.timer' },
  { 'watcher.ref( 1 )', 1, 'watcher', 'got 1' },
  { "loop:park( 'x' )", 1, 'ms', "got string 'x'" },     { 'c.park( -1 )', 1, 'ms', 'got -1' },
  { 'loop:unpark( )', 1, 'task', 'got no value' },       { 'c.unpark( 5 )', 1, 'task', 'got 5' },
  { 'c.unpark( task )', 1, 'task', 'another loop' },      { "loop:spawn( { f, name = 5 } )", 1, 'name', 'got 5' },
  { "task:join( 'x' )", 1, 'ms', "got string 'x'" },     { 'task.join( loop )', 1, 'task', 'got cogloop.loop' },
  { 'task.cancel( )', 1, 'task', 'got no value' },       { 'task.status( 5 )', 1, 'task', 'got 5' },
  { "loop:channel( 'x' )", 1, 'capacity', "got string 'x'" }, { 'c.channel( -1 )', 1, 'capacity', 'got -1' },
  { 'loop:semaphore( )', 1, 'count', 'got nil' },        { 'c.semaphore( 0.5 )', 1, 'count', 'got 0.5' },
  { 'loop.event( 5 )', 1, 'loop', 'got 5' },             { 'loop.group( 5 )', 1, 'loop', 'got 5' },
  { "loop:timeout( 'x', f )", 1, 'ms', "got string 'x'" }, { 'c.timeout( 5 )', 2, 'f', 'got no value' },
  { 'loop:all( f, 5 )', 2, 'f', 'got 5' },               { 'c.all( 5 )', 1, 'f', 'got 5' },
  { 'loop:any( )', 1, 'f', 'got no value' },             { 'c.any( f, f, nil, f )', 3, 'f', 'got nil' },
  { 'c.all( f, task )', 2, 'task', 'another loop' },      { 'c.any( task )', 1, 'task', 'another loop' },
  { 'loop:wrap( 5 )', 1, 'f', 'got 5' },                 { 'c.wrap( )', 1, 'f', 'got nil' },
  { 'loop:pcall( 5 )', 1, 'f', 'got 5' },                { 'c.pcall( { } )', 1, 'f', 'got table' },
  { 'channel:send( nil )', 1, 'value', 'got nil' },      { "channel:send( 1, 'x' )", 2, 'ms', "got string 'x'" },
  { "channel:recv( 'x' )", 1, 'ms', "got string 'x'" },  { 'channel.recv( 5 )', 1, 'channel', 'got number' },
  { 'channel.send( group, 1 )', 1, 'channel', 'got table' }, { 'channel.close( )', 1, 'channel', 'got nil' },
  { "semaphore:acquire( 'x' )", 1, 'ms', "got string 'x'" }, { 'semaphore.release( 5 )', 1, 'semaphore', 'got number' },
  { "event:wait( -1 )", 1, 'ms', 'got -1' },             { 'event.set( 5 )', 1, 'event', 'got number' },
  { 'event.clear( 5 )', 1, 'event', 'got number' },      { 'event.is_set( 5 )', 1, 'event', 'got number' },
  { "group:spawn( 5 )", 1, 'f', 'got 5' },               { "group:join( 'x' )", 1, 'ms', "got string 'x'" },
  { 'group.cancel( 5 )', 1, 'group', 'got number' },
  { 'task.name( timer )', 1, 'task', 'got cogloop.timer' }, { 'task.thread( { } )', 1, 'task', 'got table' },
  -- A loop of `t.Loop`.
  { "l:addTask( 'x', f )", 1, 'ms', "got string 'x'" },  { 'l:addTask( 1, 2 )', 2, 'f', 'got 2' },
  { 'l:cancelTask( 5 )', 1, 'task', 'got 5' },           { 'l.addTask( loop, 1, f )', 1, 'loop', 'got cogloop.loop' },
  { "l:addHandle( 'x', 'r', f )", 1, 'handle', "got string 'x'" }, { "l:addHandle( h, 'x', f )", 2, 'dir', "got string 'x'" },
  { "l:addHandle( h, 'r', 5 )", 3, 'f', 'got 5' },       { "l:removeHandle( 'x', 'r' )", 1, 'handle', "got string 'x'" },
  { 'l:removeHandle( h, 9 )', 2, 'dir', 'got 9' },       { "T.sleep( 'x' )", 1, 'ms', "got string 'x'" },
  { "T:sleep( 'x' )", 1, 'ms', "got string 'x'" },       { "l:sleep( -1 )", 1, 'ms', 'got -1' },
  -- Sockets.
  { "S( 'xyz' )", 1, 'protocol', "'xyz' is not known" }, { "S( 'tcp', { } )", 2, 'family', 'got table' },
  { "S( 'tcp', 'ip4', true )", 3, 'type', 'got boolean' }, { "S( 'tcp', 1.5 )", 2, 'family', 'got 1.5' },
  { 'S.bind( { } )', 1, 'adr', 'got table' },            { "S.bind( '127.0.0.1', 'x' )", 2, 'port', "got string 'x'" },
  { 'S.bind( 70000 )', 1, 'port', 'got 70000' },         { "S.connect( 'x y', 1 )", 1, 'ip', "'x y' is not" },
  { "S:connect( { } )", 1, 'adr', 'got table' },         { "S.connect( '127.0.0.1', -1 )", 2, 'port', 'got -1' },
  { "S.listen( '127.0.0.1', 0, 'x' )", 3, 'backlog', "got string 'x'" }, { 'S.listen( adr, { } )', 2, 'backlog', 'got table' },
  { 'sck:bind( { } )', 1, 'adr', 'got table' },          { "sck:listen( '127.0.0.1', 70000 )", 2, 'port', 'got 70000' },
  { "sck:connect( '127.0.0.1', 'x' )", 2, 'port', "got string 'x'" },
  { 'sck.bind( )', 1, 'sck', 'got no value' },           { 'sck.connect( adr )', 1, 'sck', 'got T.Net.Address' },
  { "sck.listen( 5 )", 1, 'sck', 'got 5' },              { 'sck.accept( )', 1, 'sck', 'got no value' },
  { 'udp:send( )', 1, 'msg', 'got no value' },           { "udp:send( 'x', { } )", 2, 'adr', 'got table' },
  { "udp:send( 'x', -1 )", 2, 'max', 'got -1' },         { "udp:send( 'x', adr, 'y' )", 3, 'max', "got string 'y'" },
  { 'udp:recv( { } )', 1, 'adr', 'got table' },          { 'udp:recv( 0 )', 1, 'max', 'got 0' },
  { "udp:recv( adr, 'x' )", 2, 'max', "got string 'x'" }, { "sck:shutdown( 'x' )", 1, 'how', "got string 'x'" },
  { 'sck:shutdown( 7 )', 1, 'how', 'got 7' },            { 'sck:getsockname( 5 )', 1, 'adr', 'got 5' },
  { 'sck:getpeername( { } )', 1, 'adr', 'got table' },   { 'sck.close( adr )', 1, 'sck', 'got T.Net.Address' },
  { 'sck.getfd( )', 1, 'sck', 'got no value' },          { 'S.select( { 1 } )', 1, 'readers', 'got 1' },
  { 'S.select( 5 )', 1, 'readers', 'got 5' },            { 'S.select( nil, { adr } )', 2, 'writers', 'got T.Net.Address' },
  { "S.select( { sck }, nil, 'x' )", 3, 'ms', "got string 'x'" }, { 'S.select( { closed } )', 1, 'readers', 'closed' },
  { "A( 'x y' )", 1, 'ip', "'x y' is not" },             { "A( '127.0.0.1', 'x' )", 2, 'port', "got string 'x'" },
  { 'A( true )', 1, 'ip', 'got boolean' },               { 'A( 70000 )', 1, 'port', 'got 70000' },
  { 'adr:set( { } )', 1, 'ip', 'got table' },            { "adr:set( '::1', -1 )", 2, 'port', 'got -1' },
  { 'adr.get( )', 1, 'adr', 'got no value' },            { 'I.get( )', 1, 'name', 'got no value' },
  { 'I:get( { } )', 1, 'name', 'got table' },            { 'I( 5 )', 1, 'name', 'got 5' },
  { 'I.tostring( { } )', 1, 'interface', 'got table' },
  -- `luamockit`.
  { "mit.sleep( 'x' )", 1, 'ms', "got string 'x'" },     { "s.oneoff( 'x', f )", 1, 'ms', "got string 'x'" },
  { 's.oneoff( 1, 5 )', 2, 'f', 'got 5' },               { 's.getit( 0, f )', 1, 'ms', 'got 0' },
  { 's.getit( 1 )', 2, 'f', 'got no value' },            { "s.wait( 'x' )", 1, 'ms', "got string 'x'" },
  { 'mit.service( 5 )', 1, 'options', 'got 5' },         { 'mtimer.destroy( )', 1, 'timer', 'got no value' },
}

test( 'an error about an argument of any function has the line, the function, and the number, name and value of the argument', function( )
  for _, case in ipairs( CASES ) do
    local code, number, name, got = case[ 1 ], case[ 2 ], case[ 3 ], case[ 4 ]
    local called  = code:match '^[%w_]+[.:]([%w_]+)%(' or code:match '^[%w_]+[.:]([%w_]+)' or code:match '^([%w_]+)'
    -- Lua 5.5 counts the arguments of a `__call`, and says 'bad extra argument'.
    local message = message_of( code ):gsub( 'bad extra argument', 'bad argument' )
    local wanted  = ("script.lua:2: bad argument #%d to '%s' (%s: "):format( number, called, name )
    if message:sub( 1, #wanted ) ~= wanted then
      error( ('%s\n  says   %s\n  wanted %s'):format( code, message, wanted ) )
    end
    is_true( message:find( got, 1, true ), code .. ' says ' .. message )
  end
end )

-- Lua knows no name for a function that `pcall` calls. In a message about such a function, Lua counts the object of a
-- method call as argument 1.
test( 'below pcall a message names the same argument, and never pcall', function( )
  local count, named, w = 0, 0, world( )
  w.pcall = pcall
  for _, case in ipairs( CASES ) do
    local object, how, called, args = case[ 1 ]:match '^(%w+)([.:])(%w+)%((.*)%)$'
    if object then
      local is_method = how == ':'
      local code = ('pcall( %s.%s%s%s )'):format( object, called, is_method and ', ' .. object or '', args:find '%S' and ',' .. args or '' )
      local ok, message = compile( 'return ' .. code, w )( )
      equal( ok, false, code )
      local number, name = message:gsub( 'bad extra argument', 'bad argument' ):match "bad argument #(%d+) to '([^']*)' %("
      equal( tonumber( number ), case[ 2 ] + (is_method and 1 or 0), code .. ' says ' .. message )
      -- On LuaJIT some functions are written in Lua, so that LuaJIT can compile them. They end with a call of the C
      -- function.
      local is_in_lua = debug.getinfo( w[ object ][ called ], 'S' ).source == '=cogloop' and not (rawget( _G, 'jit' ) and name == '?')
      local is_name   = name == called or name:match '[^.]*$' == called
      is_true( is_name or name == '?' and not is_in_lua, code .. ' says ' .. message )
      count, named = count + 1, named + (is_in_lua and 1 or 0)
    end
  end
  is_true( count > 150 and named > 25, ('%d calls, %d of functions in Lua'):format( count, named ) )
end )

test( 'the message about a function of the module that is called with a colon names the colon', function( )
  local w = world( )
  for _, code in ipairs{
    'c:after( 1, f )', 'c:every( 1, f )', 'c:at( 1, f )', "c:on( h, 'r', f )", 'c:spawn( f )', 'c:sleep( 1 )', "c:wait( h, 'r' )",
    'c:unpark( task )', 'c:channel( 1 )', 'c:semaphore( 1 )', 'c:timeout( 1, f )', 'c:all( f )', 'c:any( f )', 'c:wrap( f )',
    'c:pcall( f )', 'c:loop( )', "c:loop{ clock = 'virtual' }", 'c:debounce( 1, f )', 'c:throttle( 1, f )', "c:signal( 'INT', f )", 'c:child( 1, f )', 'c:step( 1 )', 'c:slow( 1, f )',
  } do
    local _, message = pcall( compile( '\n' .. code, w ) )
    equal( message, 'script.lua:2: the functions of the module are called with a dot; only those of a loop with a colon', code )
  end
end )

test( 'after a tail call the message has the name of the function, and counts as the script does', function( )
  -- A tail call removes the calling function from the stack. In LuaJIT the message then has the name of the removed
  -- function.
  if rawget( _G, 'jit' ) then return end
  local w = world( )
  for code, wanted in pairs{
    ["return loop:channel( -1 )"]          = "bad argument #1 to 'channel' %(capacity: ",
    ["return c.channel( -1 )"]             = "bad argument #1 to '([%w_.]*)channel' %(capacity: ",
    ["return loop:all( f, 5 )"]            = "bad argument #2 to 'all' %(f: ",
    ["return c.all( f, 5 )"]               = "bad argument #2 to '([%w_.]*)all' %(f: ",
    ["return channel:recv( 'x' )"]         = "bad argument #1 to 'recv' %(ms: ",
    ["return loop:timeout( 'x', f )"]      = "bad argument #1 to 'timeout' %(ms: ",
  } do
    local _, message = pcall( compile( code, w ) )
    is_true( message:find( wanted ), code .. ' says ' .. message )
  end
end )

-- Finds functions that are missing in `CASES`.
test( 'the list of cases has every public function that takes an argument', function( )
  local w, called, missing = world( ), { }, { }
  for _, case in ipairs( CASES ) do
    for name in case[ 1 ]:gmatch '[.:]([%w_]+)%(' do called[ name ] = true end
    for name in case[ 1 ]:gmatch '[.:]([%w_]+) *%(' do called[ name ] = true end
  end
  -- These functions cannot get a wrong argument. They take only the object, or values of any type.
  for name in ([[
    running tasks cancelled firing run stop close now timers handles dump metrics fd pollfd events timeout remaining loop resume active unref
    clean show time backend accept getFd list default mstimestamp pending inqueue process_events init getfd
  ]]):gmatch '%S+' do called[ name ] = true end
  local tables = {
    cogloop = cogloop, loop = getmetatable( w.loop ).__index, timer = getmetatable( w.timer ).__index,
    task = getmetatable( w.task ).__index, group = getmetatable( w.group ).__index,
    channel = getmetatable( w.channel ).__index, semaphore = getmetatable( w.semaphore ).__index, event = getmetatable( w.event ).__index,
    watcher = getmetatable( w.watcher ).__index, ['t.Loop'] = Loop, Socket = Net.Socket, Address = Net.Address,
    Interface = Net.Interface, luamockit = mockit,
  }
  for where, functions in pairs( tables ) do
    for name, value in pairs( functions ) do
      if type( value ) == 'function' and not called[ name ] and not name:find '^__' then
        missing[ #missing + 1 ] = where .. '.' .. name
      end
    end
  end
  table.sort( missing )
  T.same_list( missing, { } )
end )

test( 'a bad assignment names the property and the value', function( )
  for code, wanted in pairs{
    ["sck.recvtimeout = 'x'"] = "of a socket (recvtimeout: milliseconds, a finite number that is 0 or more, expected, got string 'x')",
    ["sck.nodelay = 'x'"]     = "of a socket (nodelay: a boolean expected, got string 'x')",
    ["sck.recvbuffer = -1"]   = 'of a socket (recvbuffer: an integer from 0 to 2147483647 expected, got -1)',
    ["sck.nonblok = true"]    = "unknown property of a socket: string 'nonblok'; it has broadcast, ",
    ["sck.descriptor = 5"]    = "the property 'descriptor' of a socket can only be read",
    ["adr.port = 'x'"]        = "of an address (port: an integer from 0 to 65535 expected, got string 'x')",
    ["adr.ip = 5"]            = 'of an address (ip: an IP address or the path of a Unix socket expected, got 5)',
    ["adr.ip = 'no'"]         = "got string 'no')",
    ["adr.family = 'x'"]      = "of an address (family: 'AF_INET', 'AF_INET6' or 'AF_UNIX' expected, got string 'x')",
    ["adr.prt = 5"]           = "unknown property of an address: string 'prt'; it has ip, port and family",
    ["unix.port = 5"]         = 'port: a Unix socket has no port',
    ["l.onerror = 5"]         = 'onerror: a function or nil expected, got 5',
    ["l.foo = 5"]             = 'nothing but onerror can be assigned to a loop',
  } do
    if T.supports 'Unix sockets' or not code:find '^unix' then
      local message = message_of( code )
      equal( message:sub( 1, 14 ), 'script.lua:2: ', message )
      is_true( message:find( wanted, 1, true ), code .. ' says ' .. message )
    end
  end
end )

test( "a limit that is reached in the module's own Lua code is reported at the script's line", function( )
  local loop = cogloop.loop{ clock = 'virtual', max_timers = 1 }
  loop:after( 1000, f )
  local throttled = loop:throttle( 10, f )
  local message = fails( 'too many timers', compile( '\n\nfoo( )\n', { foo = throttled } ) )
  equal( message:match '^[^:]*:%d+', 'script.lua:3' )
end )

test( 'the error for an object whose method returns no number shows what it returned', function( )
  local loop = cogloop.loop( )
  local function says( value, method )
    return fails( 'handle: ', function( ) loop:on( { [method or 'getfd'] = function( ) return value end }, 'r', f ) end )
  end
  is_true( says( '3' ):find( "its method getfd returned the string '3', not the number of a descriptor", 1, true ) )
  is_true( says( 'gone' ):find( "it is closed: its method getfd returned the text 'gone'", 1, true ) )
  is_true( says( { }, 'fileno' ):find( 'its method fileno returned a table', 1, true ) )
  is_true( says( nil ):find( 'it is closed', 1, true ) )
  local function says_of( object, wanted )
    local message = fails( 'handle: ', function( ) loop:on( object, 'r', f ) end )
    is_true( message:find( wanted, 1, true ), message )
  end
  says_of( { fileno = 7 }, 'its field fileno is a number, not a function' )
  says_of( { pollfd = 'x' }, 'its field pollfd is a string, not a function or the number of a descriptor' )
  says_of( { pollfd = 5.5 }, 'its field pollfd is 5.5, not the number of a descriptor' )
  for _, number in ipairs{ 5.5, -0.5, 2 ^ 40, 1 / 0 } do
    local text = ('its method fileno returned %s, not the number of a descriptor'):format( tostring( number ) )
    is_true( says( number, 'fileno' ):find( text, 1, true ), says( number, 'fileno' ) )
  end
end )

test( 'each failure has an error number, even if the system has not failed', function( )
  local loop = cogloop.loop{ max_handles = 1 }
  local reader, writer = T.fifo( )
  assert( loop:on( reader, 'r', f ) )
  local got, message, number = loop:on( writer, 'w', f )
  equal( got, nil )
  is_true( message:find( 'too many', 1, true ), message )
  equal( number, 24, 'EMFILE' )
end )

test( 'on returns an error with a number if a descriptor is too large for select', function( )
  T.requires 'the backends of Linux'
  local loop, files = cogloop.loop{ backend = 'select' }, { }
  for i = 1, 1100 do files[ i ] = io.open '/dev/null' end
  -- Which file is refused depends on how many smaller descriptor numbers were free.
  local refused
  for i = 1, #files == 1100 and 1100 or 0 do
    local got, message, number = loop:on( files[ i ], 'r', f )
    if not got then refused = { message, number } break end
  end
  if #files == 1100 then
    is_true( refused and refused[ 1 ]:find( 'FD_SETSIZE', 1, true ), refused and refused[ 1 ] )
    equal( refused[ 2 ], 22, 'EINVAL' )
  end
  loop:close( )
  for _, file in pairs( files ) do file:close( ) end
end )

-- Only a library can be loaded twice, so the built-in modules skip this test.
local version = rawget( _G, 'jit' ) and 'jit' or _VERSION:gsub( '%D', '' )
local path
for template in package.cpath:gmatch '[^;]+' do
  local name = template:gsub( '%?', 'cogloop/lua' .. version )
  local file = not path and io.open( name, 'rb' )
  if file then
    path = name
    file:close( )
  end
end
if path and package.loaded[ 'cogloop.lua' .. version ] then
  test( 'the objects of a second copy of the library are not accepted by the first copy', function( )
    local copy = os.tmpname( )
    local from, to = assert( io.open( path, 'rb' ) ), assert( io.open( copy, 'wb' ) )
    to:write( from:read '*a' )
    from:close( )
    to:close( )
    local opener = assert( package.loadlib( copy, 'luaopen_cogloop_lua' .. version ) )
    os.remove( copy )
    local other   = opener( )
    local Address = other[ 't.Net.Address' ]( )
    local adr     = Address( '127.0.0.1', 80 )
    for _, call in ipairs{
      function( ) Net.Socket.bind( adr ) end,
      function( ) Net.Address.get( adr ) end,
      function( ) cogloop.loop( ).after( other.cogloop( ).loop( ), 1, f ) end,
    } do
      local message = fails( 'got one of another copy of this library, which is loaded twice', call )
      is_true( not message:find( 'got T.', 1, true ), message )
    end
  end )
end

test( 'a message names a function of ours that pcall has called', function( )
  local theirs, loop = Loop{ clock = 'virtual' }, cogloop.loop{ clock = 'virtual' }
  for _, case in ipairs{
    { "#2 to 't.Loop.addHandle'", theirs.addHandle, theirs, { }, 'read', f },
    { "#2 to 't.Loop.addTask'", theirs.addTask, theirs, 'x', f },
    { "#1 to 'cogloop.loop' (option 'clock': 'real' or 'virtual' expected, got string 'virtua')", cogloop.loop,
      { clock = 'virtua' } },
    { "#1 to 'cogloop.loop' (option 'resolution'", cogloop.loop, { resolution = 'x' } },
    { "#1 to 'cogloop.loop' (unknown option 'x'", cogloop.loop, { x = 1 } },
    { "#1 to 'cogloop.after'", cogloop.after, 'x' },
    { "#1 to 'luamockit.service' (option 'clock': 'real' or 'virtual' expected, got boolean)", mockit.service, { clock = true } },
    { "#2 to 'after'", loop.after, loop, 'x' },
    { "#3 to 'on'", loop.on, loop, 0, 'q', f },
    { "#2 to 'spawn'", loop.spawn, loop, 5 },
  } do
    local ok, err = pcall( unpack( case, 2, 6 ) )
    equal( ok, false )
    is_true( err:find( 'bad argument ' .. case[ 1 ], 1, true ), ('%s instead of %s'):format( err, case[ 1 ] ) )
  end
end )

T.done( )
