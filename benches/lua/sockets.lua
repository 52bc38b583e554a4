-- Pairs of connected Unix sockets of `t.Net`. They are non-blocking, as are the sockets of the other contenders.
local Socket = require 't.Net.Socket'

return {
  -- Passes each end to `observe`. Returns a function that sends a byte from one end of a pair.
  pairs = function( count, observe )
    local path = os.tmpname( )
    os.remove( path )
    local server, ends = assert( Socket.listen( path ) ), { }
    for i = 1, count do
      local a = assert( Socket.connect( path ) )
      local b = assert( server:accept( ) )
      a.nonblock, b.nonblock = true, true
      ends[ i ] = { a, b }
      observe( ends[ i ][ 1 ] )
      observe( ends[ i ][ 2 ] )
    end
    server:close( )
    os.remove( path )
    return function( i ) ends[ i ][ 1 ]:send( 'x' ) end
  end,
}
