-- A program over `require 't.Loop'` as text; see cogloop/script.lua.

local write
local emit = { }

local function ms( op ) return ('%.10g'):format( op.ms ) end

function emit.task( op, indent )
  return ("T[ %d ] = ask( %d, loop, 'addTask', %s, function( ... )\n%s  S.called( %d, ... )\n%s%s  return %s\n%send, %d )"):format(
    op.n, op.n, ms( op ), indent, op.n, write( op.body, indent .. '  ' ), indent, op.result, indent, op.n )
end

function emit.handle( op, indent )
  return ("W[ %d ] = ask( %d, loop, 'addHandle', H[ %d ], '%s', function( ... )\n%s  S.served( %d, %d, ... )%s\n%s%send )"):format(
    op.n, op.n, op.h, op.dir, indent, op.n, op.h, op.drain and (' S.drain( %d )'):format( op.h ) or '',
    write( op.body, indent .. '  ' ), indent )
end

function emit.cancel( op ) return ("if T[ %d ] then ask( %d, loop, 'cancelTask', T[ %d ] ) end"):format( op.x, op.n, op.x ) end
function emit.remove( op ) return ("ask( %d, loop, 'removeHandle', H[ %d ], 'rw' )"):format( op.n, op.h ) end
function emit.node( op ) return ('S.node( %d, loop, H[ %d ] )'):format( op.n, op.h ) end
function emit.count( op ) return ('S.count( %d, loop )'):format( op.n ) end
function emit.run( op ) return ('S.run( %d, loop )'):format( op.n ) end
function emit.stop( op ) return ("ask( %d, loop, 'stop' )"):format( op.n ) end
function emit.clean( op ) return ('S.clean( %d, loop )'):format( op.n ) end
function emit.sleep( op ) return ("ask( %d, loop, 'sleep', %s )"):format( op.n, ms( op ) ) end
function emit.fail( op ) return ("if true then error( 'oops%d', 0 ) end"):format( op.n ) end
function emit.pair( op ) return ('S.pair( %d, %d )'):format( op.h, op.peer ) end
for _, name in ipairs{ 'send', 'fill', 'drain', 'close' } do
  emit[ name ] = function( op ) return ('S.%s( %d )'):format( name, op.x ) end
end

function emit.onerror( op )
  local to = { none = 'nil', log = 'S.failed', fail = ("function( ) error( 'oops%d', 0 ) end"):format( op.n ) }
  return ('loop.onerror = %s'):format( to[ op.to ] )
end

function write( ops, indent )
  local lines = { }
  for i, op in ipairs( ops ) do lines[ i ] = indent .. emit[ op.k ]( op, indent ) .. '\n' end
  return table.concat( lines )
end

return function( program )
  return ('local T, W, H, ask = S.T, S.W, S.H, S.ask\nlocal loop = S.loop( )\n%sS.finish( )\n'):format( write( program.ops, '' ) )
end
