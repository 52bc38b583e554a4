-- Writes a program of tasks as text. The text runs on the module and on the model, and can be pasted into a Lua
-- interpreter.

local write
local emit = { }

local function text( format, ... )
  local keys = { ... }
  return function( op )
    local values = { }
    for i, key in ipairs( keys ) do values[ i ] = tostring( op[ key ] ) end
    return (format:gsub( '$(%d)', function( i ) return values[ tonumber( i ) ] end ))
  end
end

-- A function that begins with `begin` and returns `results` values.
local function f( ops, indent, begin, results )
  local last = results and results > 0 and ('%s  return %s\n'):format( indent, ("'result', nil, 3"):match( ('[^,]+,? ?'):rep( results ) ):gsub( ', $', '' ) ) or ''
  return ('function( ... )\n%s  %s\n%s%s%send'):format( indent, begin, write( ops, indent .. '  ' ), last, indent )
end

local function task( op, indent )
  local it = f( op.body, indent, ('S.called( %d, ... )'):format( op.n ), op.results )
  if not op.name and not op.grace then return it end
  local name  = op.name and (", name = 'name %d'"):format( op.n ) or ''
  local grace = op.grace and (', grace = %d'):format( op.grace ) or ''
  return ('{ %s%s%s }'):format( it, name, grace )
end

function emit.spawn( op, indent )
  return ("C[ %d ] = ask( %d, loop, 'spawn', %s, 'argument' )"):format( op.n, op.n, task( op, indent ) )
end

function emit.spawn_in( op, indent )
  return ("C[ %d ] = ask( %d, G[ %d ], 'spawn', %s )"):format( op.n, op.n, op.x, task( op, indent ) )
end

for name, kind in pairs{ channel = 'Q', semaphore = 'M', event = 'E', group = 'G' } do
  emit[ name ] = function( op )
    return ("%s[ %d ] = S.make( %d, loop, '%s'%s )"):format( kind, op.n, op.n, name, op.count and (', %d'):format( op.count ) or '' )
  end
end

for _, name in ipairs{ 'after', 'every' } do
  emit[ name ] = function( op, indent )
    return ("T[ %d ] = ask( %d, loop, '%s', %d, %s )"):format( op.n, op.n, name, op.ms,
      f( op.body, indent, ('S.called( %d, ... )'):format( op.n ) ) )
  end
end

-- ## Questions
-- A call that may wait is made without `pcall` inside a task, and with `pcall` elsewhere.
local METHOD = { await = 'wait', join_group = 'join', cancel_group = 'cancel', close_channel = 'close', stop_timer = 'cancel' }
local WAITS  = { join = true, recv = true, send = true, acquire = true, await = true, join_group = true }

