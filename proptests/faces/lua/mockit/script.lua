-- A program over `require 'luamockit'` as text; see write.lua.

local part = ...
local emit, W = part 'write'( )

for _, name in ipairs{ 'oneoff', 'getit' } do
  emit[ name ] = function( op, indent )
    return ('T[ %d ] = call( %d, service.%s, %d, %s )'):format( op.n, op.n, name, op.ms,
      W.callback( op, indent, ('S.called( %d, ... )'):format( op.n ) ) )
  end
end

for _, name in ipairs{ 'pending', 'inqueue', 'process_events' } do
  emit[ name ] = function( op ) return ('call( %d, service.%s )'):format( op.n, name ) end
end

for _, name in ipairs{ 'sleep', 'wait' } do
  emit[ name ] = function( op ) return ('call( %d, service.%s%s )'):format( op.n, name, op.ms and ', ' .. op.ms or '' ) end
end

function emit.destroy( op ) return ("S.ask( %d, T[ %d ], 'destroy' )"):format( op.n, op.x ) end

return function( program )
  return ('local T, call = S.T, S.call\nlocal service = S.service( )\n%sS.finish( )\n'):format( W.list( program.ops, '' ) )
end
