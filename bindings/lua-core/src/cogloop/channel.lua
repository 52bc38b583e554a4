-- Objects that tasks share: channel, semaphore, event. Each has a list of paused tasks; a channel has two lists. A
-- paused task waits in `pause`. An object serves a list in the order in which the tasks came. It wakes a task and hands
-- over the value (or the permit) in one step. No other task can take the value in between, so no wake-up is lost or
-- spurious.
--
-- A task that was cancelled or has timed out stays in the list until it runs, but it is no longer paused. `unpark`
-- returns false for such a task, and the object tries the next task.
local module, methods, inner = ...
local me, pause, unpark, RAISE = inner.me, inner.pause, inner.unpark, inner.RAISE
local check_limit, check_value = inner.check_limit, inner.check_value
local error, setmetatable, type = error, setmetatable, type
local ETIMEDOUT, EPIPE = inner.ETIMEDOUT, inner.EPIPE

-- ## Doubly linked lists of waiting tasks
-- A task that gives up is removed without a search. A list keeps one used node for the next task, so tasks that wait
-- one after the other make no garbage. `false` means "none", because a field that was set to nil may have to be
-- allocated again.
local function new_list( ) return { first = false, last = false, spare = false } end

local function push( list, task, value )
  local node, last = list.spare, list.last
  if node then
    list.spare = false
    node.task, node.value, node.prev, node.is_in = task, value, last, true
  else
    node = { task = task, value = value, prev = last, next = false, is_in = true }
  end
  if last then last.next = node else list.first = node end
  list.last = node
  return node
end

local function remove( list, node )
  if not node.is_in then return end
  node.is_in = false
  local prev, next = node.prev, node.next
  if prev then prev.next = next else list.first = next end
  if next then next.prev = prev else list.last = prev end
end
inner.new_list, inner.push, inner.remove = new_list, push, remove

-- Wakes the first task that still waits, and returns its node; nil if there is none.
local function wake( list, done, value, errno )
  local node = list.first
  while node do
    local next = node.next
    list.first, node.is_in, node.next = next, false, false
    if next then next.prev = false else list.last = false end
    if unpark( node.task, done, value, errno ) then return node end
    node = next
  end
end

local function wake_all( list, done, value, errno )
  while wake( list, done, value, errno ) do end
end
inner.wake_all = wake_all

-- Keeps the node of a task that was woken, for the next task.
local function keep( list, node )
  node.task, node.value = false, false
  list.spare = node
end

-- Ends a wait that was cancelled or has timed out, or that ends because the channel was closed. Removes the task from
-- the list. Then raises the cancellation, or returns nil, message, errno.
local function gave_up( list, node, done, why, errno )
  remove( list, node )
  if done == RAISE then error( why, 0 ) end
  return nil, why, errno
end

-- Waits in the list. Returns true; or nil, message, errno.
local function rest( list, loop, ms, value )
  local node = push( list, me( loop ), value )
  local done, why, errno = pause( loop, ms )
  if done ~= true then return gave_up( list, node, done, why, errno ) end
  keep( list, node )
  return true
end

local function not_one( self, name, method )
  error( ("bad argument #1 to '%s' (%s: cogloop.%s expected, got %s)"):format( method, name, name, type( self ) ), 3 )
end

