---@meta t

--- The module `t`: the modules with the interface of lua-t, and small functions of lua-t.
---@class t
---@field Loop t.Loop
---@field Net t.Net
---@field print fun( ... )
local t = { }

--- Returns the `__name` of the value's metatable. If there is none, returns the name of the value's type in Lua.
---@param value any
---@return string
function t.type( value ) end

--- Like `assert`; `message` is a format for the arguments that follow.
---@generic Value
---@param condition? Value
---@param message? string
---@param ... any
---@return Value
function t.assert( condition, message, ... ) end

--- Like `require`, but also searches the folder of the script that calls it.
---@param name string
---@return any
function t.require( name ) end

return t
