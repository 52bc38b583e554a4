-- Random programs on the faces of Lua, each beside its model.
--
--   lua faces.lua [PROGRAMS]            a fixed number of programs of each face
--   COGLOOP_SOAK_SECONDS=60 lua …       for so long
--   COGLOOP_SEED=42 lua …               begins with this seed; one program with PROGRAMS = 1
--   COGLOOP_VERBOSE=1 lua …             shows each program before it runs: the last one is that which hangs
--   COGLOOP_WITHOUT=close,wait lua …    leaves these operations out

local folder = arg[ 0 ]:match '^(.-)[^/]*$'
local parts  = { }
local function part( name )
  parts[ name ] = parts[ name ] or dofile( folder .. name .. '.lua' )
  return parts[ name ]
end

local random, compare, stage = part 'random', part 'compare', part 'stage'
local real, told = part 'real', part 'told'
local generate = part 'cogloop/generate'

local the_world = real( )
local face = { script = part 'cogloop/script', real = the_world, stage = stage }
function face.told( )
  local world = told( )
  local model = part 'cogloop/init'( world, function( name ) return part( 'cogloop/' .. name ) end )
  function world.loop( options ) return model.loop( options ) end
  return world
end

local seconds = tonumber( os.getenv 'COGLOOP_SOAK_SECONDS' )
local seed    = tonumber( os.getenv 'COGLOOP_SEED' ) or 1
local count   = tonumber( arg[ 1 ] ) or 1000

local function elapsed( ) return os.time( ) end
local start, programs, operations = elapsed( ), 0, 0
local verbose = os.getenv 'COGLOOP_VERBOSE'
while seconds and elapsed( ) - start < seconds or not seconds and programs < count do
  local program = generate( random( seed ), 10 + seed % 30 )
  if verbose then print( 'seed ' .. seed ) print( face.script( program ) ) io.stdout:flush( ) end
  local found, lines = compare.differ( face, program )
  if found then
    found = compare.shrink( face, program ) or found
    print( compare.story( found ) )
    print( ('seed %d: the module and the model differ'):format( seed ) )
    os.exit( 1 )
  end
  programs, operations, seed = programs + 1, operations + lines, seed + 1
end
print( ('%d programs, %d operations'):format( programs, operations ) )
