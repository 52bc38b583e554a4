-- The world of the module: real sockets and pipes.

return function( )
  local cogloop, Socket = require 'cogloop', require 't.Net.Socket'
  local world = { is_real = true }
  local server, adr
  -- Another process that runs these programs may have taken a name.
  for nth = 1, 100 do
    adr = ('@cogloop-faces-%s-%d-%d'):format( tostring( { } ):match '0x(%x+)' or '', os.time( ), nth )
    server = Socket.listen( adr )
    if server then break end
  end
  assert( server, adr )

  -- `world.recording` is nil, or the loop's option for recording: `record` or `replay`, and a file.
  function world.loop( options )
    local all = { clock = 'virtual' }
    if world.recording then all[ world.recording.how ] = world.recording.file end
    for key, value in pairs( options ) do all[ key ] = value end
    return cogloop.loop( all )
  end

  world.cancelled = cogloop.cancelled

  function world.t_loop( ) return require 't.Loop'{ clock = 'virtual' } end
  function world.service( ) return require 'luamockit'.service{ clock = 'virtual' } end
  function world.count( loop ) return #loop end
  function world.node( loop, handle ) return loop[ handle ] end

  -- Two connected stream sockets, and the other names of a socket: its number, and an object.
  function world.pair( )
    local one = assert( Socket.connect( adr ) )
    local two = assert( server:accept( ) )
    one.nonblock, two.nonblock = true, true
    return one, two
  end

  function world.number( socket ) return socket.descriptor end
  function world.object( socket ) return { getfd = function( ) return socket:getfd( ) end } end

  function world.send( socket ) return socket:send 'x' end
  function world.close( socket ) return socket:close( ) end
  function world.fill( socket ) repeat until not socket:send( ('x'):rep( 65536 ) ) end

  function world.drain( socket )
    repeat local message = socket:recv( ) until not message
  end

  -- Sends a signal to this process, which is the parent of the shell. USR1 and USR2 would end the process when no
  -- program watches them, so a loop that never runs watches both.
  function world.raise( signal ) os.execute( 'kill -' .. signal .. ' $PPID' ) end

  world.keeper = cogloop.loop( )
  for _, signal in ipairs{ 'USR1', 'USR2' } do assert( world.keeper:signal( signal, function( ) end ) ) end

  return world
end
