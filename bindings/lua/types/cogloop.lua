---@meta cogloop

--- What LuaLS (the Lua language server) knows of `require 'cogloop'`: add this folder to `workspace.library`.
--- All times are milliseconds unless a name says otherwise; fractions count.

---@alias cogloop.Handle t.Loop.Handle
---@alias cogloop.Direction t.Loop.Direction

---@class cogloop.Options
---@field backend? 'epoll' | 'uring' | 'select' | 'portable' how to wait; default: `COGLOOP_BACKEND`, else the best that works
---@field clock? 'real' | 'virtual' a virtual clock jumps to the next deadline instead of waiting for it
---@field resolution? number the length of a tick; default 0.001
---@field max_timers? integer how many there may be at a time; one more is an error
---@field max_handles? integer how many may be watched at a time
---@field max_callbacks? integer how many of timers, and of handles, a turn calls; the rest waits for the next ones

---@class cogloop.Every
---@field ms number from one deadline to the next, above 0
---@field first? number to the first deadline; default `ms`
---@field policy? 'skip' | 'burst' | 'delay' what becomes of deadlines that were not served within the slack; default 'skip'
---@field slack? number by how much it may be late, so that neighbours share a wake-up

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
---@field reason string why it is this backend
---@field turns integer
---@field fired integer timers that have fired
---@field timers integer timers that there are
---@field handles integer
---@field late? cogloop.Times how late timers were, since `stats( true )`
---@field callback? cogloop.Times how long callbacks took
---@field waited? number how long the loop has waited

---@class cogloop.Listed
---@field timer cogloop.Timer
---@field remaining number
---@field f any the function, or what waits
---@field repeats boolean
---@field paused boolean

---@class cogloop.Observed
---@field handle cogloop.Handle
---@field direction 'r' | 'w' | 'rw'
---@field watcher cogloop.Watcher

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

--- Wakes a task that is parked: its `park` returns the values, in the next turn.
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

--- Seconds, as cqueues asks for them, until there is something to do; nil: for ever.
---@return number?
function Loop:timeout( ) end

--- The same in milliseconds.
---@return number?
function Loop:remaining( ) end

--- The module: each method of a loop as a function, for a default loop, and `loop`.
---@class cogloop
local cogloop = { }

--- A loop of its own.
---@param options? cogloop.Options
---@return cogloop.Loop?
function cogloop.loop( options ) end

---@param ms number 0 or more
---@param f fun( ... )
---@param ... any
---@return cogloop.Timer
function cogloop.after( ms, f, ... ) end

---@param ms number | cogloop.Every
---@param f fun( ... )
---@param ... any
---@return cogloop.Timer
function cogloop.every( ms, f, ... ) end

---@param time number
---@param f fun( ... )
---@param ... any
---@return cogloop.Timer
function cogloop.at( time, f, ... ) end

---@return cogloop.Timer? timer
---@return number? late
---@return integer? missed
function cogloop.firing( ) end

---@param handle cogloop.Handle
---@param dir cogloop.Direction
---@param f fun( ... )
---@param ... any
---@return cogloop.Watcher?
function cogloop.on( handle, dir, f, ... ) end

---@param f fun( ... ) | cogloop.Spawn
---@param ... any
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

--- Whether an error is a cancellation, and for what reason.
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

---@param ms number
---@param f fun( ... )
---@return fun( ... )
function cogloop.debounce( ms, f ) end

---@param ms number
---@param f fun( ... )
---@return fun( ... )
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
---@return function? before the function before
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

---@param ms? number nil: nobody is told
---@param f? fun( where: string, ms: number )
function cogloop.slow( ms, f ) end

---@return integer?
function cogloop.fd( ) end

---@return integer?
function cogloop.pollfd( ) end

---@return 'r'
function cogloop.events( ) end

---@return number?
function cogloop.timeout( ) end

---@return number?
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
