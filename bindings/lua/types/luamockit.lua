---@meta luamockit

--- One-off and interval callbacks through a queue of events.
---@class luamockit : t.Loop.Pollable
local mockit = { }

---@class luamockit.Timer
local Timer = { }

--- Ends the timer and drops its queued events. A second call has no effect. With Lua 5.4 the end of a `<close>`
--- variable does the same.
---@param wait? boolean has no effect, because there is no thread for which it could wait
---@return nil
function Timer:destroy( wait ) end

--- Returns the milliseconds since the Unix epoch.
---@return integer
function mockit.mstimestamp( ) end

--- Returns the seconds since the Unix epoch, and the milliseconds within the last second.
---@return integer secs
---@return integer ms
function mockit.time( ) end

--- Blocks for `ms` milliseconds. A signal ends the sleep, unless `resume` is true. The Ctrl-C of the program `cogloop`
--- always ends it.
---@param ms integer
---@param resume? boolean
---@return integer left the milliseconds that were left; 0 if no signal ended the sleep
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

--- Blocks until an event is queued or a signal comes. If `ms` is given and above 0, it blocks for `ms` milliseconds at
--- most. If no timer is armed and there is no limit, only a signal ends the wait. With a virtual clock the call then
--- fails at once.
---@param ms? integer
---@return 0|1 failed
---@return string? message
function mockit.wait( ms ) end

--- Returns the number of queued events, except those of destroyed timers.
---@return integer
function mockit.pending( ) end

--- Returns the number of queued events, including those of destroyed timers.
---@return integer
function mockit.inqueue( ) end

--- Runs the callbacks of the events that are in the queue now. If callbacks have failed, `process_events` raises the
--- first error when all have run.
---@return integer ran
function mockit.process_events( ) end

--- Has no effect; older scripts call it.
---@return true
function mockit.init( ) end

--- Returns a descriptor that is readable while an event is due, so that a loop can watch the module.
---@return integer? descriptor
---@return string? message
---@return integer? errno
function mockit.getfd( ) end

--- Makes another module like this one, with its own timers and queue. With `clock = 'virtual'`, `sleep` and `wait` let
--- its time pass.
---@param options? { clock?: 'real'|'virtual' }
---@return luamockit
function mockit.service( options ) end

return mockit
