-- Lua 5.4: when the C stack is full, the collector cannot call a finalizer. It prints a warning and frees the object
-- without calling the finalizer, so the object's resources leak. This script loads no module. It fails as long as Lua
-- has this fault.
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
