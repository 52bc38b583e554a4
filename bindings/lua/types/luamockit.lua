---@meta luamockit

--- One-off and interval timers. A timer queues events, and `process_events` runs the callbacks of queued events.
---@class luamockit : t.Loop.Pollable
local mockit = { }

--- A timer, made by `oneoff` or `getit`.
---@class luamockit.Timer
local Timer = { }

--- Ends the timer and drops its queued events. A second call has no effect. With Lua 5.4 the end of a `<close>`
--- variable destroys the timer, too.
---@param wait? boolean has no effect, because the timer has no thread that `destroy` could wait for
---@return nil
function Timer:destroy( wait ) end

--- Returns the milliseconds since the Unix epoch.
---@return integer
function mockit.mstimestamp( ) end

--- Returns the whole seconds since the Unix epoch, and the milliseconds since the last whole second.
---@return integer secs
---@return integer ms
function mockit.time( ) end

--- Blocks for `ms` milliseconds. If `resume` is not true, a signal ends the sleep. In the program `cogloop`, Ctrl-C
--- always ends it.
---@param ms integer
---@param resume? boolean
---@return integer left the milliseconds that were left; 0 if no signal ended the sleep
---@return integer err 0, or the error number: EINTR
function mockit.sleep( ms, resume ) end

--- Makes a timer that queues one event after `ms` milliseconds. `f` is the callback of the event.
---@param ms integer 0 or more
---@param f fun( )
---@return luamockit.Timer
function mockit.oneoff( ms, f ) end

--- Makes a timer that queues one event every `ms` milliseconds, without drift. `f` is the callback of each event.
---@param ms integer 1 or more
---@param f fun( )
---@return luamockit.Timer
function mockit.getit( ms, f ) end

--- Blocks until an event is queued or a signal comes. If `ms` is given and above 0, `wait` blocks for at most `ms`
--- milliseconds. Without this limit and without an armed timer, only a signal ends the wait; with a virtual clock such
--- a call fails at once.
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

--- Runs the callbacks of the events that are in the queue now. If callbacks fail, the rest still run, and then
--- `process_events` raises the first error.
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

--- Makes another module like this one, with its own timers and queue. With `clock = 'virtual'` the new module has
--- virtual time, which passes only in its `sleep` and `wait`.
---@param options? { clock?: 'real'|'virtual' }
---@return luamockit
function mockit.service( options ) end

return mockit
