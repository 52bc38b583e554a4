-- The channels, semaphores and events of the model, with which tasks wait for each other. Waiting tasks are served in
-- the order of arrival.

return function( M )
  local Loop = M.Loop

  -- ## A queue of tasks that wait
  -- A waiting task gets its value when it is woken. So no other task can take the value before the woken task runs. If
  -- a task in the queue was cancelled or closed, or its time is over, it is skipped.
  function M.queue( list, task, value )
    local wait = { kind = 'queue', task = task, value = value }
    table.insert( list, wait )
    return wait
  end

  -- Wakes the first task of a list that still waits, and returns its wait. Returns nil if no task waits.
  local function rouse_first( list, ... )
    while list[ 1 ] do
      local wait = table.remove( list, 1 )
      if M.is_in( wait.task, wait ) then
        M.rouse( wait.task, ... )
        return wait
      end
    end
  end

  function M.rouse_all( list, ... )
    while rouse_first( list, ... ) do end
  end

  -- Waits in a list. Returns the values with which the task was woken, or nil, message and errno. With a limit of 0 the
  -- function returns at once.
  local function wait_in( loop, list, ms, value )
    if ms == 0 then return nil, 'timed out', 110 end
    return M.checked( loop, M.pause( loop, M.queue( list, M.waiter( loop ), value ), ms ) )
  end

  local function class( name, make )
    local meta = { __index = { } }
    Loop[ name ] = function( loop, n )
      M.open( loop )
      local it = make( n )
      it.loop = loop
      return setmetatable( it, meta )
    end
    return meta.__index, meta
  end

  -- ## channel
  -- A channel holds `capacity` values. A sent value goes to the task that has waited longest to receive, or into the
  -- channel if there is room; otherwise the sender waits. A task that receives makes room for the sender that has
  -- waited longest. The values in a closed channel can still be received; tasks that wait are woken with an error.
  local channel, Channel = class( 'channel', function( capacity )
    return { capacity = capacity or 0, values = { }, senders = { }, receivers = { } }
  end )

  local function closed( ) return nil, 'the channel is closed', 32 end

  function channel.send( self, value, ms )
    if self.closed then return closed( ) end
    if rouse_first( self.receivers, value ) then return true end
    if #self.values < self.capacity then
      table.insert( self.values, value )
      return true
    end
    return wait_in( self.loop, self.senders, ms, value )
  end

  function channel.recv( self, ms )
    if #self.values > 0 then
      local value = table.remove( self.values, 1 )
      local sender = rouse_first( self.senders, true )
      if sender then table.insert( self.values, sender.value ) end
      return value
    end
    local sender = rouse_first( self.senders, true )
    if sender then return sender.value end
    if self.closed then return closed( ) end
    return wait_in( self.loop, self.receivers, ms )
  end

  function channel.close( self )
    if self.closed then return false end
    self.closed = true
    M.rouse_all( self.receivers, closed( ) )
    M.rouse_all( self.senders, closed( ) )
    return true
  end

  function Channel.__call( self ) return (channel.recv( self )) end
  Channel.__close = channel.close
  function Channel.__tostring( self )
    return ('cogloop.channel: %d of %d%s'):format( #self.values, self.capacity, self.closed and ', closed' or '' )
  end

  -- ## semaphore
  -- A released permit goes to the task that has waited longest.
  local semaphore, Semaphore = class( 'semaphore', function( count )
    return { free = count, count = count, waiters = { } }
  end )

  function semaphore.acquire( self, ms )
    if self.free > 0 then
      self.free = self.free - 1
      return true
    end
    return wait_in( self.loop, self.waiters, ms )
  end

  function semaphore.release( self )
    if rouse_first( self.waiters, true ) then return end
    if self.free == self.count then error( 'the semaphore was released more often than acquired', 0 ) end
    self.free = self.free + 1
  end

  function Semaphore.__tostring( self )
    return ('cogloop.semaphore: %d of %d free'):format( self.free, self.count )
  end

  -- ## event
  local event, Event = class( 'event', function( ) return { on = false, waiters = { } } end )

  function event.set( self )
    self.on = true
    M.rouse_all( self.waiters, true )
  end

  function event.clear( self ) self.on = false end
  function event.is_set( self ) return self.on end

  function event.wait( self, ms )
    if self.on then return true end
    return wait_in( self.loop, self.waiters, ms )
  end

  function Event.__tostring( self ) return 'cogloop.event: ' .. (self.on and 'set' or 'not set') end
end
