-- The module `cogloop` of this project, with the sockets of `t.Net`.
local Socket = require 't.Net.Socket'
local loop   = require 'cogloop'.loop( )

return {
  add    = function( ms, f ) return loop:after( ms, f ) end,
  cancel = function( timer ) timer:cancel( ) end,
  every  = function( ms, f ) loop:every( ms, f ) end,
  run    = function( ) loop:run( ) end,
  trace  = function( file, mib ) return loop:trace( file, mib ) end,
  stop   = function( ) loop:stop( ) end,
  pairs  = function( count, on_byte )
    return require 'sockets'.pairs( count, function( sck )
      loop:on( sck, 'r', function( )
        local byte = sck:recv( )
        on_byte( )
        sck:send( byte )
      end )
    end )
  end,
  echo   = function( on_end )
    local server, address = Socket.listen( '127.0.0.1', 0 )
    loop:on( server, 'r', function( )
      local sck = server:accept( )
      sck.nonblock = true
      local watcher
      watcher = loop:on( sck, 'r', function( )
        local message = sck:recv( )
        if message then
          sck:send( message )
        else
          watcher:off( )
          sck:close( )
          on_end( )
        end
      end )
    end )
    return address.port
  end,
  tasks  = {
    spawn   = function( f ) return loop:spawn( f ) end,
    sleep   = function( ms ) loop:sleep( ms ) end,
    join    = function( task ) return task:join( ) end,
    cancel  = function( task ) task:cancel( ) end,
    turn    = function( ) loop:step( 0 ) end,
    channel = function( )
      local channel = loop:channel( )
      return function( value ) channel:send( value ) end, function( ) return channel:recv( ) end
    end,
  },
}
