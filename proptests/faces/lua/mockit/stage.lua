-- The functions that programs over `require 'luamockit'` call, in addition to those in ../stage.lua.

return function( S, world )
  function S.time( ) return 0 end       -- the module has no function for the virtual time
  function S.turn( ) end

  -- Ends a program by destroying its timers. After a long sleep an interval may have tens of thousands of events, and
  -- they are dropped with the timer.
  function S.end_all( )
    for _, timer in pairs( S.T ) do timer:destroy( ) end
  end

  function S.service( )
    S.main = world.service( )
    return S.main
  end

  -- Runs the remaining events, in order.
  function S.finish( )
    for _ = 1, 5 do
      S.call( 'end', S.main.wait, 10 )
      S.call( 'end', S.main.inqueue )
      S.call( 'end', S.main.process_events )
    end
  end
end
