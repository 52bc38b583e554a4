-- Tests of signals, and of the ends of child processes, in `require 'cogloop'`.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

-- Starts a shell as a child process, and returns its process number. The pipes are kept in a list. Otherwise the
-- garbage collector would close a pipe, and closing a pipe takes the child's status from the system.
local pipes = { }
local function shell( command )
  T.requires 'children'
  local pipe = assert( io.popen( 'echo $$; ' .. command ) )
  pipes[ #pipes + 1 ] = pipe
  return pipe:read '*n'
end

-- Sends a signal to this process, which is the parent of the shell.
local function kill( name )
  T.requires 'signals'
  os.execute( 'kill -' .. name .. ' $PPID' )
end

test( 'a signal calls its function', function( )
  T.requires 'signals'
  local loop, got = cogloop.loop( ), { }
  local watcher
  watcher = loop:signal( 'USR1', function( name )
    got[ #got + 1 ] = name
    if #got == 2 then watcher:off( ) else kill 'USR1' end
  end )
  loop:after( 1, kill, 'USR1' )
  loop:run( )
  same_list( got, { 'USR1', 'USR1' } )
end )

test( 'a signal calls the function of each watcher', function( )
  T.requires 'signals'
  local loop, got = cogloop.loop( ), 0
  local watchers = { }
  for i = 1, 2 do
    watchers[ i ] = assert( loop:signal( 'SIGUSR2', function( ) got = got + 1 watchers[ i ]:off( ) end ) )
  end
  loop:after( 1, kill, 'USR2' )
  loop:run( )
  equal( got, 2 )
end )

test( 'signal and child return only a watcher', function( )
  T.requires 'signals'
  local loop = cogloop.loop( )
  equal( select( '#', loop:signal( 'HUP', print ) ), 1 )
  equal( select( '#', loop:child( shell 'exit 0', print ) ), 1 )
  loop:close( )
end )

test( 'a watched signal keeps the loop running unless it is unreferenced', function( )
  local loop = cogloop.loop( )
  assert( loop:signal( T.supports 'signals' and 'HUP' or 'INT', print ) ):unref( )
  loop:run( )
end )

test( 'a signal that cannot be caught raises an error that names the argument', function( )
  local loop = cogloop.loop( )
  for _, name in ipairs{ 'KILL', 'SEGV', 'x', 2, false } do fails( 'name: ', loop.signal, loop, name, print ) end
  fails( 'f: ', loop.signal, loop, 'USR1', 5 )
  fails( 'pid: ', loop.child, loop, 'x', print )
  fails( 'pid: ', loop.child, loop, -1, print )
  fails( 'f: ', loop.child, loop, 1 )
end )

test( 'the end of a child calls its function, with the status', function( )
  local loop, got = cogloop.loop( ), { }
  for _, command in ipairs{ 'exit 7', 'kill -TERM $$' } do
    local pid = shell( command )
    assert( loop:child( pid, function( number, how, code )
      equal( number, pid )
      got[ #got + 1 ] = how .. code
    end ) )
  end
  loop:run( )
  table.sort( got )
  same_list( got, { 'exit7', 'signal15' } )
end )

test( 'child returns an error of the system for a missing process', function( )
  T.requires 'children'
  local loop = cogloop.loop( )
  local watcher, message, errno = loop:child( 2 ^ 30, print )
  equal( watcher, nil )
  is_true( message )
  is_true( errno == 3 or errno == 22, errno )
end )

test( 'the module has signal and child', function( )
  local got
  local pid = shell 'exit 2'
  cogloop.child( pid, function( _, how, code ) got = how .. code end )
  cogloop.run( )
  equal( got, 'exit2' )
  assert( cogloop.signal( 'USR1', print ) ):unref( )
  cogloop.run( )
  cogloop.close( )
end )

-- Returns whether this process has a handler for a signal. `bit` is the signal's bit in the mask of handled signals,
-- which a shell reads from /proc.
local function is_caught( bit )
  local pipe = io.popen 'grep SigCgt /proc/$PPID/status'
  local mask = pipe:read '*a':match '(%x+)%s*$'
  pipe:close( )
  return tonumber( mask:sub( -4 ), 16 ) % (2 * bit) >= bit
end

test( 'the former action of a signal is restored when its last watch ends: by off, by close, at a limit', function( )
  T.requires 'signals'
  local USR1 = 2 ^ 9                                      -- signal 10
  if not io.open '/proc/self/status' then return end
  if T.is_short then return end  -- valgrind catches every signal itself
  collectgarbage( )
  collectgarbage( )
  equal( is_caught( USR1 ), false, 'at first' )
  collectgarbage 'stop'
  local loop, other = cogloop.loop( ), cogloop.loop( )
  local watcher = loop:signal( 'USR1', print )
  local second = other:signal( 'USR1', print )
  equal( is_caught( USR1 ), true )
  equal( watcher:off( ), true )
  equal( watcher:off( ), false )
  equal( is_caught( USR1 ), true, 'another loop watches' )
  equal( second:off 'w', false )
  second:off 'r'
  equal( is_caught( USR1 ), false, 'off' )
  other:signal( 'USR1', print )
  other:close( )
  equal( is_caught( USR1 ), false, 'closed' )
  local small = cogloop.loop{ max_handles = 1 }
  small:signal( 'USR2', print )
  local refused, message, errno = small:signal( 'USR1', print )
  equal( refused, nil )
  is_true( message:find( 'too many descriptors', 1, true ) and errno > 0 )
  equal( is_caught( USR1 ), false, 'refused' )
  small:close( )
  loop:close( )
  collectgarbage 'restart'
end )

test( 'signal and child return an error on a system that does not support them', function( )
  if T.supports 'signals' then return end
  local loop = cogloop.loop( )
  local watcher, message, number = loop:signal( 'TERM', print )
  equal( watcher, nil )
  equal( message, 'signal: Windows has no other signal than INT, Ctrl-C' )
  equal( number, 38, 'ENOSYS' )
  watcher, message, number = loop:child( 5, print )
  equal( watcher, nil )
  equal( message, 'child: on Windows a child cannot be watched by its number' )
  equal( number, 38, 'ENOSYS' )
  loop:run( )
end )

T.done( )
