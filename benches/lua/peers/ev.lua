-- libev, by lua-ev: a watcher for each timer. lua-ev has no sockets of its own.
local ev   = require 'ev'
local loop = ev.Loop.default

local function start( seconds, again, f )
  local timer = ev.Timer.new( f, seconds, again )
  timer:start( loop )
  return timer
end

return {
  add    = function( ms, f ) return start( math.max( ms / 1000, 1e-6 ), nil, f ) end,
  cancel = function( timer ) timer:stop( loop ) end,
  every  = function( ms, f ) start( ms / 1000, ms / 1000, f ) end,
  run    = function( ) loop:loop( ) end,
  stop   = function( ) loop:unloop( ) end,
}
