---@meta _

--- Types of the timers and watchers of `require 'cogloop'`.

--- A timer. The object does not keep the loop alive, and the loop does not keep the object alive. The timer fires even
--- if no variable holds its object.
---@class cogloop.Timer : userdata
local Timer = { }

--- Cancels the timer. With Lua 5.4 the end of a `<close>` variable cancels the timer, too.
---@return boolean pending whether the timer was pending
function Timer:cancel( ) end

--- Sets the next deadline to `ms` from now. The later deadlines of an interval are counted from that deadline. If the
--- timer is paused, its time runs again.
---@param ms number
---@return boolean pending
function Timer:reschedule( ms ) end

--- Stops the timer's time and keeps the remaining time. A paused timer does not keep `run` from returning.
---@return boolean running whether the timer's time was running
function Timer:pause( ) end

--- Continues a paused timer with the time that remained when it was paused.
---@return boolean paused whether the timer was paused
function Timer:resume( ) end

---@return number? ms the time to the next deadline; nil if the timer has ended
function Timer:remaining( ) end

---@return boolean running whether the timer is pending and not paused
function Timer:active( ) end

--- Makes `run` wait for the timer, as it waits for a new timer.
---@return cogloop.Timer self
function Timer:ref( ) end

--- Lets `run` return without waiting for the timer.
---@return cogloop.Timer self
function Timer:unref( ) end

--- A watcher of a handle has at most one function for each direction. A watcher of a signal or of a child process has
--- one function.
---@class cogloop.Watcher : userdata
local Watcher = { }

--- Removes the function of a direction. Without `dir`, removes the functions of both directions. With Lua 5.4 the end
--- of a `<close>` variable removes both, too.
---@param dir? cogloop.Direction
---@return boolean on whether a function was removed
function Watcher:off( dir ) end

---@return boolean on whether the watcher has a function, or a task waits for its handle
function Watcher:active( ) end

--- Makes the watcher keep `run` going, as a new watcher does.
---@return cogloop.Watcher self
function Watcher:ref( ) end

--- Lets `run` return although the watcher is active.
---@return cogloop.Watcher self
function Watcher:unref( ) end
