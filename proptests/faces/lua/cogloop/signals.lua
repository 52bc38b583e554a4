-- Signals.

return function( M )
  local Loop, world = M.Loop, M.world

  -- ## signal
  -- Each watcher has a descriptor of its own, which is ready for reading from when the signal comes until it is served. So it
  -- is one call, however often the signal came before; and all that watch it are called. As a handle it counts for the limit.
  function Loop.signal( loop, name, f )
    M.open( loop )
    local source = world.source( name )
    return loop:on( source, 'r', function( )
      source.has_come = false
      f( name )
    end )
  end

  -- What comes while nobody watches is nothing to those that watch later.
  function world.raise( name )
    for _, loop in ipairs( world.loops ) do
      for _, entry in ipairs( loop.entries ) do
        local watched = entry.handle.signal
        if watched and watched:gsub( '^SIG', '' ) == name then entry.handle.has_come = true end
      end
    end
  end
end
