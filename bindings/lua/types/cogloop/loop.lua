---@meta _

--- Types of the loops of `require 'cogloop'`.

--- An event loop.
---@class cogloop.Loop : t.Loop.Pollable
local Loop = { }

--- Calls `f( ... )` once, when `ms` have passed, and never earlier.
---@generic T
---@param ms number 0 or more
---@param f fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Timer
function Loop:after( ms, f, ... ) end

--- Calls `f( ... )` every `ms`, without drift.
---@generic T
---@param ms number | cogloop.Every
---@param f fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Timer
function Loop:every( ms, f, ... ) end

--- Calls `f( ... )` once, when `now( )` has reached `time`.
---@generic T
---@param time number
---@param f fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Timer
function Loop:at( time, f, ... ) end

--- In a timer's callback, returns the timer, its lateness in ms, and the number of missed deadlines. Elsewhere it
--- returns nothing.
---@return cogloop.Timer timer
---@return number late
---@return integer missed
function Loop:firing( ) end

--- Calls `f( ... )` whenever the handle is ready. A second call for the same handle and direction replaces `f` and its
--- arguments. Raises if a task waits for the same direction of the handle.
---@generic T
---@param handle cogloop.Handle
---@param dir cogloop.Direction
---@param f fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Watcher?, string? message, integer? errno
function Loop:on( handle, dir, f, ... ) end

--- Makes a task that runs `f( ... )`. The task begins in the next turn.
---@overload fun( self: cogloop.Loop, options: cogloop.Spawn, ...: any ): cogloop.Task
---@generic T
---@param f async fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Task
function Loop:spawn( f, ... ) end

--- Returns the tasks that have not ended, in no particular order.
---@return cogloop.Task[]
function Loop:tasks( ) end

--- In a task, waits until `unpark` is called for this task.
---@param ms? number the longest wait
---@return any ... the values that `unpark` was given; or nil, 'timed out', errno
function Loop:park( ms ) end

--- Wakes a parked task. Its call of `park` returns the values before the loop waits again.
---@param task cogloop.Task
---@param ... any
---@return boolean parked false if the task does not wait in `park` or has already been woken; the values are then lost
function Loop:unpark( task, ... ) end

--- In a task, waits for `ms`.
---@param ms number
function Loop:sleep( ms ) end

--- In a task, waits until the handle is ready or closed, for `ms` at most. Raises if another task waits for the same
--- direction of the handle, or if a watcher has a function for that direction.
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

--- Calls `f( name )` whenever the signal comes, until the returned watcher's `off` is called.
---@param name string `'INT'`, `'TERM'`, `'HUP'`, `'USR1'`, …
---@param f fun( name: string )
---@return cogloop.Watcher?, string? message, integer? errno
function Loop:signal( name, f ) end

--- Calls `f( pid, how, code )` when a child process has ended.
---@param pid integer
---@param f fun( pid: integer, how: 'exit' | 'signal', code: integer? )
---@return cogloop.Watcher?, string? message, integer? errno
function Loop:child( pid, f ) end

--- Returns a function that postpones `f`. When the returned function has not been called for `ms`, `f` gets the
--- arguments of the last call.
---@generic T
---@param ms number
---@param f fun( ...: T... ): any...
---@return fun( ...: T... )
function Loop:debounce( ms, f ) end

--- Returns a function that calls `f` at once, and then at most once in `ms`. If further calls come within `ms`, `f`
--- gets the arguments of the last one when `ms` have passed.
---@generic T
---@param ms number
---@param f fun( ...: T... ): any...
---@return fun( ...: T... )
function Loop:throttle( ms, f ) end

--- Serves timers, handles and tasks until `stop` is called, or until nothing is left that keeps the loop running.
---@return true? ended nil if the system refuses to wait
---@return string? message
---@return integer? errno
function Loop:run( ) end

--- Runs one turn, which waits for at most `ms`. Without `ms` the turn waits until something happens. If nothing is left
--- that keeps the loop running, the turn does not wait.
---@param ms? number
---@return boolean? left whether anything is left that keeps the loop running; nil if the system refuses to wait
---@return string? message
---@return integer? errno
function Loop:step( ms ) end

--- Runs a loop with a virtual clock until `ms` have passed. Each timer is served at its own deadline. Inside a
--- callback, `advance` serves nothing: it only lets the time pass.
---@param ms number
---@return true?, string? message, integer? errno
function Loop:advance( ms ) end

--- Makes `run` return after the current callback. Timers that are due stay due.
function Loop:stop( ) end

--- Ends the loop and everything in it.
function Loop:close( ) end

---@return number ms since the loop was made
function Loop:now( ) end

