-- libuv: a handle for each timer.
local uv = require 'luv'

local function start( ms, again, f )
	local timer = uv.new_timer( )
	timer:start( ms, again, f )
	return timer
end

return {
	add = function( ms, f )
		local timer
		timer = start( ms, 0, function( )
			f( )
			timer:close( )
		end )
		return timer
	end,
	cancel = function( timer ) timer:close( ) end,
	every = function( ms, f ) start( ms, ms, f ) end,
	run = function( ) uv.run( ) end,
	stop = function( ) uv.stop( ) end,
}
