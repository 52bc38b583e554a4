-- Runs a program on a module and on the module's model, and compares the logs. Shrinks a program that shows a
-- difference.

local compile = loadstring or load

-- Runs a program in a world, which has the descriptors: real.lua for the module, fake.lua for the model. Returns the
-- program's functions, which have the log.
local function run( text, world, face )
  local S = face.stage( world, face.own )
  local chunk = assert( compile( 'local S = ...\n' .. text, '=program' ) )
  local ok, message = pcall( chunk, S )
  if not ok then S.say( 'program', tostring( message ) ) end
  return S
end

local M = { }

-- Records a run of the program on the module, and replays it. Returns the first difference of the two logs, or nil and
-- the number of their lines.
function M.replay( face, program )
  local file, text = os.tmpname( ), face.script( program )
  local logs = { }
  for i, how in ipairs{ 'record', 'replay' } do
    face.real.recording = { how = how, file = file }
    logs[ i ] = run( text, face.real, face ).lines
  end
  face.real.recording = nil
  os.remove( file )
  for i = 1, math.max( #logs[ 1 ], #logs[ 2 ] ) do
    if logs[ 1 ][ i ] ~= logs[ 2 ][ i ] then return { line = i, got = logs[ 2 ], wanted = logs[ 1 ], text = text } end
  end
  return nil, #logs[ 1 ]
end

-- Returns the first difference of the logs of the module and the model, or nil and the number of their lines.
function M.differ( face, program )
  local text = face.script( program )
  local got = run( text, face.real, face )
  local fake = face.fake( )
  fake.marks = got.marks
  local wanted = run( text, fake, face )
  for i = 1, math.max( #got.lines, #wanted.lines ) do
    if got.lines[ i ] ~= wanted.lines[ i ] then
      return { line = i, got = got.lines, wanted = wanted.lines, text = text }
    end
  end
  return nil, #got.lines
end

-- ## Shrinking
-- Leaves out operations and options as long as the logs still differ. Of a list of operations it first leaves out a
-- half, then smaller parts.
local function lists( ops, all )
  all[ #all + 1 ] = ops
  for _, op in ipairs( ops ) do
    if op.body then lists( op.body, all ) end
  end
  return all
end

local function without_some( face, program )
  for _, list in ipairs( lists( program.ops, { } ) ) do
    local size = math.max( math.floor( #list / 2 ), 1 )
    while size >= 1 do
      local i = 1
      while i + size - 1 <= #list do
        local gone = { }
        for _ = 1, size do gone[ #gone + 1 ] = table.remove( list, i ) end
        if M.differ( face, program ) then return true end
        for k = #gone, 1, -1 do table.insert( list, i, gone[ k ] ) end
        i = i + size
      end
      size = math.floor( size / 2 )
    end
  end
  for key, value in pairs( program.options ) do
    program.options[ key ] = nil
    if M.differ( face, program ) then return true end
    program.options[ key ] = value
  end
  return false
end

function M.shrink( face, program )
  while without_some( face, program ) do end
  return M.differ( face, program )
end

-- Returns a difference as text: the program as a script, a few lines before the first difference, and a few lines of
-- each log from the difference on.
function M.story( face, found )
  local out = { ("local S = dofile 'proptests/faces/lua/stand.lua' '%s'"):format( face.name ), found.text }
  for i = math.max( found.line - 8, 1 ), found.line - 1 do out[ #out + 1 ] = '-- both      ' .. found.got[ i ] end
  for i = found.line, math.min( found.line + 2, #found.got ) do out[ #out + 1 ] = '-- module    ' .. found.got[ i ] end
  for i = found.line, math.min( found.line + 2, #found.wanted ) do out[ #out + 1 ] = '-- model     ' .. found.wanted[ i ] end
  return table.concat( out, '\n' )
end

return M
