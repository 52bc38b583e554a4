-- `show` lists the tasks and handles of a loop in the format of lua-t.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T    = require 'harness'
local Loop = require 't.Loop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local printed
local real_print = print
local function quiet( f )
  printed = { }
  print = function( ... ) printed[ #printed + 1 ] = { ... } end
  local ok, problem = pcall( f )
  print = real_print
  if not ok then error( problem, 0 ) end
end

test( 'show prints the text that it returns', function( ) quiet( function( )
  local loop = Loop( )
  local text = loop:show( )
  equal( #printed, 1 )
  equal( #printed[ 1 ], 1 )
  equal( printed[ 1 ][ 1 ], text )
  is_true( text:match( '^T%.Loop%[0%]: ' .. T.ADDRESS .. ' TIMER LIST:\nT%.Loop{0} ' .. T.ADDRESS .. ' HANDLE LIST:$' ), text )
end ) end )

test( 'show lists the tasks by expiry, each with the time left, its function and its arguments', function( ) quiet( function( )
  local loop = Loop{ clock = 'virtual' }
  local callable = setmetatable( { }, { __call = function( ) end, __name = 'My.Type' } )
  loop:addTask( 3500, print, 3500, 'foo', 'bar' )
  loop:addTask( 1000, print, 1000 )
  loop:addTask( 123456.5, callable, nil, true, 1.5, { }, io.stdout, coroutine.create( function( ) end ) )
  loop:addTask( 1000, print )
  local text = loop:show( ):gsub( T.ADDRESS, 'ADDRESS' )
  equal( text, table.concat( {
    'T.Loop[1000]: ADDRESS TIMER LIST:',       -- the milliseconds until the first task
    '  1  { 1000ms}  function 1000',
    '  2  { 1000ms}  function',
    '  3  { 3500ms}  function 3500 `foo` `bar`',
    '  4  {123457ms}  My.Type nil true 1.5 table ' .. (T.has.typed_files and 'FILE*' or 'userdata') .. ' thread',
    'T.Loop{0} ADDRESS HANDLE LIST:',
  }, '\n' ) )
  loop:addTask( 900, function( ) loop:stop( ) end )
  loop:run( )
  is_true( loop:show( ):find( '\n  1  {  100ms}  function 1000\n', 1, true ) )
end ) end )

test( 'show lists the handles by number, with a line for each direction', function( ) quiet( function( )
  local loop = Loop( )
  local one, two = T.null 'r+', T.null( )
  loop:addHandle( two, 'r', print, 'a string', 'a' )
  loop:addHandle( one, 'w', print, loop )
  loop:addHandle( one, 'r', print )
  local text = loop:show( )
  local a, b = text:match( '\n *(%d+)  %[R%]  function\n *%d+  %[W%]  function T%.Loop\n *(%d+)  %[R%]  function `a string` `a`$' )
  is_true( a and tonumber( a ) < tonumber( b ), text )
  is_true( text:find( 'T.Loop{2} 0x', 1, true ), text )
end ) end )

test( 'a callback can show its loop, and the list does not contain the running task', function( ) quiet( function( )
  local loop, text = Loop{ clock = 'virtual' }, nil
  loop:addTask( 1, function( ) text = loop:show( ) end, 'me' )
  loop:addTask( 2, print, 'you' )
  loop:run( )
  is_true( text:find( '`you`', 1, true ) and not text:find( '`me`', 1, true ), text )
end ) end )

test( 'show works without print', function( )
  print = nil
  local text = Loop( ):show( )
  print = real_print
  equal( type( text ), 'string' )
end )

T.done( )
