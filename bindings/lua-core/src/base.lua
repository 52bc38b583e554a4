-- What lua-t's own table has beside the modules, for programs of its users. The chunk gets that table.
local t = ...

-- The name that an object's metatable gives, or Lua's own for its type.
function t.type( value )
  local meta = getmetatable( value )
  local name = type( meta ) == 'table' and rawget( meta, '__name' )
  return type( name ) == 'string' and name or type( value )
end

-- `assert` whose message is a format for what follows.
function t.assert( condition, message, ... )
  if condition then return condition, message, ... end
  if select( '#', ... ) > 0 then message = message:format( ... ) end
  error( message == nil and 'assertion failed!' or message, 0 )
end

-- `require` that also looks into the folder of the script that calls it.
function t.require( name )
  local source      = debug and debug.getinfo( 2, 'S' ).source or ''
  local folder      = source:match '^@(.*)/' or '.'
  local path, cpath = package.path, package.cpath
  package.path  = ('%s;%s/?.lua;%s/?/init.lua'):format( path, folder, folder )
  package.cpath = ('%s;%s/?.so'):format( cpath, folder )
  local ok, result = pcall( require, name )
  package.path, package.cpath = path, cpath
  if not ok then error( result, 0 ) end
  return result
end

t.print = print
