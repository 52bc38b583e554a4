-- Tasks beside the coroutines of others: lua tasks.lua CONTENDER. One line for each measure: its name, and the figure.
-- Contenders: cogloop, cqueues, luv, copas; what one has not is left out.
local who   = assert( arg[ 1 ], 'whose?' )
local clock = os.clock
local N     = tonumber( arg[ 2 ] ) or 100000

local function say( what, value, unit ) print( ('%-8s %-28s %10.1f %s'):format( who, what, value, unit ) ) end

-- Each has: run( ), spawn( f ), sleep( ms ), and what it has of join( task ), channel( ), cancel( task ).
local has = { }
if who == 'cogloop' then
  local c = require 'cogloop'
  has.run, has.spawn, has.sleep, has.stop = c.run, c.spawn, c.sleep, c.stop
  has.join   = function( task ) return task:join( ) end
  has.cancel = function( task ) task:cancel( ) end
  has.channel = function( )
    local channel = c.channel( )
    return function( value ) channel:send( value ) end, function( ) return channel:recv( ) end
  end
elseif who == 'cqueues' then
  local cqueues, condition = require 'cqueues', require 'cqueues.condition'
  local cq = cqueues.new( )
  has.run   = function( ) assert( cq:loop( ) ) end
  has.step  = function( ) assert( cq:step( 0 ) ) end
  has.sleep = function( ms ) cqueues.sleep( ms / 1000 ) end
  has.spawn = function( f )
    local task = { done = condition.new( ) }
    cq:wrap( function( ) task.value = f( ) task.ended = true task.done:signal( ) end )
    return task
  end
  has.join = function( task ) while not task.ended do task.done:wait( ) end return task.value end
  has.channel = function( )
    local full, empty, value = condition.new( ), condition.new( ), nil
    return function( v )
      while value ~= nil do empty:wait( ) end
      value = v
      full:signal( )
    end, function( )
      while value == nil do full:wait( ) end
      local v = value
      value = nil
      empty:signal( )
      return v
    end
  end
elseif who == 'luv' then
  local uv = require 'luv'
  has.run = function( ) uv.run( ) end
  local function resume( co, ... ) assert( coroutine.resume( co, ... ) ) end
  has.sleep = function( ms )
    local co, timer = coroutine.running( ), uv.new_timer( )
    timer:start( ms, 0, function( ) timer:close( ) resume( co ) end )
    coroutine.yield( )
  end
  has.spawn = function( f )
    local task = { }
    task.co = coroutine.create( function( )
      task.value = f( )
      task.ended = true
      if task.waiter then resume( task.waiter ) end
    end )
    resume( task.co )
    return task
  end
  has.join = function( task )
    if not task.ended then
      task.waiter = coroutine.running( )
      coroutine.yield( )
    end
    return task.value
  end
elseif who == 'copas' then
  local copas = require 'copas'
  has.run, has.sleep = function( ) copas.loop( ) end, function( ms ) copas.sleep( ms / 1000 ) end
  has.spawn  = function( f ) return copas.addthread( f ) end
  has.cancel = function( task ) copas.removethread( task ) end
end

local function collect( ) collectgarbage( ) collectgarbage( ) end

if has.join then
  local start
  has.spawn( function( )
    for round = 1, 2 do
      collect( )
      start = clock( )
      for i = 1, N do has.join( has.spawn( function( ) has.sleep( 0 ) return i end ) ) end
      if round == 2 then say( 'spawn, sleep 0, join', (clock( ) - start) / N * 1e9, 'ns' ) end
    end
  end )
  has.run( )
end

if has.channel then
  local send, recv = has.channel( )
  local back_send, back_recv = has.channel( )
  has.spawn( function( ) for _ = 1, N do back_send( recv( ) ) end end )
  has.spawn( function( )
    collect( )
    local start = clock( )
    for i = 1, N do send( i ) back_recv( ) end
    say( 'channel ping-pong', (clock( ) - start) / N * 1e9, 'ns' )
  end )
  has.run( )
end

do
  collect( )
  local tasks = { }
  for i = 1, N do tasks[ i ] = false end
  local function rss( )
    local file = io.open '/proc/self/statm'
    local _, pages = file:read( '*n', '*n' )
    file:close( )
    return pages * 4096
  end
  collect( )
  local before = collectgarbage 'count'
  local pages = rss( )
  local function body( ) has.sleep( 1e8 ) end
  for i = 1, N do tasks[ i ] = has.spawn( body ) end
  if who == 'cogloop' then
    require 'cogloop'.step( 0 )
  elseif has.step then
    has.step( )
  elseif who == 'copas' then
    require 'copas'.step( 0 )
  end
  collect( )
  say( 'a sleeping task, Lua memory', (collectgarbage 'count' - before) * 1024 / N, 'bytes' )
  say( 'a sleeping task, process', (rss( ) - pages) / N, 'bytes' )
  if has.cancel then
    local start = clock( )
    for i = 1, N do has.cancel( tasks[ i ] ) end
    if who == 'cogloop' then require 'cogloop'.run( ) end
    say( 'cancel of a sleeping task', (clock( ) - start) / N * 1e9, 'ns' )
  end
end
os.exit( 0 )
