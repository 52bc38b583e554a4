-- Ours: `t.Loop`.
local loop = require 't.Loop'( )

return {
	add = function( ms, f ) return loop:addTask( ms, f ) end,
	cancel = function( task ) loop:cancelTask( task ) end,
	every = function( ms, f )
		loop:addTask( ms, function( )
			f( )
			return ms
		end )
	end,
	run = function( ) loop:run( ) end,
	stop = function( ) loop:stop( ) end,
}
