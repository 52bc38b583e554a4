-- The functions that a pasted script calls. The script loads this file from the project's root and passes the name of
-- its face. The log is printed.

return function( name )
  local function part( of ) return dofile( 'proptests/faces/lua/' .. of .. '.lua' ) end
  local S = part 'stage'( part 'real'( ), part( name .. '/stage' ) )
  S.lines = setmetatable( { }, { __newindex = function( lines, n, line ) print( line ) rawset( lines, n, line ) end } )
  return S
end
