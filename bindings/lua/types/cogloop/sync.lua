---@meta _

--- What LuaLS knows of the objects between tasks of `require 'cogloop'`. All serve in the order in which they were asked. What need not wait may
--- be called from callbacks, too; with a limit of 0 nothing waits.

--- Tasks that end together. With Lua 5.4 the end of a `<close>` variable cancels them and awaits their ends.
---@class cogloop.Group
local Group = { }

--- A task of the group. In a group that was cancelled it never begins.
---@param f fun( ... ) | cogloop.Spawn
---@param ... any
---@return cogloop.Task
function Group:spawn( f, ... ) end

--- Waits for the ends of all. If the waiting task is cancelled, so is the group.
---@param ms? number
---@return true? ended
---@return any error the first error; it has cancelled the others. 'timed out': they go on
---@return integer? errno
function Group:join( ms ) end

---@param reason? any
---@return boolean first
function Group:cancel( reason ) end

--- Values from task to task. `for value in channel do … end` receives until it is closed and empty.
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

--- Nothing is sent any more; what is in it can be received.
---@return boolean open whether it was open
function Channel:close( ) end

---@class cogloop.Semaphore
local Semaphore = { }

---@param ms? number
---@return true? acquired
---@return string? message
---@return integer? errno
function Semaphore:acquire( ms ) end

function Semaphore:release( ) end

---@class cogloop.Event
local Event = { }

--- Wakes all that wait; nobody waits until `clear`.
function Event:set( ) end

function Event:clear( ) end

---@return boolean
function Event:is_set( ) end

---@param ms? number
---@return true? set
---@return string? message
---@return integer? errno
function Event:wait( ms ) end
