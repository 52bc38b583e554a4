-- The small functions in lua-t's table `t`, which programs for lua-t use. The chunk's argument is that table.
local t = ...

-- Returns the `__name` of the value's metatable. If there is no such name, returns the name of Lua's type.
function t.type( value )
  local meta = getmetatable( value )
  local name = type( meta ) == 'table' and rawget( meta, '__name' )
  return type( name ) == 'string' and name or type( value )
end

-- Like `assert`, but the message is a format for the arguments that follow.
function t.assert( condition, message, ... )
  if condition then return condition, message, ... end
  if select( '#', ... ) > 0 then message = message:format( ... ) end
  error( message == nil and 'assertion failed!' or message, 0 )
end

-- Like `require`, but also searches the folder of the script that calls it.
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
