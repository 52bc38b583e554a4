---@meta t.Net.Socket

return require 't.Net'.Socket
