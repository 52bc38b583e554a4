---@meta _

--- What LuaLS knows of the tasks of `require 'cogloop'`.

--- How a task ended that was cancelled: the error that its wait raised, and that `join` gives.
---@class cogloop.Cancellation
---@field reason any what `cancel` was given
---@field name? string the task's name

---@class cogloop.Spawn
---@field [1] fun( ... ) what the task runs
---@field name? string
---@field grace? number how long it may wait after it was cancelled; default 1000

--- A coroutine with an owner. It is kept until it ends, whether or not somebody holds it.
---@class cogloop.Task : userdata
local Task = { }

--- Wakes the task at its wait, which raises a cancellation; what it waited for is free at once. A task that runs, or is about to, meets it at its
--- next wait; one that has not begun never begins. With Lua 5.4 also at the end of a `<close>` variable.
---@param reason? any
---@return boolean cancelled false: it had ended, or was cancelled before
function Task:cancel( reason ) end

--- Waits for the task's end, in another task of the loop; of a task that has ended, anywhere.
---@param ms? number how long; nil: for as long as it takes
---@return any ... its results; nil and its error or cancellation; nil, 'timed out', errno
function Task:join( ms ) end

---@return 'ready' | 'running' | 'waiting' | 'done' | 'failed' | 'cancelled'
function Task:status( ) end

---@return string? name
function Task:name( ) end

--- Its coroutine, for `debug` and `coroutine`. Others may close it, which equals a cancellation.
---@return thread? co nil once the task has ended
function Task:thread( ) end
