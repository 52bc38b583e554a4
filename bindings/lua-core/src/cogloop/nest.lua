-- Coroutines that a task makes itself, and in which it may wait. Such a coroutine yields its wait to the coroutine that
-- has resumed it. The outermost coroutine, which is that of the task, yields the wait to the loop.
local module, methods, inner = ...
local resume_inside, relay, is_wait  = inner.resume_inside, inner.relay, inner.is_wait
local create, resume, status, yield = coroutine.create, coroutine.resume, coroutine.status, coroutine.yield
local current = coroutine.running
local error, pcall, setmetatable = error, pcall, setmetatable
local default, check_f, check_f_of_module = inner.of_module.default, inner.of_loop.f, inner.of_module.f

-- By a coroutine that waits: the coroutine in which the wait is passed on. Both are weak, because Lua 5.1 keeps a key to
-- which its value refers.
local passes = setmetatable( { }, { __mode = 'kv' } )

-- Passes on the waits of `co`. Gets what `resume` has returned, and returns what it returns when `co` does not wait.
local step
local function passed_on( loop, co, ok, ... )
  if ok and status( co ) == 'suspended' and is_wait( ... ) then
    passes[ co ] = current( )
    return step( loop, co, relay( ... ) )
  end
  return ok, ...
end

-- Resumes `co`, and passes its waits on. Returns what `resume` returns.
function step( loop, co, ... )
  passes[ co ] = nil
  return passed_on( loop, co, resume_inside( loop, resume, co, ... ) )
end

local function returned( ok, ... )
  if not ok then error( ..., 0 ) end
  return ...
end

local IN_USE = 'another task waits in this coroutine of wrap: only one task at a time can resume it'

-- Like `coroutine.wrap`. While a task waits in `co`, Lua sees `co` as suspended. So without a check a second task could
-- resume it: the wait would end early, and the first task would later resume `co` in the wrong place.
function methods.wrap( loop, f )
  check_f( loop, f )
  local co = create( function( ... ) return f( ... ) end )
  return function( ... )
    local waiting = passes[ co ]
    if waiting and status( waiting ) == 'suspended' then error( IN_USE, 2 ) end
    return returned( step( loop, co, ... ) )
  end
end

-- Like `pcall`. In versions of Lua in which `pcall` cannot yield, the function runs in a coroutine of its own.
local probe = create( function( ) return pcall( yield ) end )
resume( probe )
if status( probe ) == 'suspended' then
  function methods.pcall( loop, f, ... )
    check_f( loop, f )
    return pcall( f, ... )
  end
else
  local function go_on( loop, co, ok, ... )
    if ok and status( co ) == 'suspended' then return go_on( loop, co, step( loop, co, yield( ... ) ) ) end
    return ok, ...
  end
  function methods.pcall( loop, f, ... )
    check_f( loop, f )
    local co = create( function( ... ) return f( ... ) end )
    return go_on( loop, co, step( loop, co, ... ) )
  end
end

function module.wrap( f )
  check_f_of_module( f )
  return methods.wrap( default( ), f )
end

function module.pcall( f, ... )
  check_f_of_module( f )
  return methods.pcall( default( ), f, ... )
end
