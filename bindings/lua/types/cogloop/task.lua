---@meta _

--- Types of the tasks of `require 'cogloop'`.

--- The error of a cancelled task. The task's wait raises it, and `join` returns it.
---@class cogloop.Cancellation
---@field reason any the argument of `cancel`
---@field name? string the task's name

---@class cogloop.Spawn
---@field [1] async fun( ... ): any... the function that the task runs
---@field name? string
---@field grace? number the time in ms that the task may wait after it was cancelled; default 1000

--- A coroutine that the loop owns. The loop keeps the coroutine alive until it ends.
---@class cogloop.Task : userdata
local Task = { }

--- Cancels the task. The task's wait raises a cancellation before the loop waits again. The timer or handle of that
--- wait is free at once. A task that runs, or is about to run, gets the cancellation at its next wait. A task that has
--- not begun never begins. With Lua 5.4 the end of a `<close>` variable cancels the task, too.
---@param reason? any
---@return boolean cancelled false if the task had ended or was cancelled before
function Task:cancel( reason ) end

--- Waits until the task has ended. Only another task of the same loop can wait. Once the task has ended, any code may
--- call `join`. A task of a closed loop counts as cancelled, with the reason 'the loop is closed'.
---@param ms? number the longest wait; nil means no limit
---@return any ... the task's results; or nil and its error or cancellation; or nil, 'timed out', errno
function Task:join( ms ) end

---@return 'ready' | 'running' | 'waiting' | 'done' | 'failed' | 'cancelled'
function Task:status( ) end

---@return string? name
function Task:name( ) end

--- Returns the task's coroutine, for `debug` and `coroutine`. If a script closes the coroutine, the task counts as
--- cancelled.
---@return thread? co nil once the task has ended
function Task:thread( ) end
