-- The handles and watchers of the model.

return function( M )
  local Loop, world = M.Loop, M.world
  local Watcher = { }
  Watcher.__index = Watcher

  -- ## An entry
  -- A loop has one entry for each observed descriptor, even if a program names the descriptor by several objects or by
  -- its number. The entry is also the watcher, so one descriptor has one watcher. For each direction the entry has a
  -- function with its arguments, or a waiting coroutine, or nothing. An entry with nothing for either direction is
  -- removed, and the next `on` makes a new entry.
  local function find( loop, descriptor )
    for _, entry in ipairs( loop.entries ) do
      if entry.descriptor == descriptor then return entry end
    end
  end

  local function each( direction )
    return direction:gmatch '.'
  end

  local function remove_if_empty( entry )
    if entry.r or entry.w or entry.gone then return end
    entry.gone = true
    for i, other in ipairs( entry.loop.entries ) do
      if other == entry then table.remove( entry.loop.entries, i ) end
    end
  end

  -- A coroutine that waits for a handle has a claim on the handle: it occupies the directions for which it waits. If
  -- other code resumes or closes the coroutine, the claim becomes void. A void claim is dropped when another function
  -- or coroutine needs the direction, or when a method of the watcher is called. It is also dropped when the loop's
  -- timers or handles are listed, and at the latest at the claim's time limit. A turn of the module drops some void
  -- claims as well, until it has found a claim that is not void. Which void claims a turn drops is not specified. So a
  -- program lists the handles before a turn: see `S.look` in stage.lua.
  local function drop_void( entry )
    if not entry then return end
    for one in each 'rw' do
      local task = entry[ one ] and entry[ one ].task
      if task and not M.is_waiting( task ) then M.unclaim( entry, task ) end
    end
    return not entry.gone and entry or nil
  end

  function M.drop_all_void( loop )
    for i = #loop.entries, 1, -1 do drop_void( loop.entries[ i ] ) end
  end

  -- After a handle is closed, the system may give its number to the next handle that is opened. When the next handle is
  -- added to a loop, the loop must no longer have an entry for the closed handle. So the entry of a closed object is
  -- removed here, and a coroutine that waits for the closed handle is told now.
  local function make_way( loop, descriptor )
    for i = #loop.entries, 1, -1 do
      local entry = loop.entries[ i ]
      local is_closed = not world.descriptor( entry.handle )
      if is_closed and world.have_one_number( entry.descriptor, descriptor ) then M.close_entry( entry ) end
    end
    for i = #loop.to_tell, 1, -1 do
      local told = loop.to_tell[ i ]
      if world.have_one_number( told.descriptor, descriptor ) then
        table.remove( loop.to_tell, i )
        M.tell( loop, told.task )
      end
    end
  end

  local function check( loop, handle )
    local descriptor = world.descriptor( handle ) or error( handle and 'handle: it is closed' or 'handle: none', 0 )
    make_way( loop, descriptor )
    return descriptor
  end

  -- The entry of a handle, or a new entry. Returns nil, a message and an errno at the loop's limit of handles.
  local function entry_of( loop, handle )
    local descriptor = check( loop, handle )
    local entry = find( loop, descriptor )
    if entry then return entry end
    if #loop.entries >= loop.max_handles then return nil, 'too many descriptors', 24 end
    entry = setmetatable( { loop = loop, descriptor = descriptor, handle = handle, referenced = true, changes = 0 }, Watcher )
    loop.entries[ #loop.entries + 1 ] = entry
    return entry
  end

  -- ## on
  -- A second `on` for the same direction replaces the function, but not a waiting coroutine.
  function Loop.on( loop, handle, direction, f, ... )
    M.open( loop )
    local there = drop_void( find( loop, check( loop, handle ) ) )
    for one in each( direction ) do
      if there and there[ one ] and there[ one ].task then error( 'handle: a coroutine waits for it', 0 ) end
    end
    local entry, message, errno = entry_of( loop, handle )
    if not entry then return nil, message, errno end
    local arguments, n = { ... }, select( '#', ... )
    for one in each( direction ) do
      if not entry[ one ] or not world.is_socket( handle ) then entry.changes = entry.changes + 1 end
      entry[ one ] = { call = function( )
        M.call( loop, entry, f, (unpack or table.unpack)( arguments, 1, n ) )
      end }
    end
    return entry
  end

  -- ## The claim of a coroutine
  -- Each direction has at most one function or one coroutine. A second one raises an error.
  function M.check_free( loop, handle, direction )
    local descriptor = check( loop, handle )
    local there = drop_void( find( loop, descriptor ) )
    for one in each( direction ) do
      local other = there and there[ one ]
      if other then error( other.task and 'handle: a coroutine waits for it' or 'handle: it is watched already', 0 ) end
    end
  end

  function M.claim( loop, handle, direction, task )
    local entry, message, errno = entry_of( loop, handle )
    if not entry then return nil, message, errno end
    for one in each( direction ) do entry[ one ] = { task = task } end
    entry.changes = entry.changes + 1
    return entry
  end

  function M.unclaim( entry, task )
    for one in each 'rw' do
      if entry[ one ] and entry[ one ].task == task then entry[ one ] = nil end
    end
    M.end_wait( task )
    remove_if_empty( entry )
  end

  -- The directions of a task's claim that are ready now: `'r'`, `'w'`, `'rw'` or nil.
  function M.ready_for( entry, task )
    local ready = ''
    for one in each 'rw' do
      if entry[ one ] and entry[ one ].task == task and world.ready( entry.descriptor, one ) then ready = ready .. one end
    end
    return ready ~= '' and ready or nil
  end

  -- ## Readiness
  -- A turn serves the directions that were ready when its wait ended, and that were observed then and still are. It
  -- serves reading first, then writing. The order of the handles is not specified. share.lua says how many handles are
  -- served. If a direction of a handle was added after the wait, the handle may be served in this turn or in the next.
  -- The same holds after a call of `on` with a number or an object, which may mean another file by then.
  function M.ready( loop )
    local ready = { }
    for _, entry in ipairs( loop.entries ) do
      local item = { entry = entry, changes = entry.changes }
      for one in each 'rw' do item[ one ] = entry[ one ] and world.ready( entry.descriptor, one ) or nil end
      if item.r or item.w then ready[ #ready + 1 ] = item end
    end
    return ready
  end

  local function serve( loop, entry, ready )
    for one in each 'rw' do
      local observer = ready[ one ] and not entry.gone and entry[ one ]
      local has_turn = entry.changes == ready.changes or world.was_next( entry )
      if observer and has_turn and world.descriptor( entry.handle ) and not M.over( loop ) then
        if observer.task then
          local directions = ''
          for each_one in each 'rw' do
            if ready[ each_one ] and entry[ each_one ] and entry[ each_one ].task == observer.task then directions = directions .. each_one end
          end
          M.unclaim( entry, observer.task )
          M.resume( loop, observer.task, directions )
        else
          observer.call( )
        end
      end
    end
  end

  -- Serves the next ready handle. Returns whether a handle was served.
  function M.serve_next( loop, ready )
    for i = #ready, 1, -1 do
      local item = ready[ i ]
      local entry = item.entry
      if entry.gone or not world.descriptor( entry.handle ) or not (item.r and entry.r or item.w and entry.w) then
        table.remove( ready, i )
        if not entry.gone then loop.shares.handles.closed = loop.shares.handles.closed + 1 end
        M.leave_open( loop )
      end
    end
    local i = world.next( ready )
    if not i and #ready > 0 and loop.shares.handles.served > 0 then M.leave_open( loop ) end
    if not i or M.handles_are_over( loop ) then return false end
    loop.shares.handles.served = loop.shares.handles.served + 1
    serve( loop, ready[ i ].entry, table.remove( ready, i ) )
    return true
  end

  -- ## A watcher
  -- If all functions of a watcher are off, or its loop is closed, `off` and `active` return false.
  function Watcher.off( entry, direction )
    drop_void( entry )
    local was = false
    for one in each( direction or 'rw' ) do
      if entry[ one ] and not entry[ one ].task and not entry.gone then
        entry[ one ], was = nil, true
      end
    end
    remove_if_empty( entry )
    return was
  end

  function Watcher.active( entry )
    drop_void( entry )
    return not entry.gone
  end

  function Watcher.__tostring( entry )
    drop_void( entry )
    if entry.gone then return 'cogloop.watcher: off' end
    return ('cogloop.watcher: %d %s%s'):format( entry.descriptor.fd, entry.r and 'r' or '', entry.w and 'w' or '' )
  end

  function Watcher.ref( entry )
    drop_void( entry )
    entry.referenced = true
    return entry
  end

  function Watcher.unref( entry )
    drop_void( entry )
    entry.referenced = false
    return entry
  end

  -- ## Closing
  -- The functions of a closed handle are no longer called, and its entry leaves the loop. The entry of a socket leaves
  -- just before the socket is closed, and the entry of an object before the next turn. The entry of a number stays
  -- until it is turned off, because the number may mean another file later. A coroutine that waits for the closed
  -- handle gets a timer without delay, which ends the wait. It gets this timer before the next turn, or when the
  -- handle's number is added to the loop again. Until then the timer of its time limit still exists, but does nothing.
  local function close( entry )
    for one in each 'rw' do
      local task = entry[ one ] and entry[ one ].task
      if task and not task.told then
        task.told = true
        table.insert( entry.loop.to_tell, { task = task, descriptor = entry.descriptor } )
      end
      entry[ one ] = nil
    end
    remove_if_empty( entry )
  end
  M.close_entry = close

  function M.tell( loop, task )
    task.told = nil
    M.end_wait( task )
    if not M.is_waiting( task ) then return end
    task.wait, task.state = nil, 'ready'
    M.wake( loop, task, 0, true, nil, 'the handle was closed', 9 )
  end

  function world.closing( descriptor )
    for _, loop in ipairs( world.loops ) do
      local entry = find( loop, descriptor )
      if entry and world.is_socket( entry.handle ) then close( entry ) end
    end
  end

  function M.look( loop )
    for i = #loop.entries, 1, -1 do
      local entry = loop.entries[ i ]
      if world.is_object( entry.handle ) and not world.descriptor( entry.handle ) then close( entry ) end
    end
    M.drop_all_void( loop )
    for _, told in ipairs( loop.to_tell ) do M.tell( loop, told.task ) end
    loop.to_tell = { }
    M.drop_sleeps( loop )
  end
end
