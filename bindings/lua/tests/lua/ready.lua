-- Tests when handles are served: pipes, children, buffers, and callbacks that change other handles.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T    = require 'harness'
local Loop = require 't.Loop'
local test, equal, is_true, same_list, fails = T.test, T.equal, T.is_true, T.same_list, T.fails

local null = T.null

test( 'a pipe is served while it has input, level-triggered (C48)', function( )
  local loop, reader, writer = Loop( ), T.fifo( )
  reader:setvbuf( 'no' )
  local got = { }
  loop:addHandle( reader, 'r', function( f )
    got[ #got + 1 ] = f:read( 1 )
    if #got == 3 then loop:addTask( 5, function( ) equal( #got, 3 ) writer:write 'def' end ) end
    if #got == 6 then loop:removeHandle( f, 'r' ) end
  end, reader )
  loop:addTask( 5, function( ) equal( #got, 0 ) writer:write 'abc' end )
  loop:run( )
  equal( table.concat( got ), 'abcdef' )
end )

test( 'a Lua file with buffered input is ready at once', function( )
  local loop, reader, writer = Loop( ), T.fifo( )
  local got = { }
  for i = 1, 100 do writer:write( i, '\n' ) end
  loop:addHandle( reader, 'r', function( )
    got[ #got + 1 ] = reader:read( '*n' )      -- the first call reads all the lines into the buffer
    if #got == 100 then loop:removeHandle( reader, 'r' ) end
  end )
  loop:run( )
  equal( #got, 100 )
  equal( got[ 100 ], 100 )
end )

test( 'an object whose method dirty returns true is ready at once', function( )
  local loop, reader = Loop( ), T.fifo( )
  loop:addHandle( reader, 'r', print )
  local number = tonumber( loop:show( ):match( '\n *(%d+)  %[R%]' ) )
  loop:clean( )
  local left, served = 3, 0
  local object = { getfd = function( ) return number end, dirty = function( ) return left > 0 end }
  loop:addHandle( object, 'r', function( )
    left, served = left - 1, served + 1
    if left == 0 then loop:removeHandle( object, 'r' ) end
  end )
  loop:run( )
  equal( served, 3 )
  is_true( reader )
end )

test( 'the lines of a child and its end are reported while a timer fires (C43)', function( )
  T.requires 'children'
  local loop, got, ticks = Loop( ), { }, 0
  local name = os.tmpname( )
  os.remove( name )
  assert( os.execute( 'mkfifo ' .. name ) )
  local word  = assert( io.open( name, 'r+' ) )
  local child = io.popen( ('printf "one\\ntwo\\n"; read word < %s; rm %s; echo three'):format( name, name ) )
  loop:addHandle( child, 'r', function( )
    local line = child:read( )
    got[ #got + 1 ] = line or 'end'
    if not line then loop:removeHandle( child, 'r' ) end
  end )
  loop:addTask( 5, function( )
    ticks = ticks + 1
    if ticks < 5 then return 5 end
    -- The child waits for this line.
    word:write 'go on\n'
    word:flush( )
  end )
  loop:run( )
  same_list( got, { 'one', 'two', 'three', 'end' } )
  equal( ticks, 5 )
  is_true( child:close( ) )
  word:close( )
end )

test( 'a hang-up wakes the observed direction (C42)', function( )
  T.requires 'children'
  local loop, woken = Loop( ), { }
  local source = io.popen( 'exit 0', 'r' )
  local sink = io.popen( 'exec <&-; sleep 0.02', 'w' )
  loop:addHandle( source, 'r', function( ) woken.r = true equal( source:read( ), nil ) loop:removeHandle( source, 'r' ) end )
  -- A pipe without a reader has an error on its descriptor, which is reported as writable.
  loop:addTask( 10, function( )
    loop:addHandle( sink, 'w', function( ) woken.w = true loop:removeHandle( sink, 'w' ) end )
  end )
  loop:run( )
  is_true( woken.r and woken.w )
end )

test( 'if both directions are ready in one turn, read is served before write (C44)', function( )
  local loop, file, order = Loop( ), null 'r+', { }
  loop:addHandle( file, 'w', function( ) order[ #order + 1 ] = 'w' if #order == 6 then loop:clean( ) end end )
  loop:addHandle( file, 'r', function( ) order[ #order + 1 ] = 'r' end )
  loop:run( )
  equal( table.concat( order ), 'rwrwrw' )
end )

test( 'a read callback may remove write, which is then not called, or itself, and write is still called (C44)', function( )
  local loop, file, order = Loop( ), null 'r+', { }
  loop:addHandle( file, 'r', function( )
    order[ #order + 1 ] = 'r'
    if #order == 1 then loop:removeHandle( file, 'w' ) else loop:removeHandle( file, 'r' ) end
  end )
  loop:addHandle( file, 'w', function( ) order[ #order + 1 ] = 'w' end )
  loop:run( )
  equal( table.concat( order ), 'rr' )

  order = { }
  loop:addHandle( file, 'r', function( ) order[ #order + 1 ] = 'r' loop:removeHandle( file, 'r' ) end )
  loop:addHandle( file, 'w', function( )
    order[ #order + 1 ] = 'w'
    if #order == 3 then loop:removeHandle( file, 'w' ) end
  end )
  loop:run( )
  equal( table.concat( order ), 'rww' )
end )

test( 'handles that a callback removes are not called in the same turn (C37)', function( )
  local loop, files, calls = Loop( ), { }, 0
  for i = 1, 5 do
    files[ i ] = null( )
    loop:addHandle( files[ i ], 'r', function( )
      calls = calls + 1
      if #loop == 5 then
        for j = 1, 5 do
          if j ~= i then is_true( loop:removeHandle( files[ j ], 'r' ) ) end
        end
      else
        loop:removeHandle( files[ i ], 'r' )
      end
    end )
  end
  loop:run( )
  equal( calls, 2 )
end )

test( 'files that a callback closes are not called in the same turn, and the run can end (C37, C41)', function( )
  local loop, files, served = Loop( ), { }, 0
  for i = 1, 5 do
    files[ i ] = null 'r+'
    loop:addHandle( files[ i ], 'rw', function( )
      served = served + 1
      for j = 1, 5 do files[ j ]:close( ) end
    end )
  end
  loop:run( )
  equal( served, 1 )
  equal( #loop, 0 )
end )

test( 'a pipe that is closed without being removed is not called, and the run ends (C41)', function( )
  local loop, reader, writer = Loop( ), T.fifo( )
  local served = 0
  writer:write 'unread\n'
  loop:addHandle( reader, 'r', function( ) served = served + 1 reader:close( ) end )
  loop:run( )
  equal( served, 1 )
  equal( #loop, 0 )
end )

test( 'the other side sees the end of a file that is closed without being removed (C40, C41)', function( )
  T.requires 'children'
  local loop = Loop( )
  local sink = io.popen( 'cat >/dev/null', 'w' )
  loop:addHandle( sink, 'w', function( ) sink:write 'x' is_true( sink:close( ) ) end )
  loop:run( )      -- close waits for the child, which waits for its end of file
  equal( #loop, 0 )
end )

test( 'an object that is closed without being removed is dropped (C41)', function( )
  local loop, reader, writer = Loop( ), T.fifo( )
  loop:addHandle( reader, 'r', print )
  local number = tonumber( loop:show( ):match( '\n *(%d+)  %[R%]' ) )
  loop:clean( )
  local object, served = { number = number }, 0
  function object:getfd( ) return self.number end
  writer:write 'x\n'
  loop:addHandle( object, 'r', function( ) served = served + 1 reader:close( ) object.number = -1 end )
  loop:run( )
  equal( served, 1 )
  equal( #loop, 0 )
end )

test( 'an object that is dropped does not hide the buffered input of another object', function( )
  local loop, got = Loop{ clock = 'virtual' }, { }
  local function number_of( file )
    loop:addHandle( file, 'r', print )
    local number = tonumber( loop:show( ):match( '\n *(%d+)  %[R%]' ) )
    loop:clean( )
    return number
  end
  local first, second = T.fifo( ), T.fifo( )
  local gone, full = { number = number_of( first ) }, { number = number_of( second ) }
  function gone:getfd( ) return self.number end
  function full:getfd( ) return self.number end
  function full.dirty( ) return true end
  loop:addHandle( gone, 'r', print )
  loop:addHandle( full, 'r', function( )
    got[ #got + 1 ] = 'input'
    loop:removeHandle( full, 'r' )
  end )
  loop:addTask( 10, function( ) got[ #got + 1 ] = 'task' end )
  gone.number = -1
  loop:run( )
  same_list( got, { 'input', 'task' } )
  is_true( first and second )
end )

test( 'a new file that gets a closed number in the same turn gets no old event (C38)', function( )
  T.collect( )     -- closes garbage files now, so that their numbers are not freed later
  local loop, served = Loop( ), { }
  local one, two = null( ), null( )
  local fresh
  local function swap( mine, other )
    served[ #served + 1 ] = 'old'
    loop:removeHandle( mine, 'r' )
    other:close( )
    fresh = T.fifo( )       -- gets the number of the closed file, and is never ready
    loop:addHandle( fresh, 'r', function( ) served[ #served + 1 ] = 'stale' end )
    loop:addTask( 10, function( ) loop:clean( ) end )     -- armed only now, so that it is not due before the first turn
  end
  loop:addHandle( one, 'r', swap, one, two )
  loop:addHandle( two, 'r', swap, two, one )
  loop:run( )
  same_list( served, { 'old' } )
end )

test( 'a file that gets the number of a closed file replaces its node', function( )
  T.collect( )     -- closes garbage files now, so that their numbers are not freed later
  local loop, served = Loop( ), 0
  local old = null( )
  local node = loop:addHandle( old, 'r', function( ) error 'the old one' end )
  old:close( )
  local new = null( )
  equal( loop[ new ], nil )
  local ok, message = loop:removeHandle( new, 'r' )
  equal( ok, false )
  equal( message, 'Descriptor not observed in Loop -> ignoring' )
  is_true( loop:addHandle( new, 'r', function( ) served = served + 1 loop:removeHandle( new, 'r' ) end ) ~= node )
  equal( #loop, 1 )
  loop:run( )
  equal( served, 1 )
end )

test( 'a number that was closed and opened again can be added again (C38, C41)', function( )
  T.collect( )     -- closes garbage files now, so that their numbers are not freed later
  local loop, served = Loop( ), 0
  local old, old_writer = T.fifo( )
  loop:addHandle( old, 'r', print )
  local number = tonumber( loop:show( ):match( '\n *(%d+)  %[R%]' ) )
  loop:clean( )
  loop:addHandle( number, 'r', function( ) error 'the old one' end )
  old:close( )
  local new, writer = T.fifo( )
  writer:write 'x\n'
  equal( type( loop:addHandle( number, 'r', function( ) served = served + 1 loop:removeHandle( number, 'r' ) end ) ), 'userdata' )
  loop:run( )
  equal( served, 1 )
  is_true( new and old_writer )
end )

test( 'callbacks of tasks and handles may add and remove handles', function( )
  local loop, file, ran = Loop( ), null( ), { }
  loop:addTask( 1, function( )
    loop:addHandle( file, 'r', function( )
      ran[ #ran + 1 ] = 'handle'
      loop:removeHandle( file, 'r' )
      loop:addTask( 1, function( ) ran[ #ran + 1 ] = 'task' end )
    end )
  end )
  loop:run( )
  same_list( ran, { 'handle', 'task' } )
end )

test( 'as many ready handles as the process may have are all served fairly (C49)', function( )
  -- With a virtual clock, the load of the machine does not change how many callbacks a turn serves.
  local loop, reader, writer = Loop{ clock = 'virtual' }, T.fifo( )
  local name = os.tmpname( )
  os.remove( name )
  assert( os.execute( 'mkfifo ' .. name ) )
  local files, counts, turns = { }, { }, 0
  writer:write 'x'
  local first = assert( io.open( name, 'r+' ) )
  first:setvbuf 'no'
  first:write 'x'
  while #files < 10000 do
    local file = io.open( name, 'r+' )
    if not file then break end
    local place = #files + 1
    local ok, message = pcall( loop.addHandle, loop, file, 'r', function( ) counts[ place ] = counts[ place ] + 1 end )
    if not ok then
      is_true( message:find( 'handle: descriptor', 1, true ), message )
      file:close( )
      break
    end
    files[ place ], counts[ place ] = file, 0
  end
  os.remove( name )
  is_true( #files >= 100, #files .. ' files' )
  local function turn( )
    turns = turns + 1
    if turns == 60 then loop:stop( ) return end
    loop:addTask( 0, turn )
  end
  loop:addTask( 0, turn )
  loop:run( )
  local least, most = math.huge, 0
  for _, count in ipairs( counts ) do least, most = math.min( least, count ), math.max( most, count ) end
  is_true( least >= 1, 'least ' .. least )
  is_true( most - least <= 2, ('fair: %d to %d'):format( least, most ) )
  for _, file in ipairs( files ) do file:close( ) end
  equal( #loop, #files )
  loop:run( )
  equal( #loop, 0 )
  is_true( reader and first )
end )

T.done( )
