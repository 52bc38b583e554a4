-- Coroutines that a task makes, in which it may wait.

return function( M )
  local Loop = M.Loop

  -- ## A wait in one
  -- It goes through all coroutines below, down to the loop, and what ends it comes back the same way.
  local step

  local function left( loop, co, me, was_inside, ok, ... )
    if was_inside then loop.inside = me end
    if ok and coroutine.status( co ) == 'suspended' and (...) == M then return step( loop, co, coroutine.yield( M ) ) end
    return ok, ...
  end

  function step( loop, co, ... )
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
  -- As `coroutine.wrap`: its own yields go to the caller.
  function Loop.wrap( loop, f )
    M.open( loop )
    local co = coroutine.create( f )
    return function( ... ) return returned( step( loop, co, ... ) ) end
  end

  -- ## pcall
  -- As Lua's. On Lua 5.1 nothing yields through that: there the function has a coroutine, whose own yields go through, too.
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
