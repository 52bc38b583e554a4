-- The shares of a turn: how much a turn serves.

local SHARE, STEP = 10e6, 16      -- in ns; in callbacks

return function( M )

  -- ## Shares
  -- If a loop has handles, a turn serves timers for at most about 10 ms. If a loop has timers, a turn serves handles
  -- for at most about 10 ms. The rest comes first in the next turn. The clock is not read after each callback. A new
  -- loop reads it after one callback. After each reading, the number of callbacks until the next reading doubles, up to
  -- 16. If the callbacks since the last reading took a sixteenth of 10 ms or more, the number becomes 1 again. The next
  -- turn begins with the number that the last turn had. A turn serves at most `max_callbacks` of each kind.
  function M.shares( )
    return { timers = { step = 1 }, handles = { step = 1 } }
  end

  local function begin( share, time )
    share.served, share.look_at, share.start, share.looked = 0, 0, time, time
  end

  function M.begin_shares( loop )
    begin( loop.shares.timers, loop.reading )
    begin( loop.shares.handles, loop.reading )
    loop.shares.handles.closed = 0
  end

  local function is_used_up( loop, share )
    local is_slow = loop.time - share.looked >= SHARE / STEP
    share.looked = loop.time
    if loop.time - share.start >= SHARE then return true end
    share.step = is_slow and 1 or math.min( share.step * 2, STEP )
    return false
  end

  local function plan( loop, share )
    share.look_at = math.min( share.served + share.step, loop.max_callbacks )
    return false
  end

  -- Whether the turn leaves the other timers to the next turn. If the loop has no handles when the clock is due to be
  -- read, this turn does not read the clock for timers any more. A handle that is added later cannot be ready in this
  -- turn.
  function M.timers_are_over( loop )
    local share = loop.shares.timers
    if share.served < share.look_at then return false end
    if share.served >= loop.max_callbacks then return true end
    if #loop.entries == 0 then
      share.look_at = loop.max_callbacks
      return false
    end
    return share.served > 0 and is_used_up( loop, share ) or plan( loop, share )
  end

  -- Notes that a ready handle was left out: either the handle is gone, or the turn that serves it is not specified.
  -- From then on the times at which the clock is read are not specified.
  function M.leave_open( loop ) loop.shares.handles.is_open = true end

  -- Whether the turn leaves the other handles to the next turn. The share of handles begins when the share of timers
  -- has ended. If a callback has closed a ready object, it is not specified whether the object counts for
  -- `max_callbacks`.
  function M.handles_are_over( loop )
    local share = loop.shares.handles
    if share.served >= loop.max_callbacks then return true end
    if share.served + share.closed >= loop.max_callbacks and not M.world.goes_on( ) then return true end
    if share.is_open and share.served > 0 then
      return #loop.pending > 0 and loop.time - share.start >= SHARE and not M.world.goes_on( )
    end
    if share.served < share.look_at then return false end
    if share.served == 0 then
      begin( share, loop.shares.timers.looked )
    elseif #loop.pending > 0 and is_used_up( loop, share ) then
      return true
    end
    return plan( loop, share )
  end
end
