-- Measures the tasks of one contender. Each contender has a process of its own, so that its memory can be measured:
--
--    lua tasks.lua CONTENDER join COUNT       tasks one after the other: each begins, sleeps for no time, and is joined
--    lua tasks.lua CONTENDER channel COUNT    two tasks send a value back and forth
--    lua tasks.lua CONTENDER sleeping COUNT   that many tasks sleep: measures memory, then the time to cancel them
--
-- `peers/README.md` describes a contender. Prints `name value` on each line; times are CPU time.
local peer, what, count = require( 'peer' )( arg[ 1 ], 'tasks' ), arg[ 2 ], tonumber( arg[ 3 ] )
local resident = require 'resident'
local tasks = peer.tasks

local function needs( name )
  if tasks[ name ] then return end
  print 'missing it has nothing of the kind'
  os.exit( 0 )
end

local measure = { }

function measure.join( )
  needs 'join'
  local sum, took = 0, nil
  tasks.spawn( function( )
    -- The first round is a warm-up.
    for _ = 1, 2 do
      sum = 0
      local start = os.clock( )
      for i = 1, count do
        sum = sum + tasks.join( tasks.spawn( function( )
          tasks.sleep( 0 )
          return i
        end ) )
      end
      took = os.clock( ) - start
    end
  end )
  peer.run( )
  assert( sum == count * (count + 1) / 2, sum )
  print( 'join', took / count * 1e9 )
end

function measure.channel( )
  needs 'channel'
  local send, recv = tasks.channel( )
  local send_back, recv_back = tasks.channel( )
  local sum, took = 0, nil
  tasks.spawn( function( ) for _ = 1, 2 * count do send_back( recv( ) ) end end )
  tasks.spawn( function( )
    for _ = 1, 2 do
      sum = 0
      local start = os.clock( )
      for i = 1, count do
        send( i )
        sum = sum + recv_back( )
      end
      took = os.clock( ) - start
    end
  end )
  peer.run( )
  assert( sum == count * (count + 1) / 2, sum )
  print( 'round', took / count * 1e9 )
end

function measure.sleeping( )
  local handles, begun = { }, 0
  for i = 1, count do handles[ i ] = false end
  local function body( )
    begun = begun + 1
    tasks.sleep( 1e8 )
  end
  local before = resident( )
  for i = 1, count do handles[ i ] = tasks.spawn( body ) end
  tasks.turn( )
  assert( begun == count, begun )
  print( 'bytes', (resident( ) - before) / count )
  if tasks.cancel then
    local start = os.clock( )
    for i = 1, count do tasks.cancel( handles[ i ] ) end
    -- If a task were still asleep, `run` would last for a day.
    peer.run( )
    print( 'cancel', (os.clock( ) - start) / count * 1e9 )
  end
  -- Contenders without `cancel` would wait for the sleeping tasks, so the process ends here.
  os.exit( 0 )
end

measure[ what ]( )