-- Makes a class and its constructor. The constructor is a method of loops and a function of the module. `check` checks
-- the constructor's argument.
local function class( name, check, make )
  local meta = { __name = 'cogloop.' .. name, __index = { } }
  local check_of_loop, check_of_module, default = inner.of_loop[ check ], inner.of_module[ check ], inner.of_module.default
  -- The objects of the class. Each method looks up its object here, which costs a third of a call of `getmetatable`.
  local known = setmetatable( { }, { __mode = 'k' } )
  local function new( loop, n )
    local self = setmetatable( make( loop, n ), meta )
    known[ self ] = true
    return self
  end
  methods[ name ] = function( loop, n )
    check_of_loop( loop, n )
    return new( loop, n )
  end
  module[ name ] = function( n )
    check_of_module( n )
    return new( default( ), n )
  end
  inner.classes[ #inner.classes + 1 ] = meta.__index
  return meta, meta.__index, known
end

-- ## Channels
local Channel, channel, channels = class( 'channel', 'capacity', function( loop, capacity )
  return { loop = loop, capacity = capacity or 0, values = { }, first = 1, count = 0, closed = false, senders = new_list( ), receivers = new_list( ) }
end )

local function put( self, value )
  self.values[ self.first + self.count ] = value
  self.count = self.count + 1
end

local function closed( ) return nil, 'the channel is closed', EPIPE end

-- Returns true; or nil, message, errno if the time limit is over or the channel is closed.
function channel.send( self, value, ms )
  if not channels[ self ] then not_one( self, 'channel', 'send' ) end
  if value == nil or ms ~= nil then check_value( self, value, ms ) end
  if self.closed then return closed( ) end
  if self.receivers.first and wake( self.receivers, true, value ) then return true end
  if self.count < self.capacity then
    put( self, value )
    return true
  end
  if ms == 0 then return nil, 'timed out', ETIMEDOUT end
  return rest( self.senders, self.loop, ms, value )
end

-- Returns the value; or nil, message, errno.
function channel.recv( self, ms )
  if not channels[ self ] then not_one( self, 'channel', 'recv' ) end
  if ms ~= nil then check_limit( self, ms ) end
  if self.count > 0 then
    local first = self.first
    local value = self.values[ first ]
    self.values[ first ] = nil
    self.first, self.count = first + 1, self.count - 1
    -- The sender that has waited longest puts its value into the free place.
    local sender = self.senders.first and wake( self.senders, true )
    if sender then put( self, sender.value ) end
    return value
  end
  local sender = self.senders.first and wake( self.senders, true )
  if sender then return sender.value end
  if self.closed then return closed( ) end
  if ms == 0 then return nil, 'timed out', ETIMEDOUT end
  local list, loop = self.receivers, self.loop
  local node = push( list, me( loop ) )
  local done, value, errno = pause( loop, ms )
  if done ~= true then return gave_up( list, node, done, value, errno ) end
  keep( list, node )
  return value
end

-- Ends sending. The values in the channel can still be received. Returns whether the channel was open.
function channel.close( self )
  if not channels[ self ] then not_one( self, 'channel', 'close' ) end
  if self.closed then return false end
  self.closed = true
  wake_all( self.receivers, closed( ) )
  wake_all( self.senders, closed( ) )
  return true
end

-- `for value in channel do … end`, until the channel is closed and empty.
function Channel.__call( self ) return (channel.recv( self )) end
Channel.__close = channel.close
function Channel.__tostring( self )
  return ('cogloop.channel: %d of %d%s'):format( self.count, self.capacity, self.closed and ', closed' or '' )
end

-- ## Semaphores
local Semaphore, semaphore, semaphores = class( 'semaphore', 'permits', function( loop, count )
  return { loop = loop, count = count, most = count, waiters = new_list( ) }
end )

-- Returns true; or nil, 'timed out', errno.
function semaphore.acquire( self, ms )
  if not semaphores[ self ] then not_one( self, 'semaphore', 'acquire' ) end
  if ms ~= nil then check_limit( self, ms ) end
  if self.count > 0 then
    self.count = self.count - 1
    return true
  end
  if ms == 0 then return nil, 'timed out', ETIMEDOUT end
  return rest( self.waiters, self.loop, ms )
end

function semaphore.release( self )
  if not semaphores[ self ] then not_one( self, 'semaphore', 'release' ) end
  if self.waiters.first and wake( self.waiters, true ) then return end
  if self.count == self.most then error( 'the semaphore was released more often than acquired', 2 ) end
  self.count = self.count + 1
end

function Semaphore.__tostring( self )
  return ('cogloop.semaphore: %d of %d free'):format( self.count, self.most )
end

-- ## Events
local Event, event, events = class( 'event', 'default', function( loop )
  return { loop = loop, is_on = false, waiters = new_list( ) }
end )

function event.set( self )
  if not events[ self ] then not_one( self, 'event', 'set' ) end
  self.is_on = true
  wake_all( self.waiters, true )
end

function event.clear( self )
  if not events[ self ] then not_one( self, 'event', 'clear' ) end
  self.is_on = false
end

function event.is_set( self )
  if not events[ self ] then not_one( self, 'event', 'is_set' ) end
  return self.is_on
end

-- Returns true; or nil, 'timed out', errno.
function event.wait( self, ms )
  if not events[ self ] then not_one( self, 'event', 'wait' ) end
  if ms ~= nil then check_limit( self, ms ) end
  if self.is_on then return true end
  if ms == 0 then return nil, 'timed out', ETIMEDOUT end
  return rest( self.waiters, self.loop, ms )
end

function Event.__tostring( self ) return 'cogloop.event: ' .. (self.is_on and 'set' or 'not set') end
