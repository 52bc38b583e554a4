-- Writes a program as text. The text runs on the module and on the model, and can be pasted into a Lua interpreter.

local part = ...
local emit, W = part 'write'( )
local ms = W.ms

-- The last part of a call: the callback, the arguments that it will get, and the closing parenthesis.
local function callback( op, ... )
  local more = op.args and ', ' .. table.concat( op.args, ', ' ) or ''
  return W.callback( op, ... ) .. more .. ' )'
end

local function timer( name )
  return function( op, indent )
    return ("T[ %d ] = ask( %d, loop, '%s', %s, %s"):format( op.n, op.n, name, ms( op.ms ),
      callback( op, indent, ('S.fired( %d, loop, ... )'):format( op.n ) ) )
  end
end

emit.after, emit.at = timer 'after', timer 'at'

function emit.every( op, indent )
  local spec = { 'ms = ' .. ms( op.ms ) }
  if op.policy then spec[ #spec + 1 ] = ("policy = '%s'"):format( op.policy ) end
  if op.first then spec[ #spec + 1 ] = 'first = ' .. ms( op.first ) end
  if op.slack then spec[ #spec + 1 ] = 'slack = ' .. ms( op.slack ) end
  return ("T[ %d ] = ask( %d, loop, 'every', { %s }, %s"):format( op.n, op.n, table.concat( spec, ', ' ),
    callback( op, indent, ('S.fired( %d, loop, ... )'):format( op.n ) ) )
end

local function calls( name )
  return function( op, indent )
    return ("F[ %d ] = ask( %d, loop, '%s', %s, %s )"):format( op.n, op.n, name, ms( op.ms ),
      W.callback( op, indent, ('S.called( %d, ... )'):format( op.n ) ) )
  end
end

emit.debounce, emit.throttle = calls 'debounce', calls 'throttle'

function emit.spawn( op, indent )
  return ("C[ %d ] = ask( %d, loop, 'spawn', %s"):format( op.n, op.n,
    callback( op, indent, ('S.called( %d, ... )'):format( op.n ) ) )
end

function emit.on( op, indent )
  local begin = ('S.served( %d, %d, ... )%s'):format( op.n, op.h, op.drain and (' S.drain( %d )'):format( op.h ) or '' )
  return ("W[ %d ] = ask( %d, loop, 'on', H[ %d ], '%s', %s"):format( op.n, op.n, op.h, op.dir, callback( op, indent, begin ) )
end

function emit.signal( op, indent )
  return ("S.watch_signal( %d, loop, '%s', %s )"):format( op.n, op.name,
    W.callback( op, indent, ('S.served( %d, %d, ... )'):format( op.n, op.n ) ) )
end

local function on_object( kind, method, argument )
  return function( op )
    local more = argument and op[ argument ]
    if argument == 'ms' then more = ms( more ) elseif more then more = ("'%s'"):format( more ) end
    return ("ask( %d, %s[ %d ], '%s'%s )"):format( op.n, kind, op.x, method, more and ', ' .. more or '' )
  end
end

for name, method in pairs{ cancel = 'cancel', pause = 'pause', resume = 'resume', left = 'remaining', active = 'active', ref = 'ref',
  unref = 'unref' } do
  emit[ name ] = on_object( 'T', method )
end
emit.reschedule = on_object( 'T', 'reschedule', 'ms' )
emit.off = on_object( 'W', 'off', 'dir' )
emit.watching, emit.watch_ref, emit.watch_unref = on_object( 'W', 'active' ), on_object( 'W', 'ref' ), on_object( 'W', 'unref' )

local function text( format, ... )
  local keys = { ... }
  return function( op )
    local values = { }
    for i, key in ipairs( keys ) do values[ i ] = key == 'ms' and ms( op.ms ) or tostring( op[ key ] ) end
    return (format:gsub( '$(%d)', function( i ) return values[ tonumber( i ) ] end ))
  end
end

emit.show_timer  = text( "S.show( $1, T[ $2 ] )", 'n', 'x' )
emit.show_watcher = text( "S.show( $1, W[ $2 ] )", 'n', 'x' )
emit.show_loop   = text( "S.show( $1, loop )", 'n' )
emit.raise       = text( "S.raise '$1'", 'name' )
emit.call        = text( "S.call( $1, F[ $2 ], $1 )", 'n', 'x' )
emit.status      = text( "S.status( $1, C[ $2 ] )", 'n', 'x' )
emit.end_task    = text( "S.close_coroutine( $1, C[ $2 ] )", 'n', 'x' )
emit.resume_task = text( "S.resume( $1, C[ $2 ] )", 'n', 'x' )
emit.another     = text( "S.pair( $2, $4 ) S.$1( $2, $3 )", 'form', 'h', 'n', 'peer' )
emit.run         = text( "S.run( $1, loop )", 'n' )
emit.step        = text( "S.step( $1, loop )", 'n' )
emit.step_ms     = text( "ask( $1, loop, 'step', $2 )", 'n', 'ms' )
emit.advance     = text( "ask( $1, loop, 'advance', $2 )", 'n', 'ms' )
emit.close_loop  = text( "ask( $1, loop, 'close' )", 'n' )
for _, name in ipairs{ 'stop', 'firing', 'running' } do emit[ name ] = text( "ask( $1, loop, '" .. name .. "' )", 'n' ) end
for _, name in ipairs{ 'timers', 'handles', 'remaining' } do emit[ name ] = text( 'S.' .. name .. '( $1, loop )', 'n' ) end
emit.sleep       = text( "S.slept( $1, loop:sleep( $2 ) )", 'n', 'ms' )
emit.yield       = text( "S.slept( $1, coroutine.yield( ) )", 'n' )

function emit.wait( op )
  return ("S.waited( %d, %d, loop:wait( H[ %d ], '%s'%s ) )"):format( op.n, op.h, op.h, op.dir, op.ms and ', ' .. ms( op.ms ) or '' )
end

function emit.onerror( op )
  return ("ask( %d, loop, 'onerror', %s )"):format( op.n, W.handler( op ) )
end

function emit.slow( op )
  return ("S.slow( %d, loop%s )"):format( op.n, op.ms and (", %s, '%s'"):format( ms( op.ms ), op.to ) or '' )
end

function emit.stats( op )
  return ('S.stats( %d, loop%s )'):format( op.n, op.measure ~= 'none' and ', ' .. op.measure or '' )
end

return function( program )
  local options = { }
  for _, key in ipairs{ 'max_timers', 'max_handles', 'max_callbacks', 'resolution', 'slack' } do
    if program.options[ key ] then options[ #options + 1 ] = ('%s = %s'):format( key, program.options[ key ] ) end
  end
  return ('local T, W, C, F, H, ask = S.T, S.W, S.C, S.F, S.H, S.ask\nlocal loop = S.loop{ %s }\n%sS.finish( )\n')
    :format( table.concat( options, ', ' ), W.list( program.ops, '' ) )
end
