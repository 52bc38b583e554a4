-- cqueues: a coroutine for each timer and for each socket. A timer's coroutine sleeps, and cannot be cancelled.
local cqueues   = require 'cqueues'
local socket    = require 'cqueues.socket'
local condition = require 'cqueues.condition'
local queue, is_stopped = cqueues.new( ), false

return {
  add   = function( ms, f )
    queue:wrap( function( )
      cqueues.sleep( ms / 1000 )
      f( )
    end )
  end,
  every = function( ms, f )
    local deadline = cqueues.monotime( )
    queue:wrap( function( )
      while true do
        deadline = deadline + ms / 1000
        cqueues.sleep( deadline - cqueues.monotime( ) )
        f( )
      end
    end )
  end,
  run   = function( )
    while not is_stopped and not queue:empty( ) do assert( queue:step( ) ) end
  end,
  stop  = function( ) is_stopped = true end,
  pairs = function( count, on_byte )
    local ends = { }
    for i = 1, count do
      local a, b = assert( socket.pair( ) )
      for _, sck in ipairs{ a, b } do
        sck:setmode( 'bn', 'bn' )
        queue:wrap( function( )
          while true do
            local byte = sck:read( 1 )
            on_byte( )
            sck:write( byte )
          end
        end )
      end
      ends[ i ] = a
    end
    return function( i ) ends[ i ]:write 'x' end
  end,
  echo  = function( on_end )
    local server = socket.listen( '127.0.0.1', 0 )
    queue:wrap( function( )
      for sck in server:clients( ) do
        sck:setmode( 'bn', 'bn' )
        queue:wrap( function( )
          for message in function( ) return sck:read( -4096 ) end do sck:write( message ) end
          sck:close( )
          on_end( )
        end )
      end
    end )
    local _, _, port = server:localname( )
    return port
  end,
  -- cqueues has neither joining nor channels, so condition variables take their place here. A coroutine cannot be
  -- cancelled.
  tasks = {
    spawn = function( f )
      local task = { done = condition.new( ) }
      queue:wrap( function( )
        task.value, task.is_over = f( ), true
        task.done:signal( )
      end )
      return task
    end,
    sleep = function( ms ) cqueues.sleep( ms / 1000 ) end,
    join  = function( task )
      while not task.is_over do task.done:wait( ) end
      return task.value
    end,
    turn    = function( ) assert( queue:step( 0 ) ) end,
    channel = function( )
      local full, empty, value = condition.new( ), condition.new( ), nil
      return function( v )
        while value ~= nil do empty:wait( ) end
        value = v
        full:signal( )
      end, function( )
        while value == nil do full:wait( ) end
        local v = value
        value = nil
        empty:signal( )
        return v
      end
    end,
  },
}
