---@meta t.Loop

--- Types of `require 't.Loop'` for LuaLS, the Lua language server. Add this folder to `workspace.library`.

--- A direction: read, write, or both.
---@alias t.Loop.Direction
---| 1 # read
---| 2 # write
---| 3 # read and write
---| 'READ'
---| 'r'
---| 'rd'
---| 'read'
---| 'inc'
---| 'incoming'
---| 'WRITE'
---| 'w'
---| 'wr'
---| 'write'
---| 'out'
---| 'outgoing'
---| 'READWRITE'
---| 'rw'
---| 'rdwr'
---| 'readwrite'
---| 'both'
---| 'either'

--- An object with a descriptor. The methods `getfd`, `fileno` and `pollfd` return the descriptor; `pollfd` may also be
--- a field with the descriptor's number. One of the three is enough.
---@class t.Loop.Pollable
---@field getfd? fun( self ): number
---@field fileno? fun( self ): number
---@field pollfd? number | fun( self ): number
---@field dirty? fun( self ): boolean whether the object has buffered input

--- A value that a loop can observe: a Lua file, a descriptor, or an object with a descriptor. The types `file*` and
--- `file` both mean a Lua file, because language servers use different names for it.
---@alias t.Loop.Handle file* | file | integer | t.Loop.Pollable

---@class t.Loop.Options
---@field backend? 'epoll' | 'uring' | 'select' | 'portable' default: `COGLOOP_BACKEND`, or the best backend that works
---@field clock? 'real' | 'virtual' a virtual clock jumps to the next deadline instead of waiting for it
---@field debug? boolean sets user value 1 of each task to the task that fires next after it (also: `COGLOOP_DEBUG=1`)

--- A task that was added to a loop. Its user value 2 is `{ f, arg1, … }`.
---@class t.Loop.Task : userdata

--- An observed handle. User value 1 is `{ f, arg1, … }` for reading, user value 2 the same for writing, and user value
--- 3 the handle.
---@class t.Loop.Node : userdata

--- An event loop. It calls tasks at their deadlines, and functions for handles that are ready. `loop[ h ]` is the node
--- of the handle `h`, and `#loop` is the number of handles.
---@class t.Loop
---@field READ 1
---@field WRITE 2
---@field READWRITE 3
---@field r 1
---@field rd 1
---@field read 1
---@field inc 1
---@field incoming 1
---@field w 2
---@field wr 2
---@field write 2
---@field out 2
---@field outgoing 2
---@field rw 3
---@field rdwr 3
---@field readwrite 3
---@field both 3
---@field either 3
---@field onerror? fun( err: any, traceback: string?, what: t.Loop.Task | t.Loop.Node ) gets the errors of callbacks; without this function `run` raises them
---@field [t.Loop.Handle] t.Loop.Node?
---@overload fun( options?: t.Loop.Options | integer ): t.Loop
---@operator len: integer
local Loop = { }

--- Runs `f( ... )` when `ms` milliseconds have passed, and never earlier. If `f` returns a whole number `n` of 1 or
--- more, `f` runs again `n` milliseconds after the deadline that was served. Missed deadlines are skipped.
---@generic T
---@param ms number 0 or more; fractions count
---@param f fun( ...: T... ): number | false | nil
---@param ... T...
---@return t.Loop.Task
function Loop:addTask( ms, f, ... ) end

--- Cancels a task. If the task's own callback cancels it, the number that the callback returns has no effect.
---@param task t.Loop.Task
---@return boolean pending whether the task was pending
function Loop:cancelTask( task ) end

--- Calls `f( ... )` whenever the handle is ready. A second call for the same handle and direction replaces `f` and its
--- arguments.
---@generic T
---@param h t.Loop.Handle
---@param dir t.Loop.Direction
---@param f fun( ...: T... ): any...
---@param ... T...
---@return t.Loop.Node
function Loop:addHandle( h, dir, f, ... ) end

--- Stops observing a direction. Call `removeHandle` before you close the handle.
---@param h t.Loop.Handle
---@param dir t.Loop.Direction
---@return t.Loop.Node | false
---@return string? message if the direction was not observed
function Loop:removeHandle( h, dir ) end

--- Serves tasks and handles until `stop` is called, or until no task and no handle is left.
function Loop:run( ) end

--- Makes `run` return after the current callback. Tasks that are due stay due.
function Loop:stop( ) end

--- Removes every task and handle.
function Loop:clean( ) end

--- Prints the tasks, in the order in which they expire, and the handles. Returns the same text.
---@return string
function Loop:show( ) end

--- Returns the backend's name and the reason why it was chosen.
---@return string name
---@return string reason
function Loop:backend( ) end

--- Returns the milliseconds since the Unix epoch; for a loop with a virtual clock, since the loop was made. Works with
--- and without a `self`.
---@return integer
function Loop.time( ) end

--- Blocks for `ms` milliseconds. No signal shortens the sleep, except Ctrl-C in the program `cogloop`. On a loop with a
--- virtual clock, `sleep` only lets the virtual time pass. Works with and without a `self`.
---@param ms number
function Loop.sleep( ms ) end

return Loop
