-- Runs random programs on the faces of Cogloop in Lua and on their models. A face is an interface that a script uses.
-- The faces here are `cogloop` (the module of this name), `tasks` (the same module, with programs that consist of
-- tasks), `loop` (t.Loop) and `mockit` (luamockit).
--
--   lua faces.lua [PROGRAMS]            a fixed number of programs of each face
--   COGLOOP_SOAK_SECONDS=60 lua …       runs programs for that time
--   COGLOOP_SEED=42 lua …               begins with this seed; if PROGRAMS is 1, runs only the program of this seed
--   COGLOOP_FACE=tasks lua …            only this face
--   COGLOOP_VERBOSE=1 lua …             prints each program before it runs; a program that hangs is printed last
--   COGLOOP_SHRINK=0 lua …              does not shrink a program that shows a difference
--   COGLOOP_WITHOUT=close,wait lua …    leaves these operations out
--   COGLOOP_REPLAY=1 lua …              records each program and replays it instead of running the model. In a
--                                       difference, `module` is the replay, and `model` is the recorded run

local folder = arg[ 0 ]:match '^(.-)[^/]*$'
local parts  = { }
local function part( name )
  parts[ name ] = parts[ name ] or assert( loadfile( folder .. name .. '.lua' ) )( part )
  return parts[ name ]
end

local random, compare = part 'random', part 'compare'
local fake = part 'fake'
local the_world = part 'real'( )

-- Makes a face: the functions that generate and write its programs, the functions that the programs call, and its
-- model.
local function face_of( name, model, loop )
  local F = { name = name, real = the_world, stage = part 'stage' }
  F.generate, F.script, F.own = part( name .. '/generate' ), part( name .. '/script' ), part( name .. '/stage' )
  function F.fake( )
    local world = fake( )
    world[ loop ] = part( model )( world, function( of ) return part( 'cogloop/' .. of ) end ).loop
    return world
  end
  return F
end

-- The larger faces, cogloop and tasks, are chosen more often.
local cogloop, tasks = face_of( 'cogloop', 'cogloop/init', 'loop' ), face_of( 'tasks', 'cogloop/init', 'loop' )
local t_loop, mockit = face_of( 'loop', 'loop/model', 't_loop' ), face_of( 'mockit', 'mockit/model', 'service' )
local faces = { cogloop, t_loop, cogloop, tasks, mockit, cogloop, tasks }
if os.getenv 'COGLOOP_REPLAY' then
  compare.differ = compare.replay
  faces = { cogloop, tasks }
end
for _, face in ipairs( faces ) do
  if face.name == os.getenv 'COGLOOP_FACE' then faces = { face } end
end

local seconds = tonumber( os.getenv 'COGLOOP_SOAK_SECONDS' )
local seed    = tonumber( os.getenv 'COGLOOP_SEED' ) or 1
local count   = tonumber( arg[ 1 ] ) or 1000

local function elapsed( ) return os.time( ) end
local start, programs, operations = elapsed( ), 0, 0
local verbose = os.getenv 'COGLOOP_VERBOSE'
while seconds and elapsed( ) - start < seconds or not seconds and programs < count do
  local face = faces[ seed % #faces + 1 ]
  local program = face.generate( random( seed ), 10 + seed % 30 )
  if verbose then print( 'seed ' .. seed ) print( face.script( program ) ) io.stdout:flush( ) end
  local found, lines = compare.differ( face, program )
  if found then
    if os.getenv 'COGLOOP_SHRINK' ~= '0' then found = compare.shrink( face, program ) or found end
    print( compare.story( face, found ) )
    print( ('seed %d: %s and its model differ'):format( seed, face.name ) )
    os.exit( 1 )
  end
  programs, operations, seed = programs + 1, operations + lines, seed + 1
end
print( ('%d programs, %d operations'):format( programs, operations ) )
