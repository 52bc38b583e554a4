-- A random program of any face, as data: lists of operations. Some operations have another list, the body of their
-- callback. An object is named by the number of the operation that makes it. An operation on an object that does not
-- exist does nothing. So any part of a program is a program.

return function( R )
  local P = { made = 0, options = { }, ops = { } }
  local G = { program = P, make = { }, known = { T = { }, W = { }, H = { } } }

  function G.number( )
    P.made = P.made + 1
    return P.made
  end

  -- `G.make` has a function for each kind of operation, which makes such an operation. The name of an object is known
  -- before the body of its callback is made, so the callback can use the object.
  function G.plain( name, more )
    G.make[ name ] = function( level )
      local op = { k = name, n = G.number( ) }
      if more then more( op, level ) end
      return op
    end
  end

  function G.creates( kind, name, more )
    G.plain( name, function( op, level )
      more( op )
      table.insert( G.known[ kind ], op.n )
      op.body = G.body( level + 1 )
    end )
  end

  -- `G.choices( level, add )`, a function of the face, calls `add( name, weight )` for each operation that is allowed
  -- at this level of nesting. Each program has its own weights, which make some operations more frequent. So an
  -- operation that is rare in most programs is frequent in some.
  local moods = { }

  local function one( level )
    local list = { }
    G.choices( level, function( name, weight )
      moods[ name ] = moods[ name ] or R.pick{ 1, 1, 1, 2, 4 }
      list[ #list + 1 ] = { name, weight * moods[ name ] }
    end )
    return G.make[ R.weighted( list ) ]( level )
  end

  function G.body( level )
    local list = { }
    for i = 1, R.upto( 4 ) - 1 do list[ i ] = one( level ) end
    return list
  end

  function G.fill( length )
    for _ = 1, length do P.ops[ #P.ops + 1 ] = one( 0 ) end
    return P
  end

  return G
end
