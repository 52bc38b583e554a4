-- Finds the library for the running version of Lua, and opens a module in it. Never loads a library for another
-- version, because such a library would crash or fail with missing symbols.
local version = type( rawget( _G, 'jit' ) ) == 'table' and 'jit' or _VERSION:gsub( '%D', '' )
-- On Windows the DLL of Lua itself may be called lua54.dll, and the loader takes two DLLs with the same name for one.
local is_windows = package.config:sub( 1, 1 ) == '\\'
local name       = (is_windows and 'cogloop.cogloop' or 'cogloop.lua') .. version
local file       = name:gsub( '%.', is_windows and '\\' or '/' ) .. (is_windows and '.dll' or '.so')

local found, openers = pcall( require, name )
if not found then
  if tostring( openers ):find( "module '" .. name .. "' not found", 1, true ) then
    openers = ('Cogloop is not built for this Lua (%s): there is no %s in package.cpath, which is %s'):format(
      version == 'jit' and 'LuaJIT' or _VERSION, file, package.cpath )
  end
  error( openers, 0 )
end

return function( part )
  return openers[ part ]( part )
end
