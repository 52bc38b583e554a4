-- A program as text, whatever its face: one statement a line, the bodies of callbacks indented. Returns `emit`, to which a
-- face adds how each of its kinds of operation is written, and what all need.

return function( )
  local emit, W = { }, { }

  function W.ms( value ) return ('%.10g'):format( value ) end

  function W.list( ops, indent )
    local lines = { }
    for i, op in ipairs( ops ) do lines[ i ] = indent .. emit[ op.k ]( op, indent ) .. '\n' end
    return table.concat( lines )
  end

  -- A function that begins with a line of its own, and closes the call whose argument it is.
  function W.callback( op, indent, begin, last )
    return ('function( ... )\n%s  %s\n%s%s%send'):format( indent, begin, W.list( op.body, indent .. '  ' ),
      last and indent .. '  ' .. last .. '\n' or '', indent )
  end

  -- ## What several faces have
  function emit.fail( op ) return ("if true then error( 'oops%d', 0 ) end"):format( op.n ) end
  function emit.pair( op ) return ('S.pair( %d, %d )'):format( op.h, op.peer ) end

  for _, name in ipairs{ 'send', 'fill', 'drain', 'close' } do
    emit[ name ] = function( op ) return ('S.%s( %d )'):format( name, op.x ) end
  end

  -- What takes the errors of callbacks.
  function W.handler( op )
    if op.to == 'fail' then return ("function( ) error( 'oops%d', 0 ) end"):format( op.n ) end
    return op.to == 'log' and 'S.failed' or 'nil'
  end

  return emit, W
end
