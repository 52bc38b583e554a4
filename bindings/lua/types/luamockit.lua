---@meta luamockit

--- One-off and interval callbacks through a queue of events.
---@class luamockit
local mockit = { }

---@class luamockit.Timer
local Timer = { }

--- Ends the timer; its events that are still queued are dropped. A second call is harmless.
---@param wait? boolean accepted, and of no effect: there is nothing to wait for
---@return nil
function Timer:destroy( wait ) end

--- Milliseconds since the Unix epoch.
---@return integer
function mockit.mstimestamp( ) end

--- Seconds since the Unix epoch, and milliseconds within that second.
---@return integer secs
---@return integer ms
function mockit.time( ) end

--- Blocks. A signal ends it, unless `resume` is true.
---@param ms integer
---@param resume? boolean
---@return integer left milliseconds, 0 when it was not cut short
---@return integer err 0, or the error number: EINTR
function mockit.sleep( ms, resume ) end

--- Queues one event after `ms` milliseconds.
---@param ms integer 0 or more
---@param f fun( )
---@return luamockit.Timer
function mockit.oneoff( ms, f ) end

--- Queues one event every `ms` milliseconds, on a schedule that does not drift.
---@param ms integer 1 or more
---@param f fun( )
---@return luamockit.Timer
function mockit.getit( ms, f ) end

--- Blocks until an event is queued, or a signal comes, for `ms` milliseconds at the most if it is given and above 0. With
--- no timer armed and no limit only a signal ends it.
---@param ms? integer
---@return 0|1 failed
---@return string? message
function mockit.wait( ms ) end

--- Events in the queue whose callback would run.
---@return integer
function mockit.pending( ) end

--- All events in the queue, those of timers that were destroyed since among them.
---@return integer
function mockit.inqueue( ) end

--- Runs the callbacks of the events that are in the queue now; the first error is raised when all have run.
---@return integer ran
function mockit.process_events( ) end

--- Nothing to do: older scripts call it.
---@return true
function mockit.init( ) end

--- A descriptor that is readable while an event is due, so that a loop can watch the module.
---@return integer? descriptor
---@return string? message
---@return integer? errno
function mockit.getfd( ) end

--- A table like this one, with timers and a queue of its own. With `clock = 'virtual'`, `sleep` and `wait` let its time pass.
---@param options? { clock?: 'real'|'virtual' }
---@return luamockit
function mockit.service( options ) end

return mockit
