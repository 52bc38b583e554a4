---@meta t.Net

--- Sockets, addresses and network interfaces; `docs/net.md` explains them.
---@class t.Net
---@field Socket t.Net.Socket.Class
---@field Address t.Net.Address
---@field Interface t.Net.Interface
---@field Family table<string|integer, integer|string> `Family.AF_INET` is the number, `Family[ number ]` is the name
local Net = { }

return Net
