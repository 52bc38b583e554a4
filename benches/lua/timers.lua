-- One measurement of one contender, in a process of its own so that its memory is its own:
--
--    lua timers.lua CONTENDER pending COUNT      add and cancel that many timers, and what they weigh
--    lua timers.lua CONTENDER due COUNT          that many timers, due at once
--    lua timers.lua CONTENDER intervals COUNT    that many intervals of 10 ms for a while
--
-- A contender is a module of `peers`: add( ms, f ) gives a handle; cancel( handle ), unless it cannot; every( ms, f );
-- run( ) until nothing is left, or stop( ). Prints `name value` on each line; times are CPU time.
local name, what, count = arg[1], arg[2], tonumber( arg[3] )
local peer = require( 'peers.' .. name )

local function nothing( ) end

-- The same numbers on every version of Lua.
local state = 1
local function random( limit )
	state = state * 16807 % 2147483647
	return state % limit
end

local function resident( )
	collectgarbage( )
	collectgarbage( )
	for line in io.lines( '/proc/self/status' ) do
		local kib = line:match( '^VmRSS:%s*(%d+)' )
		if kib then return tonumber( kib ) * 1024 end
	end
end

local function timed( work )
	local before = os.clock( )
	work( )
	return os.clock( ) - before
end

local measure = { }

function measure.pending( )
	local delays, order, handles = { }, { }, { }
	for i = 1, count do
		delays[i], order[i], handles[i] = 60000 + random( 3600000 ), i, false
	end
	for i = count, 2, -1 do
		local other = random( i ) + 1
		order[i], order[other] = order[other], order[i]
	end
	local before = resident( )
	local added = timed( function( )
		for i = 1, count do handles[i] = peer.add( delays[i], nothing ) end
	end )
	print( 'add', added / count * 1e9 )
	print( 'bytes', (resident( ) - before) / count )
	if peer.cancel then
		local cancelled = timed( function( )
			for i = 1, count do
				peer.cancel( handles[order[i]] )
				handles[order[i]] = false
			end
		end )
		print( 'cancel', cancelled / count * 1e9 )
	end
	-- The rest of a contender's timers would be waited for.
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

function measure.intervals( )
	local seconds, fired = 2, 0
	local function fire( ) fired = fired + 1 end
	for _ = 1, count do peer.every( 10, fire ) end
	peer.add( seconds * 1000 + 5, peer.stop )
	local used = timed( peer.run )
	print( 'fires', fired / (count * seconds * 100) )
	print( 'cpu', used / seconds )
	os.exit( 0 )
end

measure[what]( )
