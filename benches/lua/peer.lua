-- Loads a contender by its name. If the contender is missing or has no function `can`, prints the reason and ends the
-- process.
return function( name, can )
  local found, peer = pcall( require, 'peers.' .. name )
  local why = not found and tostring( peer ):match( "^[^\n]*module '[%w.]+' not found" ) and 'it is not installed'
    or not found and tostring( peer ) or not peer[ can ] and 'it has nothing of the kind'
  if why then
    print( 'missing ' .. why )
    os.exit( 0 )
  end
  return peer
end
