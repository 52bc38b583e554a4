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

---@param ms? number
---@param f? fun( ... )
---@param ... any
---@return any ...
function cogloop.timeout( ms, f, ... ) end

---@return cogloop.Group
function cogloop.group( ) end

---@param ... fun( ) | cogloop.Task
---@return any ...
function cogloop.all( ... ) end

---@param ... fun( ) | cogloop.Task
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

---@param f fun( ... )
---@return fun( ... )
function cogloop.wrap( f ) end

---@param f fun( ... )
---@param ... any
---@return boolean ok
---@return any ...
function cogloop.pcall( f, ... ) end

---0: a step is due. It may serve nothing.
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
