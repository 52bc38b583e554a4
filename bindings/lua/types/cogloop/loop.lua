---@meta _

--- What LuaLS knows of the loops of `require 'cogloop'`.

--- An event loop.
---@class cogloop.Loop
local Loop = { }

--- Calls `f( ... )` once, `ms` from now, never earlier.
---@param ms number 0 or more
---@param f fun( ... )
---@param ... any
---@return cogloop.Timer
function Loop:after( ms, f, ... ) end

--- Calls `f( ... )` every `ms`, without drift.
---@param ms number | cogloop.Every
---@param f fun( ... )
---@param ... any
---@return cogloop.Timer
function Loop:every( ms, f, ... ) end

--- Calls `f( ... )` once, at a time of the loop's own, as `now` says it.
---@param time number
---@param f fun( ... )
---@param ... any
---@return cogloop.Timer
function Loop:at( time, f, ... ) end

--- In a timer's callback: which timer it is, how late, and how many deadlines were missed. Elsewhere nothing.
---@return cogloop.Timer? timer
---@return number? late
---@return integer? missed
function Loop:firing( ) end

--- Calls `f( ... )` whenever the handle is ready. A second call for the same handle and direction replaces both.
---@param handle cogloop.Handle
---@param dir cogloop.Direction
---@param f fun( ... )
---@param ... any
---@return cogloop.Watcher?, string? message, integer? errno
function Loop:on( handle, dir, f, ... ) end

--- Runs `f( ... )` as a task, from the next turn on.
---@param f fun( ... ) | cogloop.Spawn
---@param ... any
---@return cogloop.Task
function Loop:spawn( f, ... ) end

--- The tasks that have not ended, in no order.
---@return cogloop.Task[]
function Loop:tasks( ) end

--- In a task: waits until somebody calls `unpark` with it.
---@param ms? number how long
---@return any ... what `unpark` was given; nil, 'timed out', errno
function Loop:park( ms ) end

--- Wakes a task that is parked: its `park` returns the values, before the loop waits again.
---@param task cogloop.Task
---@param ... any
---@return boolean parked false: it does not wait in `park`, or is woken already; the values go nowhere
function Loop:unpark( task, ... ) end

--- In a task: waits for `ms`.
---@param ms number
function Loop:sleep( ms ) end

--- In a task: waits until the handle is ready or closed, `ms` at the most.
---@param handle cogloop.Handle
---@param dir cogloop.Direction
---@param ms? number
---@return 'r' | 'w' | 'rw' | nil ready
---@return string? message
---@return integer? errno
function Loop:wait( handle, dir, ms ) end

---@return boolean inside whether the caller is a task that may wait
---@return cogloop.Task? task
function Loop:running( ) end

--- Calls `f( name )` whenever the signal comes, until the watcher is off.
---@param name string `'INT'`, `'TERM'`, `'HUP'`, `'USR1'`, …
---@param f fun( name: string )
---@return cogloop.Watcher?, string? message, integer? errno
function Loop:signal( name, f ) end

--- Calls `f( pid, how, code )` when a child process has ended.
---@param pid integer
---@param f fun( pid: integer, how: 'exit' | 'signal', code: integer? )
---@return cogloop.Watcher?, string? message, integer? errno
function Loop:child( pid, f ) end

--- A function that calls `f` with its last arguments, `ms` after its last call.
---@param ms number
---@param f fun( ... )
---@return fun( ... )
function Loop:debounce( ms, f ) end

--- A function that calls `f` at once, and then at most every `ms`; the last call is not lost.
---@param ms number
---@param f fun( ... )
---@return fun( ... )
function Loop:throttle( ms, f ) end

--- Serves timers and handles until `stop`, or until nothing is left.
---@return true? ended nil when the system refuses to wait
---@return string? message
---@return integer? errno
function Loop:run( ) end

--- Takes one turn, which waits for `ms` at the most; without `ms`, for as long as it takes.
---@param ms? number
---@return boolean? left whether anything is left; nil when the system refuses to wait
---@return string? message
---@return integer? errno
function Loop:step( ms ) end

--- Lets virtual time pass, and serves what becomes due, each at its own moment. In a callback only the time passes.
---@param ms number
---@return true?, string? message, integer? errno
function Loop:advance( ms ) end

--- Makes `run` return after the callback that calls this. What was due stays due.
function Loop:stop( ) end

--- Ends the loop, and everything in it.
function Loop:close( ) end

---@return number ms since the loop was made
function Loop:now( ) end

--- Takes the errors of callbacks; nil: they leave `run`. `what` is the timer, watcher or task.
---@param f? fun( err: any, traceback: string?, what: cogloop.Timer | cogloop.Watcher | cogloop.Task )
---@return function? before the function before
function Loop:onerror( f ) end

--- The timers in the order in which they fire; paused ones last.
---@return cogloop.Listed[]
function Loop:timers( ) end

---@return cogloop.Observed[]
function Loop:handles( ) end

--- The loop as text: its backend, its descriptors, its wheel.
---@return string
function Loop:dump( ) end

--- Numbers. `true` begins to measure anew, `false` ends it.
---@param measure? boolean
---@return cogloop.Stats
function Loop:stats( measure ) end

--- `f( where, ms )` is told of each callback that takes `ms` or longer, by the `source:line` of its function.
---@param ms? number nil: nobody is told
---@param f? fun( where: string, ms: number )
function Loop:slow( ms, f ) end

--- The descriptor that is readable when there is something to do.
---@return integer?
---@return string? message
---@return integer? errno
function Loop:fd( ) end

--- The same, as cqueues asks for it.
---@return integer?
---@return string? message
---@return integer? errno
function Loop:pollfd( ) end

---@return 'r'
function Loop:events( ) end

--- Runs `f( ... )` in a task of its own, which is cancelled after `ms`. Without arguments: seconds, as cqueues asks for them, until there is
--- something to do; nil: for ever.
---@param ms? number
---@param f? fun( ... )
---@param ... any
---@return any ... its results; nil, 'timed out', errno; its error is raised
function Loop:timeout( ms, f, ... ) end

--- Tasks that end together.
---@return cogloop.Group
function Loop:group( ) end

--- Waits for all: the first result of each. The first error cancels the others and is raised.
---@param ... fun( ) | cogloop.Task
---@return any ...
function Loop:all( ... ) end

--- Waits for the first that returns: its results. The others are cancelled. If none returns, the first error is raised.
---@param ... fun( ) | cogloop.Task
---@return any ...
function Loop:any( ... ) end

---@param capacity? integer how many values it holds; 0: each is handed over
---@return cogloop.Channel
function Loop:channel( capacity ) end

---@param count integer how many may hold it
---@return cogloop.Semaphore
function Loop:semaphore( count ) end

---@return cogloop.Event
function Loop:event( ) end

--- As `coroutine.wrap`; what `f` calls may wait, too.
---@param f fun( ... )
---@return fun( ... )
function Loop:wrap( f ) end

--- As `pcall`; what `f` calls may wait, with Lua 5.1 too.
---@param f fun( ... )
---@param ... any
---@return boolean ok
---@return any ...
function Loop:pcall( f, ... ) end

--- The same in milliseconds.
---@return number?
function Loop:remaining( ) end
