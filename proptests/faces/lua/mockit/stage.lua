-- What a program over `require 'luamockit'` has on its stage beside the rest; see stage.lua.

return function( S, world )
  function S.time( ) return 0 end       -- it has no function that tells the virtual time
  function S.turn( ) end

  function S.end_all( ) error( 'enough', 0 ) end

  function S.service( )
    S.main = world.service( )
    return S.main
  end

  -- What is left, in the order in which it comes.
  function S.finish( )
    for _ = 1, 5 do
      S.call( 'end', S.main.wait, 10 )
      S.call( 'end', S.main.inqueue )
      S.call( 'end', S.main.process_events )
    end
  end
end
