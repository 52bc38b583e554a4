---@meta t.Net.Interface

return require 't.Net'.Interface
