---@meta t.Net

--- Sockets, addresses and network interfaces; `docs/net.md` explains them.
---@class t.Net
---@field Socket t.Net.Socket
---@field Address t.Net.Address
---@field Interface t.Net.Interface
local Net = { }

return Net
