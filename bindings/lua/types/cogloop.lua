---@meta cogloop

--- Types of `require 'cogloop'` for LuaLS, the Lua language server. Add this folder to `workspace.library`.
--- All times are in milliseconds and may have fractions.

---@alias cogloop.Handle t.Loop.Handle
---@alias cogloop.Direction t.Loop.Direction

---@class cogloop.Options
---@field backend? 'epoll' | 'uring' | 'select' | 'portable' default: `COGLOOP_BACKEND`, or the best backend that works
---@field clock? 'real' | 'virtual' a virtual clock jumps to the next deadline instead of waiting for it
---@field resolution? number the length of a tick; default 0.001
---@field slack? number the accepted lateness of timers, so that several share a wake-up; default 0
---@field max_timers? integer the largest number of timers at a time; at this limit `after`, `every`, `at` and `spawn` raise
---@field max_handles? integer the largest number of observed handles at a time; at this limit `on` and `wait` fail
---@field max_callbacks? integer the largest number of timers that a turn serves, and likewise of handles and of woken tasks; the next turns serve the rest
---@field record? string the file in which the run is recorded
---@field replay? string the recording that is replayed

---@class cogloop.Every
---@field ms number the time from one deadline to the next, above 0
---@field first? number the time to the first deadline; default `ms`
---@field policy? 'skip' | 'burst' | 'delay' the rule for deadlines that are served later than the slack allows; default 'skip'
---@field slack? number the accepted lateness of a call, so that several timers share a wake-up; default: the loop's slack

---@class cogloop.Times
---@field count integer
---@field min number
---@field mean number
---@field p50 number
---@field p99 number
---@field p999 number
---@field max number

---@class cogloop.Stats
---@field backend string
---@field reason string why the loop has this backend
---@field turns integer
---@field fired integer the number of timers that have fired, plus the number of tasks that were woken
---@field timers integer the number of timers now
---@field handles integer the number of observed handles now
---@field tasks integer the number of tasks that have not ended
---@field named? { [string]: integer } the number of tasks of each name, after `stats( true )`
---@field task? cogloop.Times how long tasks run from one wait to the next
---@field late? cogloop.Times the lateness of timers, since `stats( true )`
---@field callback? cogloop.Times the duration of callbacks
---@field waited? number the time that the loop has waited

---@class cogloop.Listed
---@field timer cogloop.Timer
---@field remaining number
---@field f any the timer's function, or the task that waits for the timer
---@field repeats boolean
---@field paused boolean
---@field name? string the task's name

---@class cogloop.Observed
---@field handle cogloop.Handle
---@field direction 'r' | 'w' | 'rw'
---@field watcher cogloop.Watcher

--- The module. It has the functions `loop` and `cancelled`, and each method of a loop as a function for the default
--- loop.
---@class cogloop
local cogloop = { }

--- Makes a new loop. Returns nil, a message and an error number if the system refuses all backends, or if the file of
--- `record` or `replay` cannot be used. Both failures are rare, so the declared type of the first result does not
--- include nil.
---@param options? cogloop.Options
---@return cogloop.Loop
---@return string? message
---@return integer? errno
function cogloop.loop( options ) end

---@generic T
---@param ms number 0 or more
---@param f fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Timer
function cogloop.after( ms, f, ... ) end

---@generic T
---@param ms number | cogloop.Every
---@param f fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Timer
function cogloop.every( ms, f, ... ) end

---@generic T
---@param time number
---@param f fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Timer
function cogloop.at( time, f, ... ) end

---@return cogloop.Timer timer
---@return number late
---@return integer missed
function cogloop.firing( ) end

---@generic T
---@param handle cogloop.Handle
---@param dir cogloop.Direction
---@param f fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Watcher?
function cogloop.on( handle, dir, f, ... ) end

---@overload fun( options: cogloop.Spawn, ...: any ): cogloop.Task
---@generic T
---@param f async fun( ...: T... ): any...
---@param ... T...
---@return cogloop.Task
function cogloop.spawn( f, ... ) end

---@return cogloop.Task[]
function cogloop.tasks( ) end

