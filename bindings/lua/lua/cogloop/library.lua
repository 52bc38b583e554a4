-- Finds the library for the running version of Lua, and opens a module in it. It never loads a library for another
-- version: that would crash or fail with missing symbols.
local version = type( rawget( _G, 'jit' ) ) == 'table' and 'jit' or _VERSION:gsub( '%D', '' )
local name    = 'cogloop.lua' .. version

local found, openers = pcall( require, name )
if not found then
  if tostring( openers ):find( "module '" .. name .. "' not found", 1, true ) then
    openers = ('Cogloop is not built for this Lua (%s): there is no %s in package.cpath, which is %s'):format(
      version == 'jit' and 'LuaJIT' or _VERSION, name:gsub( '%.', '/' ) .. '.so', package.cpath )
  end
  error( openers, 0 )
end

return function( part )
  return openers[ part ]( part )
end
