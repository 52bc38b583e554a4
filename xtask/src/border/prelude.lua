-- The functions that the fuzzer's programs call. The fuzzer puts this file in front of its programs, as the body of a
-- function that returns `F`, so that a script is one file.
--
-- Every operation of a program calls `tick`, which counts operations. When a program has used up its operations,
-- `tick` closes the program's loops and raises an error, so every program ends. Only `F.run` makes calls that could
-- block.

local cogloop, mockit    = require 'cogloop', require 'luamockit'
local Loop, Net          = require 't.Loop', require 't.Net'
local Socket, Address    = Net.Socket, Net.Address
local unpack, load       = table.unpack or unpack, loadstring or load
local pcall, error, type = pcall, error, type

local is_jit   = rawget( _G, 'jit' ) ~= nil
local OVER     = 'the program has used up its operations'
local SHARE    = 1500                   -- operations that a program may use
local STOP_MS  = 50                     -- virtual time that one `run` may take

local F = { }

local operations, all = 0, 0            -- operations of this program, and of all programs before it
local closing         = false           -- the script has ended
local inside          = false           -- the program runs inside a protected call
local loops           = { }             -- of this program
local is_virtual      = setmetatable( { }, { __mode = 'k' } )
local stoppers        = setmetatable( { }, { __mode = 'k' } )
local restored        = { }             -- fields of our metatables to put back

local function say( ... )
  io.stderr:write( '@@ ', table.concat( { ... }, ' ' ), '\n' )
end

local function finish_loops( )
  for _, loop in ipairs( loops ) do pcall( getmetatable( loop ).__gc, loop ) end
end

local function tick( )
  operations = operations + 1
  if operations == SHARE then finish_loops( ) end
  if operations >= SHARE then error( OVER, 0 ) end
end
F.tick = tick

-- A panic that was caught at the border is a fault, too.
local function result( ok, ... )
  if ok then return ... end
  local problem = ...
  if type( problem ) == 'string' and problem:find( 'internal error', 1, true ) then say( 'panic', problem ) end
end

local function invoke( object, name, ... ) return object[ name ]( object, ... ) end
local function apply( module, name, ... )
  -- The default loop may already be finalized. A call would make a new default loop, which would never be finalized.
  if not closing or module ~= cogloop then return module[ name ]( ... ) end
end

-- Calls a method, or a function of a module. Errors leave `call` and `use`; `try` and `tryuse` catch them.
function F.call( ... ) tick( ) return invoke( ... ) end
function F.use( ... ) tick( ) return apply( ... ) end
function F.try( ... ) tick( ) return result( pcall( invoke, ... ) ) end
function F.tryuse( ... ) tick( ) return result( pcall( apply, ... ) ) end

-- Calls a method of `object` with other objects as its arguments.
function F.foreign( object, name, ... )
  tick( )
  return result( pcall( function( ... ) return object[ name ]( ... ) end, ... ) )
end

function F.meta( object, name, ... )
  tick( )
  local meta = debug.getmetatable( object )
  if meta and type( object ) ~= 'string' then return result( pcall( meta[ name ], ... ) ) end
end

