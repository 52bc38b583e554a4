---@meta _

--- Types of the groups, channels, semaphores and events of `require 'cogloop'`. All serve tasks in the order of their
--- calls. A callback may call each function if the call need not wait. With a limit of 0 ms no call waits.

--- A group of tasks that end together. With Lua 5.4 the end of a `<close>` variable cancels the tasks. In a task the
--- end of the variable also waits until the tasks have ended.
---@class cogloop.Group
local Group = { }

--- Makes a task of the group. In a group that was cancelled the task never begins.
---@overload fun( self: cogloop.Group, options: cogloop.Spawn, ...: any ): cogloop.Task
---@generic T
---@param f async fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Task
function Group:spawn( f, ... ) end

--- Waits until all tasks have ended. If the waiting task is cancelled, the group is cancelled, too.
---@param ms? number
---@return true? ended
---@return any error the first error, which has cancelled the other tasks; or 'timed out', after which the tasks go on
---@return integer? errno
function Group:join( ms ) end

---@param reason? any
---@return boolean first whether the group was not cancelled before
function Group:cancel( reason ) end

--- Passes values from task to task. `for value in channel do … end` receives until the channel is closed and empty. Lua
--- 5.1 cannot run this loop. With Lua 5.4 the end of a `<close>` variable closes the channel.
---@class cogloop.Channel
local Channel = { }

---@param value any not nil
---@param ms? number
---@return true? sent
---@return string? message
---@return integer? errno
function Channel:send( value, ms ) end

---@param ms? number
---@return any value
---@return string? message
---@return integer? errno
function Channel:recv( ms ) end

--- Ends sending. The values in the channel can still be received.
---@return boolean open whether the channel was open
function Channel:close( ) end

---@class cogloop.Semaphore
local Semaphore = { }

---@param ms? number
---@return true? acquired
---@return string? message
---@return integer? errno
function Semaphore:acquire( ms ) end

--- Gives a permit back. Raises if none is taken.
function Semaphore:release( ) end

---@class cogloop.Event
local Event = { }

--- Wakes all tasks that wait. Until `clear`, `wait` returns at once.
function Event:set( ) end

function Event:clear( ) end

---@return boolean
function Event:is_set( ) end

---@param ms? number
---@return true? set
---@return string? message
---@return integer? errno
function Event:wait( ms ) end