--- Sets the function that gets the errors of callbacks. `what` is the timer, watcher or task. After `onerror( nil )` an
--- error of a callback leaves `run`. `onerror( )` without an argument changes nothing.
---@param f? fun( err: any, traceback: string?, what: cogloop.Timer | cogloop.Watcher | cogloop.Task )
---@return function? before the previous function
function Loop:onerror( f ) end

--- Returns the timers in the order in which they fire, with paused timers last.
---@return cogloop.Listed[]
function Loop:timers( ) end

--- Returns the observed handles.
---@return cogloop.Observed[]
function Loop:handles( ) end

--- Returns the loop as text: its backend, its descriptors, its wheel, its tasks.
---@return string
function Loop:dump( ) end

--- Returns counters and measurements. `stats( true )` starts a new measurement, `stats( false )` ends it.
---@param measure? boolean
---@return cogloop.Stats
function Loop:stats( measure ) end

--- Returns the numbers of `stats` as text for Prometheus.
---@return string
function Loop:metrics( ) end

--- Calls `f( where, ms )` after each callback that takes `ms` or longer. A part of a task, from one wait to the next,
--- counts as a callback. For a callback, `where` is the `source:line` of its function. For a part of a task, `where` is
--- the task's name and the `source:line` where the part began.
---@param ms? number nil ends the reports
---@param f? fun( where: string, ms: number )
function Loop:slow( ms, f ) end

--- Returns a text: the busiest callbacks, the most delayed timers and the busiest descriptors since the last call. The
--- first call begins to measure.
---@param measure? boolean false ends the measurement
---@return string
function Loop:top( measure ) end

--- Writes the loop's events to a file for Perfetto. The trace ends when `trace( false )` is called, when the loop is
--- closed, or when the file has `mib` MiB. `trace( )` returns whether a trace is being written.
---@param file? string | false nil changes nothing
---@param mib? number the largest size of the file (default: 64)
---@return boolean?
---@return string? message
---@return integer? errno
function Loop:trace( file, mib ) end

--- Returns a descriptor that is readable when a handle is ready or the loop was woken. The descriptor does not become
--- readable when a timer is due. There is no descriptor with the backend `select`, in a replay, or on Windows.
---@return integer?
---@return string? message
---@return integer? errno
function Loop:fd( ) end

--- The same as `fd`, under the name that cqueues calls.
---@return integer?
---@return string? message
---@return integer? errno
function Loop:pollfd( ) end

--- Returns `'r'`, for cqueues: the descriptor of `fd` is polled for reading.
---@return 'r'
function Loop:events( ) end

--- Runs `f( ... )` in a new task, which is cancelled after `ms`. Raises the error of `f`. `timeout( )` without
--- arguments is another function, which cqueues calls. It returns how many seconds an outer loop may wait before it
--- calls `step( 0 )`. If the result is nil, the outer loop may wait for ever.
---@overload fun( self: cogloop.Loop ): number?
---@generic T
---@param ms number
---@param f async fun( ...: T... ): any...
---@param ... T...
---@return any ... the results of `f`; or nil, 'timed out', errno
function Loop:timeout( ms, f, ... ) end

--- Makes a group of tasks that end together.
---@return cogloop.Group
function Loop:group( ) end

--- Runs each function in a new task. Waits for these tasks, and for the tasks that are arguments. Returns the first
--- result of each task, in the order of the arguments. Without arguments, returns nothing. The first error cancels the
--- other tasks, and `all` raises it.
---@param ... ( async fun( ): any... ) | cogloop.Task
---@return any ...
function Loop:all( ... ) end

--- Runs each function in a new task. Waits until one of these tasks, or one of the tasks that are arguments, has
--- returned. Returns the results of that task, and cancels the others. If no task returns, raises the first error.
--- Without arguments, raises an error.
---@param ... ( async fun( ): any... ) | cogloop.Task
---@return any ...
function Loop:any( ... ) end

--- Makes a channel, which passes values from task to task.
---@param capacity? integer the number of values that the channel holds; with 0, the default, a sender waits until its value is received
---@return cogloop.Channel
function Loop:channel( capacity ) end

--- Makes a semaphore.
---@param count integer the number of permits, at least one
---@return cogloop.Semaphore
function Loop:semaphore( count ) end

--- Makes an event, which is not set at first.
---@return cogloop.Event
function Loop:event( ) end

--- Like `coroutine.wrap`, but `f` and the functions that it calls may wait.
---@param f async fun( ... ): any...
---@return fun( ... ): any...
function Loop:wrap( f ) end

--- Like Lua's `pcall`, but `f` and the functions that it calls may wait in every version of Lua, even in Lua 5.1.
---@generic T
---@param f async fun( ...: T... ): any...
---@param ... T...
---@return boolean ok
---@return any ...
function Loop:pcall( f, ... ) end

--- Returns how many milliseconds an outer loop may wait before it calls `step( 0 )`. If the result is nil, the outer
--- loop may wait for ever.
---@return number? ms
function Loop:remaining( ) end
