-- Tests which values can be handles, and how handles are added and removed.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T    = require 'harness'
local Loop = require 't.Loop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local null = T.null
local function nothing( ) end

test( 'handles can be added, looked up, counted and removed', function( )
  local loop, file = Loop( ), null 'r+'
  local node = loop:addHandle( file, 'r', nothing )
  equal( type( node ), 'userdata' )
  is_true( tostring( node ):match( '^T%.Loop%.Node: ' ) )
  equal( loop[ file ], node )
  equal( #loop, 1 )
  is_true( tostring( loop ):match( '^t%.Loop{1}: ' .. T.ADDRESS .. '$' ) )
  equal( loop:addHandle( file, 'w', nothing ), node )
  equal( #loop, 1 )
  equal( loop:removeHandle( file, 'w' ), node )
  equal( loop[ file ], node )
  equal( loop:removeHandle( file, 'r' ), node )
  equal( loop[ file ], nil )
  equal( #loop, 0 )
end )

test( 'removing a handle that is not observed returns false and a message', function( )
  local loop, file = Loop( ), null 'r+'
  local function refused( dir )
    local ok, message = loop:removeHandle( file, dir )
    equal( ok, false )
    equal( message, 'Descriptor not observed in Loop -> ignoring' )
  end
  refused 'r'
  loop:addHandle( file, 'r', nothing )
  refused 'w'
  is_true( loop:removeHandle( file, 'rw' ) )
  refused 'rw'
end )

test( 'each name and number of a direction is accepted', function( )
  for dir, names in pairs{
    r = { 'READ', 'r', 'rd', 'read', 'inc', 'incoming', 1, 1.0, Loop.READ },
    w = { 'WRITE', 'w', 'wr', 'write', 'out', 'outgoing', 2, Loop.out },
    rw = { 'READWRITE', 'rw', 'rdwr', 'readwrite', 'both', 'either', 3, Loop.either },
  } do
    for _, name in ipairs( names ) do
      local loop, file = Loop( ), null 'r+'
      loop:addHandle( file, name, nothing )
      equal( (loop:removeHandle( file, 'r' )) and true, dir ~= 'w', 'read by ' .. name )
      equal( (loop:removeHandle( file, 'w' )) and true, dir ~= 'r', 'write by ' .. name )
    end
  end
end )

test( 'an error about a wrong direction names the argument (C47)', function( )
  local loop, file = Loop( ), null( )
  for _, bad in ipairs{ 'x', '', 'Read', 'r\0', 0, 4, 1.5, -1, true, { } } do
    for _, name in ipairs{ 'addHandle', 'removeHandle' } do
      fails( "bad argument #2 to '" .. name .. "' (dir:", function( )
        if name == 'addHandle' then loop:addHandle( file, bad, nothing ) else loop:removeHandle( file, bad ) end
      end )
    end
  end
  equal( #loop, 0 )
end )

test( 'an error about a wrong handle names the argument (C47)', function( )
  local loop, closed = Loop( ), null( )
  closed:close( )
  for _, bad in ipairs{ closed, { }, 'stdin', -1, 1.5, 2^31, 2^40, 0/0, true, print, loop, coroutine.create( nothing ) } do
    fails( "bad argument #1 to 'addHandle' (handle: ", function( ) loop:addHandle( bad, 'r', nothing ) end )
    fails( "bad argument #1 to 'removeHandle' (handle: ", function( ) loop:removeHandle( bad, 'r' ) end )
    equal( loop[ bad ], nil )
  end
  fails( 'it is closed', function( ) loop:addHandle( closed, 'r', nothing ) end )
  fails( 'got no value', function( ) loop:addHandle( ) end )
  fails( 'got nil', function( ) loop:addHandle( nil, 'r', nothing ) end )
  fails( "bad argument #3 to 'addHandle' (f:", function( ) loop:addHandle( null( ), 'r' ) end )
  equal( #loop, 0 )
end )

test( 'a number that is no open descriptor raises an error, and nothing is added (C47, C51)', function( )
  local loop = Loop( )
  fails( "bad argument #1 to 'addHandle' (handle: descriptor 999", function( ) loop:addHandle( 999, 'r', nothing ) end )
  equal( #loop, 0 )
  equal( loop[ 999 ], nil )
  loop:run( )
end )

test( 'a number that is too high for the backend select raises an error (C50)', function( )
  T.requires 'the backends of Linux'
  local loop = Loop{ backend = 'select' }
  fails( "bad argument #1 to 'addHandle' (handle: descriptor 70000", function( ) loop:addHandle( 70000, 'r', nothing ) end )
  equal( #loop, 0 )
  loop:run( )
end )

test( 'descriptor 0 is a handle like any other, as a number and as io.stdin', function( )
  T.requires 'Lua files as handles'
  local loop = Loop( )
  local node = loop:addHandle( 0, 'r', nothing )
  equal( loop[ 0 ], node )
  equal( loop[ io.stdin ], node )
  equal( loop:addHandle( io.stdin, 'r', nothing ), node )
  equal( #loop, 1 )
  equal( loop:removeHandle( 0, 'r' ), node )
  equal( loop[ io.stdin ], nil )
end )

test( 'an object with a method getfd, fileno or pollfd, or a field pollfd, is a handle', function( )
  for _, name in ipairs{ 'getfd', 'fileno', 'pollfd' } do
    local loop, reader, writer = Loop( ), T.fifo( )
    local number = loop:addHandle( reader, 'r', nothing ) and tonumber( loop:show( ):match( '\n *(%d+)  %[R%]' ) )
    loop:clean( )
    local object = { [ name ] = function( self ) is_true( self ) return number + 0.0 end }
    local served = 0
    writer:write( 'x\n' )
    loop:addHandle( object, 'r', function( ) served = served + 1 loop:removeHandle( object, 'r' ) end )
    is_true( loop[ object ] )
    loop:run( )
    equal( served, 1, name )
    if name == 'pollfd' then
      local field = { pollfd = number }
      loop:addHandle( field, 'r', function( ) served = served + 1 loop:removeHandle( field, 'r' ) end )
      loop:run( )
      equal( served, 2 )
    end
    reader:close( )
  end
end )

test( 'an object whose method returns -1, nil or false counts as closed', function( )
  local loop = Loop( )
  for _, said in ipairs{ -1, false, 'closed' } do
    fails( 'handle: it is closed', function( )
      loop:addHandle( { getfd = function( ) return said end }, 'r', nothing )
    end )
  end
  fails( 'handle: it is closed', function( ) loop:addHandle( { getfd = nothing }, 'r', nothing ) end )
  fails( 'my own trouble', function( ) loop:addHandle( { getfd = function( ) error 'my own trouble' end }, 'r', nothing ) end )
  equal( #loop, 0 )
end )

test( 'a regular file, a directory, /dev/null and /dev/zero are always ready (C46)', function( )
  T.requires 'Lua files as handles'
  for _, name in ipairs{ arg[ 0 ], '/', '/dev/null', '/dev/zero' } do
    local loop, file, served = Loop( ), assert( io.open( name, 'r' ) ), 0
    loop:addHandle( file, 'r', function( )
      served = served + 1
      if served == 5 then loop:removeHandle( file, 'r' ) end
    end )
    loop:run( )
    equal( served, 5, name )
  end
end )

test( 'a regular file is also ready for writing, and at its end (C46)', function( )
  T.requires 'Lua files as handles'
  local loop, file, served = Loop( ), io.tmpfile( ), { r = 0, w = 0 }
  for _, dir in ipairs{ 'r', 'w' } do
    loop:addHandle( file, dir, function( )
      served[ dir ] = served[ dir ] + 1
      if served[ dir ] == 3 then loop:removeHandle( file, dir ) end
    end )
  end
  loop:run( )
  equal( served.r, 3 )
  equal( served.w, 3 )
end )

test( 'a second addHandle for a direction replaces the function and its arguments (C45)', function( )
  local loop, file, got = Loop( ), null( ), { }
  local node = loop:addHandle( file, 'r', function( ) got[ #got + 1 ] = 'old' end, 1, 2, 3 )
  equal( loop:addHandle( file, 'r', function( ... )
    got = { select( '#', ... ), ... }
    loop:removeHandle( file, 'r' )
  end, 'new', nil ), node )
  loop:run( )
  equal( #loop, 0 )
  equal( got[ 1 ], 2 )
  equal( got[ 2 ], 'new' )
end )

test( 'a callback may replace its own function', function( )
  local loop, file, ran = Loop( ), null( ), { }
  loop:addHandle( file, 'r', function( )
    ran[ #ran + 1 ] = 'first'
    loop:addHandle( file, 'r', function( ) ran[ #ran + 1 ] = 'second' loop:removeHandle( file, 'r' ) end )
  end )
  loop:run( )
  same_list( ran, { 'first', 'second' } )
end )

test( 'one function can serve both directions', function( )
  local loop, file, served = Loop( ), null 'r+', 0
  loop:addHandle( file, 'rw', function( ) served = served + 1 if served == 4 then loop:removeHandle( file, 'both' ) end end )
  loop:run( )
  equal( served, 4 )
  equal( #loop, 0 )
end )

test( 'on a system where a Lua file cannot be a handle, the message says what can', function( )
  if T.supports 'Lua files as handles' then return end
  local loop = Loop( )
  fails( "bad argument #1 to 'addHandle' (handle: this system cannot wait for a Lua file; a socket of t.Net works", function( )
    loop:addHandle( io.stdin, 'r', nothing )
  end )
  equal( #loop, 0 )
end )

T.done( )
