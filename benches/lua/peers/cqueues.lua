-- cqueues: a coroutine for each timer, which sleeps. It cannot be cancelled.
local cqueues = require 'cqueues'
local queue = cqueues.new( )
local is_stopped = false

return {
	add = function( ms, f )
		queue:wrap( function( )
			cqueues.sleep( ms / 1000 )
			f( )
		end )
	end,
	every = function( ms, f )
		local deadline = cqueues.monotime( )
		queue:wrap( function( )
			while true do
				deadline = deadline + ms / 1000
				cqueues.sleep( deadline - cqueues.monotime( ) )
				f( )
			end
		end )
	end,
	run = function( )
		while not is_stopped and not queue:empty( ) do assert( queue:step( ) ) end
	end,
	stop = function( ) is_stopped = true end,
}
