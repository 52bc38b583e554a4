-- Checks that the definitions in types/ match the modules.
local here = arg[ 0 ]:match( '^(.-)[^/]*$' )
package.path = here .. '../?.lua;' .. package.path
local T = require 'harness'
local test, is_true, same_list = T.test, T.is_true, T.same_list

-- Reads a file of definitions. Returns the name of its module and the names that it defines: functions of the module's table, and
-- fields of the module's class that always exist.
local function read_definitions( path )
  local module, class, returned, names, functions = nil, nil, nil, { }, { }
  for line in io.lines( path ) do
    module = module or line:match( '^%-%-%-@meta ([%w.]+)' )
    class  = line:match( '^%-%-%-@class ([%w.]+)' ) or class
    local field = line:match( '^%-%-%-@field ([%a_][%w_]*) ' )
    if field and class == module then names[ field ] = true end
    local owner, name = line:match( '^function ([%a_][%w_]*)[.:]([%a_][%w_]*)' )
    if name then functions[ owner ] = functions[ owner ] or { } functions[ owner ][ name ] = true end
    returned = line:match( '^return ([%a_][%w_]*)' ) or returned
  end
  for name in pairs( functions[ returned ] or { } ) do names[ name ] = true end
  return module, names
end

local function sorted( names )
  local list = { }
  for name in pairs( names ) do
    if type( name ) == 'string' then list[ #list + 1 ] = name end
  end
  table.sort( list )
  return list
end

local seen = { }
local found = T.supports 'a shell' and assert( io.popen( 'find "' .. here .. '../../types" -name "*.lua"' ) )
for path in found and found:lines( ) or function( ) end do
  local module, names = read_definitions( path )
  seen[ tostring( module ) ] = true
  -- A file with the name _ defines classes for another file.
  if module then test( ('the definitions of %s are what it exports'):format( module ), function( )
    same_list( sorted( names ), sorted( require( module ) ), module )
  end ) end
end

test( 'there are definitions', function( )
  T.requires 'a shell'
  is_true( seen[ 't.Loop' ] )
end )

T.done( )
