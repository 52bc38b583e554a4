-- Checks the documentation of `require 'cogloop'`: its examples run, and the definitions for LuaLS match the module.
local here = arg[ 0 ]:match( '^(.-)[^/]*$' )
package.path = here .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, is_true = T.test, T.equal, T.is_true

local function read( path )
  local file = assert( io.open( here .. path ) )
  local text = file:read '*a'
  file:close( )
  return text
end

-- Runs a piece of Lua and returns its output.
local function printed( code )
  local lines = { }
  local function keep( ... )
    local words = { ... }
    for i = 1, select( '#', ... ) do words[ i ] = tostring( words[ i ] ) end
    lines[ #lines + 1 ] = table.concat( words, '\t' ) .. '\n'
  end
  local outer = print
  print = keep                                                 -- luacheck: ignore
  local ok, problem = xpcall( assert( (loadstring or load)( code ) ), debug.traceback )
  print = outer                                                -- luacheck: ignore
  assert( ok, problem )
  return table.concat( lines )
end

-- The code blocks of docs/lua.md, each with its language and content.
local blocks = { }
for language, content in read '../../../../docs/lua.md':gmatch '\n```(%a+)\n(.-)```' do
  blocks[ #blocks + 1 ] = { language = language, content = content }
end

for i, block in ipairs( blocks ) do
  if block.language == 'lua' then
    test( 'the documentation, block ' .. i, function( )
      if block.content:find 'io%.' then T.requires 'Lua files as handles' end
      local output, follows = printed( block.content ), blocks[ i + 1 ]
      if follows and follows.language == 'text' then equal( output, follows.content ) end
    end )
  end
end

test( 'the documentation has more than a dozen blocks of code', function( ) is_true( #blocks > 12 ) end )

local types = read '../../types/cogloop.lua'
for _, name in ipairs{ 'loop', 'timer', 'task', 'sync' } do types = types .. read( '../../types/cogloop/' .. name .. '.lua' ) end

local function compare( object, prefix )
  local said = { }
  for name in types:gmatch( '\nfunction ' .. prefix:gsub( '%.', '%%.' ) .. '([%a_]+)%(' ) do
    said[ name ] = true
    equal( type( object[ name ] ), 'function', prefix .. name )
  end
  for name in pairs( object ) do is_true( said[ name ], prefix .. name .. ' in types/cogloop.lua' ) end
end

test( 'the definitions for LuaLS have each function of the module', function( )
  compare( cogloop, 'cogloop.' )
  local loop = cogloop.loop( )
  compare( getmetatable( loop ).__index, 'Loop:' )
  compare( getmetatable( loop:after( 1, print ) ).__index, 'Timer:' )
  compare( getmetatable( loop:spawn( print ) ).__index, 'Task:' )
  for class, object in pairs{ Group = loop:group( ), Channel = loop:channel( ), Semaphore = loop:semaphore( 1 ), Event = loop:event( ) } do
    compare( getmetatable( object ).__index, class .. ':' )
  end
  compare( getmetatable( loop:on( T.null( ), 'r', print ) ).__index, 'Watcher:' )
end )

test( 'the documentation has each function', function( )
  local text = read '../../../../docs/lua.md'
  for name in pairs( cogloop ) do is_true( text:find( name .. '[({]' ), name ) end
  for name in types:gmatch '\nfunction Timer:(%a+)' do is_true( text:find( 'timer:' .. name .. '(', 1, true ), name ) end
  for class in ('Group Channel Semaphore Event'):gmatch '%a+' do
    for name in types:gmatch( '\nfunction ' .. class .. ':([%a_]+)' ) do is_true( text:find( class:lower( ) .. ':' .. name .. '(', 1, true ), name ) end
  end
  for name in types:gmatch '\nfunction Task:(%a+)' do is_true( text:find( 'task:' .. name .. '(', 1, true ), name ) end
  for name in types:gmatch '\nfunction Watcher:(%a+)' do is_true( text:find( 'watcher:' .. name .. '(', 1, true ), name ) end
end )

T.done( )