local function question( name )
  return function( op, _, in_task )
    local method, arguments = METHOD[ name ] or name, { }
    if name == 'send' then arguments[ 1 ] = ("'value %d'"):format( op.n ) end
    if op.reason then arguments[ 1 ] = ("'oops%d'"):format( op.n ) end
    if op.ms then arguments[ #arguments + 1 ] = tostring( op.ms ) end
    local list = table.concat( arguments, ', ' )
    if in_task and WAITS[ name ] then
      return ("if S.there( %d, '%s', %s[ %d ] ) then S.got( %d, '%s', %s[ %d ]:%s( %s ) ) end"):format( op.n, name, op.kind, op.x,
        op.n, name, op.kind, op.x, method, list )
    end
    return ("ask( %d, %s[ %d ], '%s'%s )"):format( op.n, op.kind, op.x, method, list ~= '' and ', ' .. list or '' )
  end
end

for _, name in ipairs{ 'join', 'recv', 'send', 'acquire', 'await', 'join_group', 'close_channel', 'release', 'set', 'clear', 'is_set',
  'cancel', 'cancel_group', 'status', 'name', 'stop_timer' } do
  emit[ name ] = question( name )
end
emit.text = text( "S.say( $1, 'text', S.shown( $2[ $3 ] ) )", 'n', 'kind', 'x' )

function emit.unpark( op )
  return ("if S.there( %d, 'unpark', C[ %d ] ) then ask( %d, loop, 'unpark', C[ %d ]%s ) end"):format( op.n, op.x, op.n, op.x,
    (", 'gift %d'"):format( op.n ):rep( op.count ) )
end

emit.end_task   = text( "S.close_coroutine( $1, C[ $2 ] )", 'n', 'x' )
emit.pair       = text( "S.pair( $1, $2 )", 'n', 'peer' )
emit.send_bytes = text( "S.send( $1 )", 'x' )
emit.drain      = text( "S.drain( $1 )", 'x' )
emit.close      = text( "S.close( $1 )", 'x' )

-- ## Operations inside of tasks
emit.sleep = text( "S.got( $1, 'sleep', loop:sleep( $2 ) )", 'n', 'ms' )
emit.yield = text( "S.got( $1, 'yield', coroutine.yield( $1 ) )", 'n' )
emit.self  = text( "S.got( $1, 'self', loop:running( ) )", 'n' )
emit.cancel_self = text( "S.got( $1, 'cancels itself', select( 2, loop:running( ) ):cancel( 'oops$1' ) )", 'n' )

function emit.park( op ) return ("S.got( %d, 'park', loop:park( %s ) )"):format( op.n, op.ms or '' ) end

function emit.wait( op )
  return ("S.waited( %d, %d, loop:wait( H[ %d ], '%s'%s ) )"):format( op.n, op.x, op.x, op.dir, op.ms and ', ' .. op.ms or '' )
end

emit.each     = text( "if S.there( $1, 'each', Q[ $2 ] ) then S.each( $1, Q[ $2 ], $3 ) end", 'n', 'x', 'count' )
emit.stubborn = text( "S.stubborn( $1, loop, $2, $3 )", 'n', 'count', 'ms' )

local function block( op, indent, begin ) return f( op.body, indent, begin or ('S.got( %d, "in", ... )'):format( op.n ) ) end

function emit.protect( op, indent )
  return ("S.caught( %d, %s, loop:pcall( %s ) )"):format( op.n, tostring( op.again ), block( op, indent ) )
end

local function enlisted( n ) return ('S.enlist( %d, loop )'):format( n ) end

function emit.limited( op, indent )
  return ("S.got( %d, 'timeout', loop:timeout( %d, %s ) )"):format( op.n, op.ms, f( op.body, indent, enlisted( op.n ), 2 ) )
end

function emit.wrap( op, indent )
  return ("S.wrapped( %d, %d, loop:wrap( %s ) )"):format( op.n, op.count, f( op.body, indent, ('S.got( %d, "in", ... )'):format( op.n ), 1 ) )
end

function emit.deferred( op, indent )
  return ("S.deferred( %d, loop, %s, %s )"):format( op.n, block( op, indent ), f( op.more[ 1 ], indent, ('S.got( %d, "cleans up" )'):format( op.n ) ) )
end

function emit.closing( op, indent )
  return ("S.closing( %d, %s[ %d ], %s )"):format( op.n, op.kind, op.x, block( op, indent ) )
end

for _, name in ipairs{ 'all', 'any' } do
  emit[ name ] = function( op, indent )
    local parts = { }
    for i, part in ipairs( op.parts ) do
      parts[ i ] = part.x and ('C[ %d ] or S.nothing'):format( part.x ) or f( part.body, indent, enlisted( part.n ), i )
    end
    return ("S.got( %d, '%s', loop:%s( %s ) )"):format( op.n, name, name, table.concat( parts, ', ' ) )
  end
end

-- ## The loop
emit.run      = text( "S.run( $1, loop )", 'n' )
emit.turn     = text( "ask( $1, loop, 'step', 0 )", 'n' )
emit.step_ms  = text( "ask( $1, loop, 'step', $2 )", 'n', 'ms' )
emit.advance  = text( "ask( $1, loop, 'advance', $2 )", 'n', 'ms' )
emit.close_loop = text( "ask( $1, loop, 'close' )", 'n' )
emit.fail     = text( "if true then error( 'oops$1', 0 ) end", 'n' )
for _, name in ipairs{ 'timers', 'handles', 'stats', 'tasks' } do emit[ name ] = text( 'S.' .. name .. '( $1, loop )', 'n' ) end

function emit.onerror( op )
  local to = { none = 'nil', log = 'S.failed', fail = ("function( ) error( 'oops%d', 0 ) end"):format( op.n ) }
  return ("ask( %d, loop, 'onerror', %s )"):format( op.n, to[ op.to ] )
end

-- The kind of operation tells whether its body belongs to a task.
local PLAIN = { after = true, every = true }
local in_task = false

function write( ops, indent )
  local lines = { }
  for i, op in ipairs( ops ) do
    local outer = in_task
    if op.body or op.parts then in_task = not PLAIN[ op.k ] end
    lines[ i ] = indent .. emit[ op.k ]( op, indent, outer ) .. '\n'
    in_task = outer
  end
  return table.concat( lines )
end

return function( program )
  local options = { }
  for _, key in ipairs{ 'max_timers', 'max_callbacks', 'resolution' } do
    if program.options[ key ] then options[ #options + 1 ] = ('%s = %s'):format( key, program.options[ key ] ) end
  end
  local point = program.options.cancel_at and ('S.cancel_at( %d, %d )\n'):format( program.options.cancel_at, program.options.cancel or 1 ) or ''
  return ('local C, Q, M, E, G, T, H, ask = S.C, S.Q, S.M, S.E, S.G, S.T, S.H, S.ask\nlocal loop = S.loop{ %s }\n%s%sS.finish( )\n')
    :format( table.concat( options, ', ' ), point, write( program.ops, '' ) )
end
