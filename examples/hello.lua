-- The event loop in one page: a one-shot, an interval, a cancelled task, and a child process whose output arrives while
-- the timers tick.
--
--    cargo run --release -- examples/hello.lua          needs only cargo and a C compiler
--    lua5.4 examples/hello.lua                          with the module, see `cargo xtask lua 5.4 --env`

local Loop = require 't.Loop'

local loop  = Loop( )
local start = Loop.time( )

-- Prints a line of the timeline. The last column shows that nothing happens before its deadline.
local function show( deadline, what )
  local now = Loop.time( ) - start
  local verdict = ''
  if deadline then
    verdict = now >= deadline and ('%d ms late'):format( now - deadline ) or 'EARLY!'
  end
  print( ('%8d  %8s  %-10s  %s'):format( now, deadline or '-', verdict, what ) )
end

print( '   at ms  deadline  verdict     what' )
show( nil, ('%s waits with %s'):format( _VERSION, (loop:backend( )) ) )

-- A one-shot task: a delay in milliseconds, a function, and its arguments.
loop:addTask( 250, show, 250, 'one-shot, with its arguments' )

-- An interval: a task that returns a number runs again that many milliseconds after its deadline. So a slow callback
-- causes no drift.
local count = 0
loop:addTask( 100, function( )
  count = count + 1
  show( count * 100, ('interval, tick %d of 8'):format( count ) )
  return count < 8 and 100
end )

-- A task that never runs, because another task cancels it in time.
local never = loop:addTask( 450, show, 450, 'this line must not appear' )
loop:addTask( 350, function( )
  show( 350, 'cancelled the task of 450: ' .. tostring( loop:cancelTask( never ) ) )
end )

-- A handle: its function is called whenever the child has written something or has ended. On Windows only sockets can
-- be handles, so this part is left out there.
if package.config:sub( 1, 1 ) == '/' then
  local child = io.popen( 'sleep 0.15; echo hello from a child; sleep 0.4; echo and goodbye' )
  loop:addHandle( child, 'read', function( )
    local line = child:read( )
    if line then
      show( nil, 'child says: ' .. line )
    else
      show( nil, 'child has ended' )
      loop:removeHandle( child, 'read' )
      child:close( )
    end
  end )
end

loop:run( )                              -- until neither a task nor a handle is left
show( nil, 'nothing left to do' )
