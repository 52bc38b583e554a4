-- What a program over `require 'luamockit'` has on its stage beside the rest; see stage.lua.

return function( S, world )
  function S.time( ) return 0 end       -- it has no function that tells the virtual time
  function S.turn( ) end

  -- What an interval has let come in a long sleep may be tens of thousands of events: they go with their timers.
  function S.end_all( )
    for _, timer in pairs( S.T ) do timer:destroy( ) end
  end

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
