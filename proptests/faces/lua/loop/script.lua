-- A program over `require 't.Loop'` as text; see write.lua.

local part = ...
local emit, W = part 'write'( )

function emit.task( op, indent )
  return ("T[ %d ] = ask( %d, loop, 'addTask', %s, %s, %d )"):format( op.n, op.n, W.ms( op.ms ),
    W.callback( op, indent, ('S.called( %d, ... )'):format( op.n ), 'return ' .. op.result ), op.n )
end

function emit.handle( op, indent )
  local begin = ('S.served( %d, %d, ... )%s'):format( op.n, op.h, op.drain and (' S.drain( %d )'):format( op.h ) or '' )
  return ("W[ %d ] = ask( %d, loop, 'addHandle', H[ %d ], '%s', %s )"):format( op.n, op.n, op.h, op.dir,
    W.callback( op, indent, begin ) )
end

function emit.cancel( op ) return ("if T[ %d ] then ask( %d, loop, 'cancelTask', T[ %d ] ) end"):format( op.x, op.n, op.x ) end
function emit.remove( op ) return ("ask( %d, loop, 'removeHandle', H[ %d ], 'rw' )"):format( op.n, op.h ) end
function emit.node( op ) return ('S.node( %d, loop, H[ %d ] )'):format( op.n, op.h ) end
function emit.count( op ) return ('S.count( %d, loop )'):format( op.n ) end
function emit.run( op ) return ('S.run( %d, loop )'):format( op.n ) end
function emit.stop( op ) return ("ask( %d, loop, 'stop' )"):format( op.n ) end
function emit.clean( op ) return ('S.clean( %d, loop )'):format( op.n ) end
function emit.sleep( op ) return ("ask( %d, loop, 'sleep', %s )"):format( op.n, W.ms( op.ms ) ) end
function emit.onerror( op ) return 'loop.onerror = ' .. W.handler( op ) end

return function( program )
  return ('local T, W, H, ask = S.T, S.W, S.H, S.ask\nlocal loop = S.loop( )\n%sS.finish( )\n'):format( W.list( program.ops, '' ) )
end
