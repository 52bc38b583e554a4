---@meta t

--- The modules in the manner of lua-t, and what lua-t has beside them.
---@class t
---@field Loop t.Loop
---@field Net t.Net
---@field print fun( ... )
local t = { }

--- The name in an object's metatable, or Lua's own for its type.
---@param value any
---@return string
function t.type( value ) end

--- As `assert`; the message is a format for what follows.
---@generic Value
---@param condition? Value
---@param message? string
---@param ... any
---@return Value
function t.assert( condition, message, ... ) end

--- As `require`, which also looks into the folder of the script that calls it.
---@param name string
---@return any
function t.require( name ) end

return t
