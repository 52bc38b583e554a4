-- libuv: a handle for each timer, a stream for each socket.
local uv = require 'luv'

local function start( ms, again, f )
  local timer = uv.new_timer( )
  timer:start( ms, again, f )
  return timer
end

local create, running, resume, yield = coroutine.create, coroutine.running, coroutine.resume, coroutine.yield

-- Makes a coroutine sleep. Cancelling resumes the coroutine with an error, so that it can clean up.
local CANCEL, asleep = { }, { }

local function go( co, ... ) assert( resume( co, ... ) ) end

local function sleep( ms )
  local co = running( )
  local timer
  timer = start( ms, 0, function( )
    timer:close( )
    asleep[ co ] = nil
    go( co )
  end )
  asleep[ co ] = timer
  if yield( ) == CANCEL then error( CANCEL, 0 ) end
end

return {
  -- There is no function `channel`: coroutines that resume each other directly would not use the
  -- loop at all.
  tasks = {
    spawn = function( f )
      local task = { }
      task.co = create( function( )
        -- A task that joins this task gets the error of `f` as well.
        task.ok, task.value = pcall( f )
        task.is_over = true
        if task.waiter then go( task.waiter ) end
      end )
      go( task.co )
      return task
    end,
    sleep = sleep,
    join  = function( task )
      if not task.is_over then
        task.waiter = running( )
        yield( )
      end
      return task.value
    end,
    cancel = function( task )
      local timer = asleep[ task.co ]
      asleep[ task.co ] = nil
      timer:close( )
      go( task.co, CANCEL )
    end,
    turn = function( ) uv.run 'nowait' end,
  },
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
