-- Measures the timers of one contender. Each contender has a process of its own, so that its memory can be measured:
--
--   lua timers.lua CONTENDER pending COUNT            adds and cancels that many timers; also measures their memory
--   lua timers.lua CONTENDER due COUNT                that many timers, due at once
--   lua timers.lua cogloop traced COUNT [FILE]        that many timers, due at once: without a trace, and with one
--                                                     into the file
--   lua timers.lua CONTENDER intervals COUNT SECONDS  runs that many intervals of 10 ms for that time
--
-- `peers/README.md` describes a contender. Prints `name value` on each line; times are CPU time, except the drift.
local peer, what, count = require( 'peer' )( arg[ 1 ], 'add' ), arg[ 2 ], tonumber( arg[ 3 ] )
local resident = require 'resident'

local function nothing( ) end

-- A generator of random numbers that gives the same numbers in every version of Lua.
local state = 1
local function random( limit )
  state = state * 16807 % 2147483647
  return state % limit
end

local function timed( work )
  local before = os.clock( )
  work( )
  return os.clock( ) - before
end

local measure = { }

-- A few timers take less time than a step of the clock, so they are added and cancelled several times.
function measure.pending( )
  local delays, order, handles = { }, { }, { }
  for i = 1, count do
    delays[ i ], order[ i ], handles[ i ] = 60000 + random( 3600000 ), i, false
  end
  for i = count, 2, -1 do
    local other = random( i ) + 1
    order[ i ], order[ other ] = order[ other ], order[ i ]
  end
  local function add( )
    for i = 1, count do handles[ i ] = peer.add( delays[ i ], nothing ) end
  end
  local function cancel( )
    for i = 1, count do
      peer.cancel( handles[ order[ i ] ] )
      handles[ order[ i ] ] = false
    end
  end
  local before = resident( )
  local rounds = peer.cancel and math.ceil( 100000 / count ) or 1
  local added, cancelled, bytes = 0, 0, nil
  for _ = 1, rounds do
    added = added + timed( add )
    bytes = bytes or (resident( ) - before) / count
    if peer.cancel then cancelled = cancelled + timed( cancel ) end
    if peer.settle then peer.settle( ) end
  end
  print( 'add', added / rounds / count * 1e9 )
  -- The kernel counts memory in pages, which is too coarse for few timers.
  if count >= 10000 then print( 'bytes', bytes ) end
  if peer.cancel then print( 'cancel', cancelled / rounds / count * 1e9 ) end
  -- Without this exit the contender would wait for its remaining timers.
  os.exit( 0 )
end

function measure.due( )
  local fired = 0
  local function fire( ) fired = fired + 1 end
  for _ = 1, count do peer.add( 1, fire ) end
  local until_clock = os.clock( ) + 0.01
  while os.clock( ) < until_clock do end
  local seconds = timed( peer.run )
  assert( fired == count, fired )
  print( 'callbacks', fired / seconds )
end

-- The cost of a trace: five pairs of runs. Each pair prints the time of a callback in ns, without a trace and with one.
function measure.traced( )
  local file = arg[ 4 ] or os.tmpname( )
  local function batch( )
    for _ = 1, count do peer.add( 0, nothing ) end
    return timed( peer.run ) / count * 1e9
  end
  batch( )
  for _ = 1, 5 do
    local without = batch( )
    assert( peer.trace( file, 4096 ) )
    local with = batch( )
    assert( peer.trace( false ) )
    print( 'without', without )
    print( 'traced', with )
  end
  if not arg[ 4 ] then os.remove( file ) end
end

function measure.intervals( )
  local now     = require 'socket'.gettime
  local seconds = tonumber( arg[ 4 ] )
  local fired, last = 0, nil
  local function fire( )
    fired = fired + 1
    last = now( )
  end
  local start = now( )
  for _ = 1, count do peer.every( 10, fire ) end
  peer.add( seconds * 1000 + 5, peer.stop )
  local used = timed( peer.run )
  print( 'fires', fired )
  print( 'cpu', used )
  -- The drift: the time of the last firing minus the time at which it should have been, in ms.
  print( 'drift', (last - start) * 1000 - fired / count * 10 )
  os.exit( 0 )
end

measure[ what ]( )
