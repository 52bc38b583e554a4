---@meta _

--- Types of the groups, channels, semaphores and events of `require 'cogloop'`. Each of these objects serves its
--- waiting tasks in the order of their calls. A call that does not have to wait may also come from a callback. With a
--- limit of 0 ms no call waits.

--- A group of tasks that end together. With Lua 5.4 the end of a `<close>` variable cancels the tasks. If the variable
--- ends in a task, that task also waits until the tasks of the group have ended.
---@class cogloop.Group
local Group = { }

--- Makes a task of the group. If the group was cancelled before, the task never begins.
---@overload fun( self: cogloop.Group, options: cogloop.Spawn, ...: any ): cogloop.Task
---@generic T
---@param f async fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Task
function Group:spawn( f, ... ) end

--- Waits until all tasks of the group have ended. If the task that calls `join` is cancelled, the group is cancelled,
--- too.
---@param ms? number
---@return true? ended
---@return any error the first error, which has cancelled the other tasks; or 'timed out', after which the tasks go on
---@return integer? errno
function Group:join( ms ) end

--- Cancels all tasks of the group.
---@param reason? any
---@return boolean first false if the group was cancelled before
function Group:cancel( reason ) end

--- A channel passes values from task to task. The loop `for value in channel do … end` receives until the channel is
--- closed and empty. Lua 5.1 cannot run this loop. With Lua 5.4 the end of a `<close>` variable closes the channel.
---@class cogloop.Channel
local Channel = { }

--- Sends a value. Waits until the channel has room for the value or a task receives it.
---@param value any not nil
---@param ms? number
---@return true? sent
---@return string? message
---@return integer? errno
function Channel:send( value, ms ) end

--- Receives a value. Waits until there is one.
---@param ms? number
---@return any value
---@return string? message
---@return integer? errno
function Channel:recv( ms ) end

--- Ends sending. The values in the channel can still be received.
---@return boolean open whether the channel was open
function Channel:close( ) end

--- A semaphore has a fixed number of permits, which tasks take and give back.
---@class cogloop.Semaphore
local Semaphore = { }

--- Takes a permit. Waits until one is free.
---@param ms? number
---@return true? acquired
---@return string? message
---@return integer? errno
function Semaphore:acquire( ms ) end

--- Gives a permit back. Raises if no permit is taken.
function Semaphore:release( ) end

--- An event is set or not set. Tasks wait until it is set.
---@class cogloop.Event
local Event = { }

--- Sets the event, and wakes all tasks that wait for it. From then on `wait` returns at once, until `clear` is called.
function Event:set( ) end

function Event:clear( ) end

---@return boolean
function Event:is_set( ) end

--- Waits until the event is set.
---@param ms? number
---@return true? set
---@return string? message
---@return integer? errno
function Event:wait( ms ) end
