-- A program over `require 'luamockit'` as text; see cogloop/script.lua.

local write
local emit = { }

for _, name in ipairs{ 'oneoff', 'getit' } do
  emit[ name ] = function( op, indent )
    return ('T[ %d ] = call( %d, service.%s, %d, function( ... )\n%s  S.called( %d, ... )\n%s%send )'):format(
      op.n, op.n, name, op.ms, indent, op.n, write( op.body, indent .. '  ' ), indent )
  end
end

for _, name in ipairs{ 'pending', 'inqueue', 'process_events' } do
  emit[ name ] = function( op ) return ('call( %d, service.%s )'):format( op.n, name ) end
end

for _, name in ipairs{ 'sleep', 'wait' } do
  emit[ name ] = function( op ) return ('call( %d, service.%s%s )'):format( op.n, name, op.ms and ', ' .. op.ms or '' ) end
end

function emit.destroy( op ) return ("S.ask( %d, T[ %d ], 'destroy' )"):format( op.n, op.x ) end
function emit.fail( op ) return ("if true then error( 'oops%d', 0 ) end"):format( op.n ) end

function write( ops, indent )
  local lines = { }
  for i, op in ipairs( ops ) do lines[ i ] = indent .. emit[ op.k ]( op, indent ) .. '\n' end
  return table.concat( lines )
end

return function( program )
  return ('local T, call = S.T, S.call\nlocal service = S.service( )\n%sS.finish( )\n'):format( write( program.ops, '' ) )
end
