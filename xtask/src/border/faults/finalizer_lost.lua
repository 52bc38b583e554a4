-- Lua 5.4: where the C stack is full, the collector cannot call a finalizer. It warns of it, and the object is freed
-- without: what it held is lost. No module is loaded. The script fails as long as that is so.
local made, gone = 0, 0
local meta = { __gc = function( ) gone = gone + 1 end }
local function nest( )
  for _ = 1, 1000 do
    made = made + 1
    setmetatable( { }, meta )
  end
  return (string.gsub( 'x', 'x', nest ))
end
pcall( nest )
pcall( nest )
collectgarbage( )
collectgarbage( )
os.exit( made == gone )
