-- Signals.

return function( M )
  local Loop, world = M.Loop, M.world

  -- ## signal
  -- Each watcher has a descriptor of its own. The descriptor becomes ready for reading when the signal comes, until it
  -- is served. So several signals before that cause one call, and all watchers of the signal are called. The descriptor
  -- counts in the limit of handles.
  function Loop.signal( loop, name, f )
    M.open( loop )
    local source = world.source( name )
    local function call( )
      source.has_come = false
      f( name )
    end
    M.behind[ call ] = f
    return loop:on( source, 'r', call )
  end

  -- A signal that comes while it is not watched has no effect on later watchers.
  function world.raise( name )
    for _, loop in ipairs( world.loops ) do
      for _, entry in ipairs( loop.entries ) do
        local watched = entry.handle.signal
        if watched and watched:gsub( '^SIG', '' ) == name then entry.handle.has_come = true end
      end
    end
  end
end