---@param ms? number
---@return any ...
function cogloop.park( ms ) end

---@param task cogloop.Task
---@param ... any
---@return boolean parked
function cogloop.unpark( task, ... ) end

--- Returns whether an error is a cancellation, and the reason of the cancellation.
---@param err any
---@return boolean is
---@return any reason
function cogloop.cancelled( err ) end

---@param ms number
function cogloop.sleep( ms ) end

---@param handle cogloop.Handle
---@param dir cogloop.Direction
---@param ms? number
---@return 'r' | 'w' | 'rw' | nil ready
function cogloop.wait( handle, dir, ms ) end

---@return boolean inside whether the caller is a task that may wait
---@return cogloop.Task? task
function cogloop.running( ) end

---@generic T
---@param ms number
---@param f fun( ...: T... ): any...
---@return fun( ...: T... )
function cogloop.debounce( ms, f ) end

---@generic T
---@param ms number
---@param f fun( ...: T... ): any...
---@return fun( ...: T... )
function cogloop.throttle( ms, f ) end

---@return true?, string? message, integer? errno
function cogloop.run( ) end

---@param ms? number
---@return boolean?, string? message, integer? errno
function cogloop.step( ms ) end

---@param ms number
---@return true?, string? message, integer? errno
function cogloop.advance( ms ) end

function cogloop.stop( ) end

function cogloop.close( ) end

---@return number ms since the loop was made
function cogloop.now( ) end

---@param f? fun( err: any, traceback: string?, what: cogloop.Timer | cogloop.Watcher | cogloop.Task )
---@return function? before the previous function
function cogloop.onerror( f ) end

---@return cogloop.Listed[]
function cogloop.timers( ) end

---@return cogloop.Observed[]
function cogloop.handles( ) end

---@return string
function cogloop.dump( ) end

---@param measure? boolean
---@return cogloop.Stats
function cogloop.stats( measure ) end

---@return string
function cogloop.metrics( ) end

---@param ms? number nil ends the reports
---@param f? fun( where: string, ms: number )
function cogloop.slow( ms, f ) end

---@param measure? boolean false ends the measurement
---@return string
function cogloop.top( measure ) end

---@param file? string | false nil changes nothing
---@param mib? number the largest size of the file (default: 64)
---@return boolean?
---@return string? message
---@return integer? errno
function cogloop.trace( file, mib ) end

---@return integer?
function cogloop.fd( ) end

---@return integer?
function cogloop.pollfd( ) end

---@return 'r'
function cogloop.events( ) end

---@overload fun( ): number?
---@generic T
---@param ms number
---@param f async fun( ...: T... ): any...
---@param ... T...
---@return any ...
function cogloop.timeout( ms, f, ... ) end

---@return cogloop.Group
function cogloop.group( ) end

---@param ... ( async fun( ): any... ) | cogloop.Task
---@return any ...
function cogloop.all( ... ) end

---@param ... ( async fun( ): any... ) | cogloop.Task
---@return any ...
function cogloop.any( ... ) end

---@param capacity? integer
---@return cogloop.Channel
function cogloop.channel( capacity ) end

---@param count integer
---@return cogloop.Semaphore
function cogloop.semaphore( count ) end

---@return cogloop.Event
function cogloop.event( ) end

---@param f async fun( ... ): any...
---@return fun( ... ): any...
function cogloop.wrap( f ) end

---@generic T
---@param f async fun( ...: T... ): any...
---@param ... T...
---@return boolean ok
---@return any ...
function cogloop.pcall( f, ... ) end

--- Returns how many milliseconds an outer loop may wait before it calls `step( 0 )`. If the result is 0, a step is due
--- now, but the step may find nothing to serve. If the result is nil, the outer loop may wait for ever.
---@return number? ms
function cogloop.remaining( ) end

---@param name string
---@param f fun( name: string )
---@return cogloop.Watcher?
function cogloop.signal( name, f ) end

---@param pid integer
---@param f fun( pid: integer, how: 'exit' | 'signal', code: integer? )
---@return cogloop.Watcher?
function cogloop.child( pid, f ) end

return cogloop
