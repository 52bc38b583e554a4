-- The world of the model: sockets that are tables. A stream socket is ready for reading if there are bytes for it or
-- its peer is closed. It is ready for writing if its peer has room or is closed.

return function( )
  local world = { loops = { } }

  function world.descriptor( handle )
    if type( handle ) ~= 'table' then return nil end
    local socket = handle.socket or handle
    return not socket.closed and socket or nil
  end

  function world.ready( socket, direction )
    if socket.signal then return direction == 'r' and socket.has_come end
    if socket.closed then return false end
    if socket.peer.closed then return true end
    if direction == 'r' then return socket.bytes > 0 end
    return not socket.peer.full
  end

  function world.pair( )
    local one, two = { bytes = 0 }, { bytes = 0 }
    one.peer, two.peer = two, one
    return one, two
  end

  -- A program may use a socket's number, or an object that knows the number, in place of the socket. In this world the
  -- number and the object are tables, too.
  function world.number( socket )
    if socket.closed then return nil end
    socket.number = socket.number or { socket = socket }
    return socket.number
  end

  function world.have_one_number( one, other ) return one.fd == other.fd end

  function world.object( socket ) return { socket = socket, is_object = true } end
  function world.is_object( handle ) return handle.is_object end
  function world.is_socket( handle ) return handle.socket == nil end

  function world.send( socket )
    if not socket.closed and not socket.peer.closed and not socket.peer.full then socket.peer.bytes = socket.peer.bytes + 1 end
  end

  function world.fill( socket )
    if not socket.closed and not socket.peer.closed then socket.peer.bytes, socket.peer.full = 1e6, true end
  end

  function world.drain( socket )
    if not socket.closed then socket.bytes, socket.full = 0, false end
  end

  function world.close( socket )
    if socket.closed then return end
    world.closing( socket )
    socket.closed = true
  end

  -- The object that a watcher of a signal observes.
  function world.source( name ) return { signal = name, has_come = false, fd = world.source_number } end

  -- ## Choices that the specification leaves to the module
  -- `world.marks` has the callbacks that the module has called, in order, each with its turn and its handle.
  local function next_mark( ) return world.marks[ #world.S.marks + 1 ] or { } end

  -- So far the model has made the same calls as the module. Returns whether the module's next call was for this entry,
  -- in the same turn.
  function world.was_next( entry )
    local last, next = world.marks[ #world.S.marks ], next_mark( )
    return world.socket( next.h ) == entry.descriptor and last and next.turn == last.turn
  end

  -- Returns whether the module's next call was for a handle, in the same turn.
  function world.goes_on( )
    local last, next = world.marks[ #world.S.marks ], next_mark( )
    return next.h ~= nil and last ~= nil and next.turn == last.turn
  end

  -- Returns the index of the candidate that the model serves next. This is the candidate that the module has served
  -- next, or else the first candidate whose turn is specified. The model serves a candidate whose turn is not specified
  -- only if the module has served it.
  function world.next( candidates )
    local socket, must = world.socket( next_mark( ).h ), nil
    for i, item in ipairs( candidates ) do
      local is_open = item.entry.changes ~= item.changes
      if is_open and world.was_next( item.entry ) or not is_open and item.entry.descriptor == socket then return i end
      must = must or not is_open and i
    end
    return must
  end

  function world.served( ) end

  function world.count( loop ) return loop:count( ) end
  function world.node( loop, handle ) return loop:node( handle ) end
  return world
end
