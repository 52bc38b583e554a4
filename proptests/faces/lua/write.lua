-- Writes a program of any face as text: one statement in each line, with the bodies of callbacks indented. Returns the
-- table `emit` and the functions that all faces need. A face adds a function for each kind of operation to `emit`.

return function( )
  local emit, W = { }, { }

  function W.ms( value ) return ('%.10g'):format( value ) end

  function W.list( ops, indent )
    local lines = { }
    for i, op in ipairs( ops ) do lines[ i ] = indent .. emit[ op.k ]( op, indent ) .. '\n' end
    return table.concat( lines )
  end

  -- A function with `begin` as its first line and `last` as its last one.
  function W.callback( op, indent, begin, last )
    return ('function( ... )\n%s  %s\n%s%s%send'):format( indent, begin, W.list( op.body, indent .. '  ' ),
      last and indent .. '  ' .. last .. '\n' or '', indent )
  end

  -- ## Operations of several faces
  function emit.fail( op ) return ("if true then error( 'oops%d', 0 ) end"):format( op.n ) end
  function emit.pair( op ) return ('S.pair( %d, %d )'):format( op.h, op.peer ) end

  for _, name in ipairs{ 'send', 'fill', 'drain', 'close' } do
    emit[ name ] = function( op ) return ('S.%s( %d )'):format( name, op.x ) end
  end

  -- The function that gets the errors of callbacks.
  function W.handler( op )
    if op.to == 'fail' then return ("function( ) error( 'oops%d', 0 ) end"):format( op.n ) end
    return op.to == 'log' and 'S.failed' or 'nil'
  end

  return emit, W
end
