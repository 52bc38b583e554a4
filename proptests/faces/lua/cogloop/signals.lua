-- The signals of the model.

return function( M )
  local Loop, world = M.Loop, M.world

  -- ## signal
  -- Each watcher of a signal has a descriptor of its own. The descriptor is ready for reading from the arrival of the
  -- signal until the watcher is served. So all watchers of the signal are called, and signals that arrive before a
  -- watcher is served cause one call of it. The descriptor counts in the limit of handles.
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

  -- A signal that arrives while it has no watcher has no effect on later watchers.
  function world.raise( name )
    for _, loop in ipairs( world.loops ) do
      for _, entry in ipairs( loop.entries ) do
        local watched = entry.handle.signal
        if watched and watched:gsub( '^SIG', '' ) == name then entry.handle.has_come = true end
      end
    end
  end
end
