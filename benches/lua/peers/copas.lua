-- copas, on top of LuaSocket: a coroutine for each socket. Debian's version has no timers, so its coroutines cannot
-- sleep. In later versions coroutines can sleep.
local copas  = require 'copas'
local socket = require 'socket'

return {
  tasks = copas.sleep and {
    spawn  = function( f ) return copas.addthread( f ) end,
    sleep  = function( ms ) copas.sleep( ms / 1000 ) end,
    cancel = copas.removethread,
    turn   = function( ) copas.step( 0 ) end,
  },
  run  = function( ) copas.loop( ) end,
  echo = function( on_end )
    local server = assert( socket.bind( '127.0.0.1', 0, 128 ) )
    copas.addserver( server, function( sck )
      while true do
        local message = copas.receive( sck, 64 )
        if not message then break end
        copas.send( sck, message )
      end
      on_end( )
    end )
    local _, port = server:getsockname( )
    return port
  end,
}
