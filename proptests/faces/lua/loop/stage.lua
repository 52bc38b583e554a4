-- The functions that programs over `require 't.Loop'` call, in addition to those in ../stage.lua.

return function( S, world )
  function S.time( ) return S.main:time( ) end
  function S.turn( ) end

  function S.end_all( )
    S.main:clean( )
    S.main:stop( )
  end

  function S.loop( )
    S.main = world.t_loop( )
    return S.main
  end

  -- A loop with a handle that is never ready would wait for ever. So a task stops the loop.
  local function guard( n, loop )
    loop:addTask( 300, function( ) S.called( n, 'enough' ) loop:stop( ) end )
  end

  function S.run( n, loop )
    if S.over then return end
    guard( n, loop )
    return S.ask( n, loop, 'run' )
  end

  function S.clean( n, loop )
    S.ask( n, loop, 'clean' )
    guard( n, loop )
  end

  function S.count( n, loop ) S.say( n, 'count', world.count( loop ) ) end

  function S.node( n, loop, handle )
    if handle ~= nil then S.say( n, 'node', world.node( loop, handle ) ) end
  end

  -- Cancels everything that is left, and logs the answers.
  function S.finish( )
    S.count( 'end', S.main )
    for n = 1, 200 do
      if S.T[ n ] then S.ask( n, S.main, 'cancelTask', S.T[ n ] ) end
      if S.H[ n ] then S.node( n, S.main, S.H[ n ] ) end
    end
    S.main:clean( )
    S.count( 'end', S.main )
    S.close_all( )
  end
end
