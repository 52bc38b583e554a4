---@meta _

--- Types of the timers and watchers of `require 'cogloop'`.

--- A timer. The object does not keep the loop alive, and the loop does not keep the object alive. The timer fires even
--- if no variable holds its object.
---@class cogloop.Timer : userdata
local Timer = { }

--- Cancels the timer. With Lua 5.4 the end of a `<close>` variable cancels it, too.
---@return boolean pending whether it was pending
function Timer:cancel( ) end

--- Sets the next deadline to `ms` from now. The later deadlines of an interval are counted from that deadline. The time
--- of a paused timer runs again.
---@param ms number
---@return boolean pending
function Timer:reschedule( ms ) end

--- Stops the timer's time and keeps the remaining time. A paused timer does not keep `run` from returning.
---@return boolean running whether its time was running
function Timer:pause( ) end

--- Continues a paused timer with the time that remained when it was paused.
---@return boolean paused whether it was paused
function Timer:resume( ) end

---@return number? ms the time to the next deadline; nil if the timer has ended
function Timer:remaining( ) end

---@return boolean running whether it is pending and not paused
function Timer:active( ) end

--- The timer keeps `run` from returning, as a new timer does.
---@return cogloop.Timer self
function Timer:ref( ) end

--- The timer does not keep `run` from returning.
---@return cogloop.Timer self
function Timer:unref( ) end

--- A watcher stands for the callbacks of a handle, at most one for each direction, or for the callback of a signal or a
--- child.
---@class cogloop.Watcher : userdata
local Watcher = { }

--- Removes the function of a direction, or of both. With Lua 5.4 the end of a `<close>` variable does that, too.
---@param dir? cogloop.Direction
---@return boolean on whether a function was removed
function Watcher:off( dir ) end

---@return boolean on whether the watcher has a function, or a task waits for its handle
function Watcher:active( ) end

---@return cogloop.Watcher self
function Watcher:ref( ) end

---@return cogloop.Watcher self
function Watcher:unref( ) end
