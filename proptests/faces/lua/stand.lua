-- A pasted script loads this file from the project's root. It returns the functions of the script's face, with a log
-- that is printed.

return function( name )
  local function part( of ) return dofile( 'proptests/faces/lua/' .. of .. '.lua' ) end
  local S = part 'stage'( part 'real'( ), part( name .. '/stage' ) )
  S.lines = setmetatable( { }, { __newindex = function( lines, n, line ) print( line ) rawset( lines, n, line ) end } )
  return S
end
