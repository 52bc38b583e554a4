---@meta _

--- Types of the loops of `require 'cogloop'`.

--- An event loop.
---@class cogloop.Loop : t.Loop.Pollable
local Loop = { }

--- Calls `f( ... )` once, `ms` from now, never earlier.
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
--- arguments. Raises while a task waits for that direction.
---@generic T
---@param handle cogloop.Handle
---@param dir cogloop.Direction
---@param f fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Watcher?, string? message, integer? errno
function Loop:on( handle, dir, f, ... ) end

--- Runs `f( ... )` as a task, from the next turn on.
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

--- Wakes a parked task: its `park` returns the values before the loop waits again.
---@param task cogloop.Task
---@param ... any
---@return boolean parked false if the task does not wait in `park` or has already been woken; the values are then lost
function Loop:unpark( task, ... ) end

--- In a task, waits for `ms`.
---@param ms number
function Loop:sleep( ms ) end

--- In a task, waits until the handle is ready or closed, for `ms` at most. Raises if another task waits for that
--- direction, or if a watcher has a function for it.
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

--- Returns a function that postpones `f`. When the returned function has not been called for `ms`, `f` gets the
--- arguments of the last call.
---@generic T
---@param ms number
---@param f fun( ...: T... ): any...
---@return fun( ...: T... )
function Loop:debounce( ms, f ) end

--- Returns a function that calls `f` at once, and then at most once in `ms`. The arguments of the last call are not
--- lost: `f` gets them when `ms` have passed.
---@generic T
---@param ms number
---@param f fun( ...: T... ): any...
---@return fun( ...: T... )
function Loop:throttle( ms, f ) end

--- Serves timers and handles until `stop`, or until nothing is left.
---@return true? ended nil if the system refuses to wait
---@return string? message
---@return integer? errno
function Loop:run( ) end

--- Runs one turn, which waits for at most `ms`; without `ms` it waits until something happens. If nothing is left, it
--- does not wait.
---@param ms? number
---@return boolean? left whether anything is left; nil if the system refuses to wait
---@return string? message
---@return integer? errno
function Loop:step( ms ) end

--- Runs a loop with a virtual clock until `ms` have passed. Each timer is served at its own deadline. A call inside
--- of a callback only lets the time pass.
---@param ms number
---@return true?, string? message, integer? errno
function Loop:advance( ms ) end

--- Makes `run` return after the current callback. Timers that are due stay due.
function Loop:stop( ) end

--- Ends the loop and everything in it.
function Loop:close( ) end

---@return number ms since the loop was made
function Loop:now( ) end

--- Sets the function that gets the errors of callbacks. `what` is the timer, watcher or task. After `onerror( nil )`
--- errors leave `run`. `onerror( )` changes nothing.
---@param f? fun( err: any, traceback: string?, what: cogloop.Timer | cogloop.Watcher | cogloop.Task )
---@return function? before the previous function
function Loop:onerror( f ) end

--- Returns the timers in the order in which they fire, with paused timers last.
---@return cogloop.Listed[]
function Loop:timers( ) end

---@return cogloop.Observed[]
function Loop:handles( ) end

--- Returns the loop as text: its backend, its descriptors, its wheel, its tasks.
---@return string
function Loop:dump( ) end

--- Returns counters and measurements. `true` starts a new measurement, `false` ends it.
---@param measure? boolean
---@return cogloop.Stats
function Loop:stats( measure ) end

--- Returns the numbers of `stats` as text for Prometheus.
---@return string
function Loop:metrics( ) end

--- Calls `f( where, ms )` after each callback that takes `ms` or longer. A part of a task, from one wait to the next,
--- counts as a callback. `where` is the `source:line` of the callback's function, or the task's name and the line where
--- that part began.
---@param ms? number nil ends the reports
---@param f? fun( where: string, ms: number )
function Loop:slow( ms, f ) end

--- Returns, as text, the busiest callbacks, the latest timers and the busiest descriptors since the last call. The
--- first call begins to measure.
---@param measure? boolean false ends the measurement
---@return string
function Loop:top( measure ) end

--- Writes the loop's events to a file for Perfetto. The trace ends with `trace( false )`, when the loop is closed, or
--- when the file has `mib` MiB. `trace( )` returns whether a trace is being written.
---@param file? string | false nil changes nothing
---@param mib? number the largest size of the file (default: 64)
---@return boolean?
---@return string? message
---@return integer? errno
function Loop:trace( file, mib ) end

--- Returns a descriptor that is readable when a handle is ready or the loop was woken, but not when a timer is due. The
--- backend `select`, a replay, and every backend on Windows have none.
---@return integer?
---@return string? message
---@return integer? errno
function Loop:fd( ) end

--- Like `fd`. cqueues uses this name.
---@return integer?
---@return string? message
---@return integer? errno
function Loop:pollfd( ) end

---@return 'r'
function Loop:events( ) end

--- Runs `f( ... )` in a new task, which is cancelled after `ms`. Raises the error of `f`. Without arguments, `timeout`
--- follows the protocol of cqueues: it returns how many seconds an outer loop may wait before the next `step( 0 )`; nil
--- means that the outer loop may wait for ever.
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

--- Runs each function in a new task, and waits for these tasks and for the tasks among the arguments. Returns the first
--- result of each, in the order of the arguments; nothing without arguments. The first error cancels the other tasks
--- and is raised.
---@param ... ( async fun( ): any... ) | cogloop.Task
---@return any ...
function Loop:all( ... ) end

--- Runs each function in a new task, and waits until one of these tasks or of the tasks among the arguments has
--- returned. Returns the results of that task, and cancels the others. If no task returns, raises the first error.
--- There must be at least one argument.
---@param ... ( async fun( ): any... ) | cogloop.Task
---@return any ...
function Loop:any( ... ) end

---@param capacity? integer the number of values that the channel holds; with 0, the default, a sender waits until its value is received
---@return cogloop.Channel
function Loop:channel( capacity ) end

---@param count integer the number of permits, at least one
---@return cogloop.Semaphore
function Loop:semaphore( count ) end

---@return cogloop.Event
function Loop:event( ) end

--- Like `coroutine.wrap`, but `f` and the functions that it calls may wait.
---@param f async fun( ... ): any...
---@return fun( ... ): any...
function Loop:wrap( f ) end

--- Like `pcall`, but `f` and the functions that it calls may wait on Lua 5.1, too.
---@generic T
---@param f async fun( ...: T... ): any...
---@param ... T...
---@return boolean ok
---@return any ...
function Loop:pcall( f, ... ) end

--- Returns how many milliseconds an outer loop may wait before the next `step( 0 )`; nil means that the outer loop may
--- wait for ever.
---@return number? ms
function Loop:remaining( ) end
