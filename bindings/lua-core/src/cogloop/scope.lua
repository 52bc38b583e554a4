-- Tasks that end together: group, all, any, timeout. `all`, `any` and `timeout` leave no task behind. If the task that
-- waits in one of these functions is cancelled, it first cancels the tasks for which it waits, and waits until they
-- have ended. Only then does its own wait raise.
local module, methods, inner = ...
local await, unawait, outcome, watch = inner.await, inner.unawait, inner.outcome, inner.watch
local me, pause, RAISE, TaskMeta = inner.me, inner.pause, inner.RAISE, inner.TaskMeta
local new_list, push, remove, wake_all = inner.new_list, inner.push, inner.remove, inner.wake_all
local spawn, running = methods.spawn, methods.running
local of_loop, of_module, default = inner.of_loop, inner.of_module, inner.of_module.default
local error, getmetatable, pcall, select, setmetatable, type = error, getmetatable, pcall, select, setmetatable, type
local unpack = table.unpack or unpack

local Group = { __name = 'cogloop.group', __index = { } }
local group = Group.__index
inner.classes[ #inner.classes + 1 ] = group

local function cancel_all( self, reason )
  self.reason = self.reason or { reason }
  local node = self.members.first
  while node do
    local next = node.next
    node.task:cancel( reason )
    node = next
  end
end

local FAILED = 'another task of the group has failed'

local function ended( self, task )
  remove( self.members, self.nodes[ task ] )
  self.nodes[ task ] = nil
  self.count = self.count - 1
  local status = task:status( )
  if status == 'failed' and not self.has_failed then
    self.has_failed, self.err = true, select( 2, outcome( task ) )
    if not self.wants_one then cancel_all( self, FAILED ) end
  elseif status == 'done' and self.wants_one and not self.winner then
    self.winner = task
    cancel_all( self, 'another task was first' )
  end
  if self.count == 0 then wake_all( self.waiters, true ) end
end

local function new_group( loop, wants_one )
  local self = { loop = loop, members = new_list( ), nodes = { }, count = 0, waiters = new_list( ), wants_one = wants_one }
  self.told = function( task ) ended( self, task ) end
  return setmetatable( self, Group )
end

local function add( self, task )
  if self.nodes[ task ] then return task end
  self.nodes[ task ] = push( self.members, task )
  self.count = self.count + 1
  if watch( task, self.told ) then
    ended( self, task )
  elseif self.reason then
    task:cancel( self.reason[ 1 ] )
  end
  return task
end

local function not_one( self, method )
  error( ("bad argument #1 to '%s' (group: cogloop.group expected, got %s)"):format( method, type( self ) ), 3 )
end

-- `running` raises if the loop is closed, as nearly all functions do.
local function is_closed( loop ) return not pcall( running, loop ) end

-- Waits until all tasks have ended. Returns true, or what `pause` returns if the wait is cancelled or times out.
local IS_ONE = 'a task of the group cannot wait for the end of the group'
local function rest( self, ms )
  if self.count == 0 or self.has_failed and is_closed( self.loop ) then return true end
  local loop = self.loop
  local task = me( loop )
  if self.nodes[ task ] then error( IS_ONE, 3 ) end
  local node = push( self.waiters, task )
  local done, err, errno = pause( loop, ms )
  remove( self.waiters, node )
  return done, err, errno
end

-- Called when the waiting task was cancelled: cancels the other tasks, waits until they have ended, and raises. The
-- waiting task's grace period, its time for cleaning up, limits this wait. Each other task has a grace period of its
-- own.
local function raise( self, err )
  cancel_all( self, err.reason )
  rest( self )
  error( err, 0 )
end

function group.spawn( self, ... )
  if getmetatable( self ) ~= Group then not_one( self, 'spawn' ) end
  local task = spawn( self.loop, ... )
  return add( self, task )
end

function group.cancel( self, reason )
  if getmetatable( self ) ~= Group then not_one( self, 'cancel' ) end
  local was_open = not self.reason
  cancel_all( self, reason )
  return was_open
end

-- Returns true; or nil and the first error; or nil, 'timed out', errno. After a timeout the tasks go on. If the loop
-- was closed, the tasks that had not ended are cancelled, and the result is nil and the cancellation of one of them.
function group.join( self, ms )
  if getmetatable( self ) ~= Group then not_one( self, 'join' ) end
  if ms ~= nil then inner.check_limit( self, ms ) end
  if not self.has_failed and self.count > 0 and is_closed( self.loop ) then
    return outcome( self.members.first.task )
  end
  local done, err, errno = rest( self, ms )
  if done == RAISE then raise( self, err ) end
  if not done then return nil, err, errno end
  if self.has_failed then return nil, self.err end
  return true
end

-- Called when a `<close>` variable ends. Cancels all tasks, and waits until they have ended, if the caller can wait.
function Group.__close( self )
  cancel_all( self, 'its variable was closed' )
  if is_closed( self.loop ) or not running( self.loop ) then return end
  local done, err = rest( self )
  if done == RAISE then raise( self, err ) end
end

function Group.__tostring( self )
  return ('cogloop.group: %d tasks%s'):format( self.count, self.reason and ', cancelled' or '' )
end

local scopes = { }

function scopes.group( loop ) return new_group( of_loop.default( loop ), false ) end

local function run_all( loop, wants_one, ... )
  local self, tasks = new_group( loop, wants_one ), { ... }
  local task = me( loop )
  for i = 1, #tasks do
    if tasks[ i ] == task then error( IS_ONE, 3 ) end
  end
  for i = 1, #tasks do
    if getmetatable( tasks[ i ] ) ~= TaskMeta then
      local ok, new = pcall( spawn, loop, tasks[ i ] )
      if not ok then
        -- `spawn` has raised, for example because the loop's limit is reached. The tasks that were already made are
        -- cancelled.
        cancel_all( self, FAILED )
        local done, err = rest( self )
        if done == RAISE then raise( self, err ) end
        error( new, 0 )
      end
      tasks[ i ] = new
    end
    add( self, tasks[ i ] )
  end
  local done, err = rest( self )
  if done == RAISE then raise( self, err ) end
  return self, tasks
end

-- Returns the first result of each task, in order. Without tasks it returns nothing. The first error cancels the other
-- tasks and is raised.
function scopes.all( loop, ... )
  of_loop.all( loop, ... )
  local self, tasks = run_all( loop, false, ... )
  if self.has_failed then error( self.err, 0 ) end
  local results = { }
  for i = 1, #tasks do
    local value, err = outcome( tasks[ i ] )
    if tasks[ i ]:status( ) ~= 'done' then error( err, 0 ) end
    results[ i ] = value
  end
  return unpack( results, 1, #tasks )
end

-- Returns the results of the first task that returns, and cancels the others. If none returns, raises the first error.
function scopes.any( loop, ... )
  of_loop.any( loop, ... )
  local self, tasks = run_all( loop, true, ... )
  if self.winner then return outcome( self.winner ) end
  if self.has_failed then error( self.err, 0 ) end
  error( select( 2, outcome( tasks[ 1 ] ) ), 0 )
end

local seconds = methods.timeout

-- Waits for the end of a cancelled task. Returns what `pause` returns.
local function rest_of( task )
  local done, err = await( task )
  if done ~= true then unawait( task ) end
  return done, err
end

local function timed( task, done, err, errno )
  if done ~= true then
    unawait( task )
    task:cancel( done == RAISE and err.reason or 'timed out' )
    local again, later = rest_of( task )
    if done == RAISE then error( err, 0 ) end
    if again == RAISE then
      -- The waiting task was cancelled meanwhile. It still waits for the end of the other task.
      rest_of( task )
      error( later, 0 )
    end
    return nil, err, errno
  end
  if task:status( ) ~= 'done' then error( select( 2, outcome( task ) ), 0 ) end
  return outcome( task )
end

-- `timeout( ms, f, … )` runs `f( … )` in a task of its own. Returns the results of `f`, or raises its error; returns
-- nil, 'timed out', errno if `f` takes longer than `ms`.
function scopes.timeout( loop, ... )
  -- cqueues calls `timeout` without arguments, and gets the seconds until the next deadline.
  if select( '#', ... ) == 0 then return seconds( loop ) end
  of_loop.timed( loop, ... )
  me( loop )
  local task = spawn( loop, select( 2, ... ) )
  return timed( task, await( task, (...) ) )
end

local module_seconds = module.timeout
local checks = { all = of_module.all, any = of_module.any, timeout = of_module.timed }
for name, scope in pairs( scopes ) do
  methods[ name ] = scope
  module[ name ] = function( ... )
    if name == 'timeout' and select( '#', ... ) == 0 then return module_seconds( ) end
    if checks[ name ] then checks[ name ]( ... ) end
    return scope( default( ), ... )
  end
end
