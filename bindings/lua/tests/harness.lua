-- The tests' harness, in plain Lua for every interpreter. A test file ends with `T.done( )`. `T.done` prints how many
-- tests passed. The exit code is 0 if all passed.

local T = { passed = 0, failed = 0 }

-- Features that tests may need. Some systems lack them.
local IS_WINDOWS = package.config:sub( 1, 1 ) == '\\'
local HAS = {
  [ 'Lua files as handles' ]    = not IS_WINDOWS,
  [ 'a descriptor of a loop' ]  = not IS_WINDOWS,
  [ 'a descriptor of a timer' ] = not IS_WINDOWS,
  [ 'network interfaces' ]      = not IS_WINDOWS,
  [ 'Unix sockets' ]            = not IS_WINDOWS,
  [ 'a shared port' ]           = not IS_WINDOWS,
  [ 'signals' ]                 = not IS_WINDOWS,
  [ 'children' ]                = not IS_WINDOWS,
  [ 'a shell' ]                 = not IS_WINDOWS,
  [ "Unix's names of files" ]   = not IS_WINDOWS,
  [ 'the backends of Linux' ]   = not IS_WINDOWS,
}

-- Returns whether the system has a feature. A test calls this function if it can also run without the feature.
function T.supports( what )
  if what == 'python3' and HAS[ what ] == nil then
    local pipe = HAS[ 'a shell' ] and io.popen 'python3 -c "print( 6 * 7 )" 2>/dev/null'
    HAS[ what ] = pipe and pipe:read '*l' == '42' or false
    if pipe then pipe:close( ) end
  end
  if HAS[ what ] == nil then error( 'no such requirement: ' .. what, 2 ) end
  return HAS[ what ]
end

-- If the system lacks the feature, the running test ends here and counts as skipped.
function T.requires( what )
  if not T.supports( what ) then error( { lacks = what }, 0 ) end
end

-- The pattern of an address as Lua prints it.
T.ADDRESS = IS_WINDOWS and ('%x'):rep( 16 ) or '0x%x+'

-- The `errno` for the number of a descriptor that is not open. On Windows the only descriptors are sockets, and the
-- system returns WSAENOTSOCK (88 here).
T.NOT_OPEN = IS_WINDOWS and 88 or 9

local function with_traceback( problem )
  local lacks = type( problem ) == 'table' and rawget( problem, 'lacks' )
  return lacks and problem or debug.traceback( problem )
end

-- Runs one test. The name says what the test shows. If this behaviour has a number in the conformance list, the name
-- contains the number.
function T.test( name, body )
  local ok, problem = xpcall( body, with_traceback )
  if ok then
    T.passed = T.passed + 1
  elseif type( problem ) == 'table' and rawget( problem, 'lacks' ) then
    print( ('skipped: %s: it needs %s'):format( name, problem.lacks ) )
  else
    T.failed = T.failed + 1
    print( ('FAILED  %s\n        %s'):format( name, (tostring( problem ):gsub( '\n', '\n        ' )) ) )
  end
end

local function text( value )
  return type( value ) == 'string' and ('%q'):format( value ) or tostring( value )
end

function T.equal( got, wanted, what )
  if got ~= wanted then
    error( ('%s: got %s, wanted %s'):format( what or 'value', text( got ), text( wanted ) ), 2 )
  end
end

function T.is_true( value, what )
  if not value then
    error( (what or 'value') .. ': got ' .. text( value ), 2 )
  end
end

-- Compares two lists item by item.
function T.same_list( got, wanted, what )
  local a, b = { }, { }
  for i = 1, #got do a[ i ] = text( got[ i ] ) end
  for i = 1, #wanted do b[ i ] = text( wanted[ i ] ) end
  a, b = table.concat( a, ' ' ), table.concat( b, ' ' )
  if a ~= b then
    error( ('%s:\n  got    %s\n  wanted %s'):format( what or 'list', a, b ), 2 )
  end
end

-- Checks that the call raises and that its message contains the text. Returns the message.
function T.fails( wanted, f, ... )
  local ok, message = pcall( f, ... )
  if ok then
    error( ('no error; wanted one with %s'):format( text( wanted ) ), 2 )
  end
  if not tostring( message ):find( wanted, 1, true ) then
    error( ('error %s; wanted one with %s'):format( text( message ), text( wanted ) ), 2 )
  end
  return message
end

-- A file that is always ready and empty.
function T.null( mode )
  T.requires 'Lua files as handles'
  return assert( io.open( '/dev/null', mode or 'r' ) )
end

-- A named pipe whose name is removed at once. Returns a reader that never sees the end of the stream, and a writer.
function T.fifo( )
  T.requires 'Lua files as handles'
  local name = os.tmpname( )
  os.remove( name )
  assert( os.execute( 'mkfifo ' .. name ) )
  local reader = assert( io.open( name, 'r+' ) )
  local writer = assert( io.open( name, 'w' ) )
  os.remove( name )
  writer:setvbuf( 'no' )
  return reader, writer
end

-- Milliseconds on the monotonic clock. The wall clock may be set or slewed during a test.
local clock
function T.now( )
  clock = clock or require 'cogloop'.loop( )
  return clock:now( )
end

function T.collect( )
  collectgarbage( )
  collectgarbage( )
end

-- Features that only some versions of Lua have.
T.has = {
  several_user_values = _VERSION >= 'Lua 5.4',
  typed_files         = getmetatable( io.stdout ).__name ~= nil,
  -- The C functions know whether a coroutine can yield.
  yieldable           = _VERSION >= 'Lua 5.3' or rawget( _G, 'jit' ) ~= nil,
}

-- Calls `f` when the garbage collector frees an object: a table with `__gc`, or a proxy where tables have no `__gc`.
function T.on_collect( f )
  if newproxy then
    getmetatable( newproxy( true ) ).__gc = f
  else
    setmetatable( { }, { __gc = f } )
  end
end

-- Whether the test runs slowly: under valgrind, which also counts lost memory, or in Wine.
T.is_short = os.getenv 'COGLOOP_TESTS' == 'short'

-- A large number, or a twentieth of it if the test runs slowly.
function T.many( count )
  return T.is_short and count / 20 or count
end

-- Sets the garbage collector's pause, and returns the previous one.
function T.gc_pause( percent )
  if _VERSION == 'Lua 5.5' then return collectgarbage( 'param', 'pause', percent ) end
  return collectgarbage( 'setpause', percent )
end

-- User value `n` of a userdata. Before Lua 5.4 a userdata has a single value: a user value, or in Lua 5.1 and LuaJIT an
-- environment. In these versions Cogloop's userdata has a table of all user values as its single value.
function T.user_value( userdata, n )
  if T.has.several_user_values then
    return (debug.getuservalue( userdata, n ))
  end
  return (debug.getuservalue or debug.getfenv)( userdata )[ n ]
end

-- The last statement of a test file. If all tests passed, `T.done` returns. Then the interpreter closes the Lua state,
-- which `os.exit` cannot do in every version.
function T.done( )
  print( ('%d passed, %d failed'):format( T.passed, T.failed ) )
  if T.failed > 0 then os.exit( 1 ) end
end

return T
