-- libuv: a handle for each timer, a stream for each socket.
local uv = require 'luv'

local function start( ms, again, f )
  local timer = uv.new_timer( )
  timer:start( ms, again, f )
  return timer
end

return {
  add = function( ms, f )
    local timer
    timer = start( ms, 0, function( )
      f( )
      timer:close( )
    end )
    return timer
  end,
  cancel = function( timer ) timer:close( ) end,
  settle = function( ) uv.run 'nowait' end,
  every  = function( ms, f ) start( ms, ms, f ) end,
  run    = function( ) uv.run( ) end,
  stop   = function( ) uv.stop( ) end,
  pairs  = function( count, on_byte )
    local ends = { }
    for i = 1, count do
      local fds = assert( uv.socketpair( 'stream', 0, { nonblock = true }, { nonblock = true } ) )
      for side = 1, 2 do
        local pipe = uv.new_pipe( false )
        assert( pipe:open( fds[ side ] ) )
        pipe:read_start( function( _, byte )
          on_byte( )
          pipe:try_write( byte )
        end )
        if side == 1 then ends[ i ] = pipe end
      end
    end
    return function( i ) ends[ i ]:try_write 'x' end
  end,
  echo   = function( on_end )
    local server = uv.new_tcp( )
    assert( server:bind( '127.0.0.1', 0 ) )
    assert( server:listen( 128, function( )
      local sck = uv.new_tcp( )
      server:accept( sck )
      sck:read_start( function( _, message )
        if message then
          sck:try_write( message )
        else
          sck:close( )
          on_end( )
        end
      end )
    end ) )
    return server:getsockname( ).port
  end,
}