-- Changes a field of an object's metatable for the rest of the program. It does not remove finalizers, because that
-- would leak.
function F.spoil( object, name, value )
  tick( )
  local meta = type( object ) == 'userdata' and name ~= '__gc' and debug.getmetatable( object )
  if not meta or meta.__metatable then return end
  restored[ #restored + 1 ] = { meta, name, rawget( meta, name ) }
  rawset( meta, name, value )
end

local operators = {
  text   = function( a ) return tostring( a ) end,
  length = function( a ) return #a end,
  equal  = function( a, b ) return a == b end,
  less   = function( a, b ) return a < b end,
  concat = function( a, b ) return a .. b end,
  call   = function( a, b ) return a( b ) end,
  index  = function( a, b ) return a[ b ] end,
  set    = function( a, b ) a[ b ] = b end,
  uservalue = function( a, b ) return (debug.getuservalue or debug.getfenv)( a, b ) end,
}

function F.operate( name, a, b ) tick( ) return result( pcall( operators[ name ], a, b ) ) end
function F.set( object, key, value ) tick( ) result( pcall( function( ) object[ key ] = value end ) ) end

-- Adds a loop to the list of the program's loops, and notes whether its clock is virtual. Ignores other values.
local function known( loop, options )
  if type( loop ) == 'userdata' then
    loops[ #loops + 1 ] = loop
    is_virtual[ loop ] = type( options ) == 'table' and options.clock == 'virtual' or nil
  end
  return loop
end

-- An object that a finalizer makes while the state is closed is never finalized itself, so a loop would leak.
local function make( f, ... )
  tick( )
  if not closing then return (result( pcall( f, ... ) )) end
end

function F.own( options ) return known( make( cogloop.loop, options ), options ) end
function F.theirs( options ) return known( make( Loop, options ), options ) end

-- Runs a loop until a timer of this function, the stopper, stops it. On a virtual clock the stopper fires at once. A
-- loop that is on a real clock and can be stepped takes two steps instead.
function F.run( loop )
  tick( )
  if not is_virtual[ loop ] and loop.step then
    for _ = 1, 2 do loop:step( 0 ) end
    return
  end
  local function stop( ) loop:stop( ) return STOP_MS end
  stoppers[ stop ] = true
  local stopper
  if loop.addTask then
    local ms = is_virtual[ loop ] and STOP_MS or 1
    loop:addTask( ms, stop )
    loop:addTask( ms, stop )
  else
    stopper = loop:every( STOP_MS, stop )
    stoppers[ stopper ] = true
  end
  local ok, problem = pcall( loop.run, loop )
  result( ok, problem )
  if stopper then result( pcall( stopper.cancel, stopper ) ) end
  if not ok then error( problem, 0 ) end
end

-- `clean` of `t.Loop` removes the stoppers, too. Then an active run might block, so this function also stops the loop.
function F.clean( loop )
  tick( )
  loop:clean( )
  loop:stop( )
end

-- Puts a field of each of the first four entries of a loop's list into `into`. Skips the stoppers.
function F.take( into, loop, list, field )
  tick( )
  local i = 0
  for _, one in ipairs( loop[ list ]( loop ) ) do
    if not stoppers[ one.f ] then
      i = i + 1
      into[ i ] = one[ field ]
      if i == 4 then return end
    end
  end
end

-- Makes sockets non-blocking.
local function ready( sck )
  if type( sck ) == 'userdata' then pcall( function( ) sck.nonblock = true end ) end
  return sck
end

function F.socket( ... ) tick( ) return ready( (result( pcall( Socket, ... ) )) ) end
function F.accept( sck ) tick( ) return ready( (result( pcall( invoke, ready( sck ), 'accept' ) )) ) end
function F.block( sck, value ) tick( ) result( pcall( function( ) sck.nonblock = value end ) ) ready( sck ) end

function F.pair( s, way )
  tick( )
  local server, adr = Socket.listen( way == 1 and '127.0.0.1' or '::1', 0, 50 )
  if not server then return end
  s[ 1 ] = ready( server )
  s[ 2 ] = ready( Socket.connect( adr ) )
  s[ 3 ] = ready( server:accept( ) )
end

local fifo
function F.file( way )
  tick( )
  if way == 1 then return io.open( '/dev/null', 'r+' ) end
  if way == 2 then return io.tmpfile( ) end
  if way == 3 then
    local file = io.open( '/dev/zero', 'r' )
    file:read( 1 )                      -- now the buffer of the file has more bytes
    return file
  end
  if way == 4 then return io.stdin end
  if way == 5 then return io.popen 'true' end
  if not fifo then
    fifo = os.tmpname( )
    os.remove( fifo )
    os.execute( 'mkfifo ' .. fifo )
  end
  local file = io.open( fifo, 'r+' )
  if file then
    file:setvbuf 'no'
    file:write 'some input'
  end
  return file
end

function F.child( )
  tick( )
  local shell = io.popen 'echo $$'
  local pid = shell:read '*n'
  return pid, shell
end

-- Sends this process a signal that does nothing by default.
function F.kill( name )
  tick( )
  os.execute( 'kill -' .. name .. ' $PPID' )
end

function F.service( options ) return make( mockit.service, options ) end
function F.address( ... ) tick( ) return (result( pcall( Address, ... ) )) end

-- Functions of Lua that call a callback. Operations run in the callback.
function F.guarded( f ) tick( ) return result( pcall( f ) ) end
function F.sort( f ) tick( ) return result( pcall( table.sort, { 3, 1, 2 }, f ) ) end
function F.gsub( f ) tick( ) return result( pcall( string.gsub, 'ab', '.', f ) ) end
function F.handler( f ) tick( ) return xpcall( error, f ) end

-- Debian's LuaJIT crashes when a finalizer raises. Stock 5.1 sometimes crashes when a finalizer does something while
-- the state is closed: see faults.rs.
local function finalizer( f )
  return function( object )
    if inside and not is_jit then return f( object ) end
    if inside or _VERSION ~= 'Lua 5.1' or is_jit then pcall( f, object ) end
  end
end

F.finalizer = finalizer

function F.gc( f )
  tick( )
  if newproxy then
    local object = newproxy( true )
    getmetatable( object ).__gc = finalizer( f )
    return object
  end
  return setmetatable( { }, { __gc = finalizer( f ) } )
end

-- The generational mode of 5.2 frees live objects. It was an experiment, and 5.3 removed it.
function F.collect( how, value )
  tick( )
  if how ~= 'generational' or _VERSION ~= 'Lua 5.2' then result( pcall( collectgarbage, how, value ) ) end
end

local with_close = load 'local object, f = ... local closed <close> = object return f( )'
function F.closing( object, f )
  tick( )
  if with_close then return result( pcall( with_close, object, f ) ) end
  result( pcall( f ) )
  F.meta( object, '__close', object )
end

-- `F.hook` runs `body` with a debug hook. The hook calls `f` at most five times, at the events of `mask` or after every
-- `count` instructions. `f` may raise. The hook does nothing while a stopper runs, or while a function of this file
-- runs outside of a protected call.
local undisturbed = { [ result ] = true }
local function is_undisturbed( level )
  local info = debug.getinfo( level + 1, 'fS' )
  if not info or undisturbed[ info.func ] or stoppers[ info.func ] then return true end
  return info.what == 'C' and is_undisturbed( level + 2 )
end

function F.hook( mask, count, f, body )
  tick( )
  local left = 5
  local function hook( ... )
    left = left - 1
    if left < 0 then return debug.sethook( ) end
    if not is_undisturbed( 2 ) then f( ... ) end
  end
  local ok, problem = pcall( function( )
    debug.sethook( hook, mask, count )
    body( )
  end )
  debug.sethook( )
  result( ok, problem )
end
undisturbed[ F.hook ] = true

-- `F.program` runs one program, which begins with new variables. The program's objects stay alive until three more
-- programs have ended.
F.kept = { }
local function clean( )
  debug.sethook( )
  for i = #restored, 1, -1 do
    local meta, name, value = unpack( restored[ i ], 1, 3 )
    rawset( meta, name, value )
    restored[ i ] = nil
  end
end
undisturbed[ clean ] = true

-- A finalizer may raise only inside this protected call.
local function protected( f, ... )
  inside = true
  return f( ... )
end

local function leave( ... )
  inside = false
  return ...
end
undisturbed[ leave ] = true

function F.program( number, body )
  say( 'begin', number )
  operations = 0
  local v = { { }, { }, { }, { }, { }, { }, { }, { }, { }, { }, { }, { }, { } }
  result( leave( pcall( protected, body, unpack( v ) ) ) )
  clean( )
  F.kept[ number % 3 ] = v
  loops = { }
  for _ = 1, 2 do leave( pcall( protected, collectgarbage ) ) end
  clean( )
  all = all + operations
  say( 'end', number, operations )
end

undisturbed[ F.program ] = true

-- The end of the script. The objects of the last programs are still alive.
function F.finish( way )
  say( 'done', all )
  closing = true
  if fifo then os.remove( fifo ) end
  if way == 2 then error 'the end' end
  if way == 3 then os.exit( _VERSION ~= 'Lua 5.1' or 0, true ) end
end

return F
