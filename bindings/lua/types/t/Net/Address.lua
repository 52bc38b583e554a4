---@meta t.Net.Address

return require 't.Net'.Address
