---@meta _

--- What LuaLS knows of the timers and watchers of `require 'cogloop'`.

--- A timer. It does not keep its loop alive, and the loop does not keep it: a timer that nobody holds fires all the same.
---@class cogloop.Timer : userdata
local Timer = { }

--- Ends the timer. With Lua 5.4 also at the end of a `<close>` variable.
---@return boolean pending whether it was pending
function Timer:cancel( ) end

--- A new deadline, `ms` from now; an interval counts from there.
---@param ms number
---@return boolean pending
function Timer:reschedule( ms ) end

--- Stops the timer's time; what is left is kept. While it is paused it does not keep `run` from returning.
---@return boolean running whether its time was running
function Timer:pause( ) end

--- Lets a paused timer's time go on.
---@return boolean paused whether it was paused
function Timer:resume( ) end

---@return number? ms to the next deadline; nil when the timer is done
function Timer:remaining( ) end

---@return boolean running whether it is pending and not paused
function Timer:active( ) end

--- It keeps the loop running, as at first.
---@return cogloop.Timer self
function Timer:ref( ) end

--- The loop may end in spite of it.
---@return cogloop.Timer self
function Timer:unref( ) end

--- The functions of a handle.
---@class cogloop.Watcher : userdata
local Watcher = { }

--- Stops observing, a direction or both. With Lua 5.4 also at the end of a `<close>` variable.
---@param dir? cogloop.Direction
---@return boolean on whether it was on
function Watcher:off( dir ) end

---@return boolean on
function Watcher:active( ) end

---@return cogloop.Watcher self
function Watcher:ref( ) end

---@return cogloop.Watcher self
function Watcher:unref( ) end
