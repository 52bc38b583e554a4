-- Checks that the definitions in types/ match the modules.
local here = arg[ 0 ]:match( '^(.-)[^/]*$' )
package.path = here .. '../?.lua;' .. package.path
local T = require 'harness'
local test, is_true, same_list = T.test, T.is_true, T.same_list

-- Reads a file of definitions. Returns the module's name, and a set of names. The file returns a table; the set has the
-- functions and fields of that table's class, and those of the parent classes that have a table in the same file.
local function read_definitions( path )
  local module, class, returned, parents, fields, functions, tables, class_of = nil, nil, nil, { }, { }, { }, { }, { }
  for line in io.lines( path ) do
    module = module or line:match( '^%-%-%-@meta ([%w.]+)' )
    local name, rest = line:match( '^%-%-%-@class ([%w.]+)(.*)' )
    if name then class, parents[ name ], fields[ name ], functions[ name ] = name, rest, { }, { } end
    local field = line:match( '^%-%-%-@field ([%a_][%w_]*) ' )
    if field then fields[ class ][ field ] = true end
    local table_name = line:match( '^local ([%a_][%w_]*) = { }' )
    if table_name then class_of[ table_name ], tables[ class ] = class, true end
    local owner, method = line:match( '^function ([%a_][%w_]*)[.:]([%a_][%w_]*)' )
    if method then functions[ class_of[ owner ] ][ method ] = true end
    returned = line:match( '^return ([%a_][%w_]*)' ) or returned
  end
  local names = { }
  local function collect( from )
    for _, kind in ipairs{ fields, functions } do
      for name in pairs( kind[ from ] ) do names[ name ] = true end
    end
    for parent in parents[ from ]:gmatch( '[%w.]+' ) do
      if tables[ parent ] then collect( parent ) end
    end
  end
  if returned then collect( class_of[ returned ] ) end
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
  -- A file with the module name `_` defines classes for another file.
  if module then test( ('%s exports exactly its definitions'):format( module ), function( )
    same_list( sorted( names ), sorted( require( module ) ), module )
  end ) end
end

test( 'there are definitions', function( )
  T.requires 'a shell'
  is_true( seen[ 't.Loop' ] )
end )

T.done( )
