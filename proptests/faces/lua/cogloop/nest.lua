-- Coroutines that a task makes, and in which the task may wait.

return function( M )
  local Loop = M.Loop

  -- ## Waiting in a nested coroutine
  -- A wait yields through all nested coroutines to the loop. When the wait ends, the coroutines are resumed in the
  -- opposite order. A wait yields the value `M`, so it differs from a yield of the script.
  local step

  local function left( loop, co, me, was_inside, ok, ... )
    if was_inside then loop.inside = me end
    if ok and coroutine.status( co ) == 'suspended' and (...) == M then return step( loop, co, coroutine.yield( M ) ) end
    return ok, ...
  end

  function step( loop, co, ... )
    M.open( loop )
    local me = coroutine.running( )
    local was_inside = loop.current ~= nil and loop.inside == me
    if was_inside then loop.inside = co end
    return left( loop, co, me, was_inside, coroutine.resume( co, ... ) )
  end

  local function returned( ok, ... )
    if not ok then error( ..., 0 ) end
    return ...
  end

  -- ## wrap
  -- Like `coroutine.wrap`: yields of `f` itself go to the caller. The returned function belongs to the loop, and raises
  -- after the loop is closed.
  function Loop.wrap( loop, f )
    M.open( loop )
    local co = coroutine.create( f )
    return function( ... ) return returned( step( loop, co, ... ) ) end
  end

  -- ## pcall
  -- Like Lua's `pcall`. On Lua 5.1 a function cannot yield through `pcall`. There the function runs in a coroutine of
  -- its own, and both its waits and its yields are passed on.
  local probe = coroutine.create( function( ) return pcall( coroutine.yield ) end )
  coroutine.resume( probe )
  local can_yield = coroutine.status( probe ) == 'suspended'

  local function go_on( loop, co, ok, ... )
    if ok and coroutine.status( co ) == 'suspended' then return go_on( loop, co, step( loop, co, coroutine.yield( ... ) ) ) end
    return ok, ...
  end

  function Loop.pcall( loop, f, ... )
    M.open( loop )
    if can_yield then return pcall( f, ... ) end
    local co = coroutine.create( f )
    return go_on( loop, co, step( loop, co, ... ) )
  end
end
