-- `t.Loop` of this project, with the sockets of `t.Net`.
local Socket = require 't.Net.Socket'
local loop   = require 't.Loop'( )

return {
  add    = function( ms, f ) return loop:addTask( ms, f ) end,
  cancel = function( task ) loop:cancelTask( task ) end,
  every  = function( ms, f )
    loop:addTask( ms, function( )
      f( )
      return ms
    end )
  end,
  run    = function( ) loop:run( ) end,
  stop   = function( ) loop:stop( ) end,
  pairs  = function( count, on_byte )
    return require 'sockets'.pairs( count, function( sck )
      loop:addHandle( sck, 'read', function( )
        local byte = sck:recv( )
        on_byte( )
        sck:send( byte )
      end )
    end )
  end,
  echo   = function( on_end )
    local server, address = Socket.listen( '127.0.0.1', 0 )
    loop:addHandle( server, 'read', function( )
      local sck = server:accept( )
      sck.nonblock = true
      loop:addHandle( sck, 'read', function( )
        local message = sck:recv( )
        if message then
          sck:send( message )
        else
          loop:removeHandle( sck, 'read' )
          sck:close( )
          on_end( )
        end
      end )
    end )
    return address.port
  end,
}
