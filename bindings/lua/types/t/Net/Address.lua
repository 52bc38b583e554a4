---@meta t.Net.Address

--- The address of a socket; `docs/net.md` explains it.

---@class t.Net.Address.Properties
---@field ip string an IP address, or the path of a Unix socket
---@field port integer? nil for a Unix socket
---@field family string 'AF_INET', 'AF_INET6' or 'AF_UNIX'; it changes when an `ip` of another family is written
---@field scope integer? of an IPv6 address
---@field flow integer? of an IPv6 address

---@class t.Net.Address : t.Net.Address.Properties
---@overload fun( ip?: string, port?: integer | string ): t.Net.Address
---@overload fun( adr: t.Net.Address ): t.Net.Address
---@overload fun( port: integer ): t.Net.Address
local Address = { }

---@return string ip
---@return integer? port
function Address:get( ) end

---@param ip? string
---@param port? integer | string
---@return t.Net.Address self
function Address:set( ip, port ) end

return Address
