-- The function returns the memory of this process in bytes, after a full collection.
return function( )
  collectgarbage( )
  collectgarbage( )
  for line in io.lines '/proc/self/status' do
    local kib = line:match( '^VmRSS:%s*(%d+)' )
    if kib then return tonumber( kib ) * 1024 end
  end
end
