---@meta t.Net.Interface

--- The machine's network interfaces; `docs/net.md` explains them.

---@class t.Net.Interface.Addresses
---@field address t.Net.Address
---@field netmask? t.Net.Address
---@field broadcast? t.Net.Address
---@field peeraddress? t.Net.Address

---@class t.Net.Interface.List : t.Net.Interface.Addresses the fields are those of the first entry
---@field [integer] t.Net.Interface.Addresses

---@class t.Net.Interface.Snapshot
---@field name string
---@field index integer?
---@field mtu integer?
---@field flags table<string, boolean>
---@field stats table<string, integer> empty on systems other than Linux
---@field address? t.Net.Address
---@field hw_address? string
---@field AF_INET? t.Net.Interface.List
---@field AF_INET6? t.Net.Interface.List

---@class t.Net.Interface
---@overload fun( name: string ): t.Net.Interface.Snapshot?, string?, integer?
local Interface = { }

---@return table<string, t.Net.Interface.Snapshot>
function Interface.list( ) end

---@param name string
---@return t.Net.Interface.Snapshot?
---@return string? message
---@return integer? number
function Interface.get( name ) end

---@return t.Net.Interface.Snapshot?
---@return string? message
---@return integer? number
function Interface.default( ) end

---@param interface t.Net.Interface.Snapshot
---@return string
function Interface.tostring( interface ) end

return Interface
