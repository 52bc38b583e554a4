-- Timers: deadlines, intervals, slack, and the methods of a timer.

return function( M )
  local Loop = M.Loop
  local Timer = { }
  Timer.__index = Timer

  -- ## Deadlines and moments
  -- A schedule is kept in ns. The deadline is the first tick that is not before the scheduled time, so a timer is never
  -- early. Everything that a timer reports refers to the deadline. Without slack, the moment at which the timer is
  -- served is its deadline. With slack the moment lies between the scheduled time and the end of the slack. To find it,
  -- take the greatest power of ten, in ns, that is not above the slack. Among the multiples of this power in the range,
  -- the moment is the multiple that is divisible by the highest power of two. There is exactly one such multiple, and
  -- timers whose ranges overlap often have the same multiple. The moment is then rounded up to a tick. A timer whose
  -- moment has passed is served in the next turn.
  local function with_slack( first, slack )
    if first == 0 or slack == 0 then return first end
    local step = 1
    while 10 * step <= slack do step = 10 * step end
    local last = first + slack
    while math.floor( last / (2 * step) ) * 2 * step >= first do step = 2 * step end
    return math.floor( last / step ) * step
  end

  local function tick( loop, time )
    return math.ceil( time / loop.tick ) * loop.tick
  end

  -- The time `ms` from now. A new one-shot timer without delay gets the current tick. So it is due in the next turn.
  function M.from_now( loop, ms )
    if ms == 0 then return math.floor( loop.time / loop.tick ) * loop.tick end
    return loop.time + ms * 1e6
  end

  -- Gives a timer a deadline. The timer is served after all timers that were armed earlier for the same moment.
  local function arm( loop, timer, scheduled )
    loop.armed = loop.armed + 1
    timer.scheduled, timer.order, timer.turn = scheduled, loop.armed, nil
    timer.deadline = tick( loop, scheduled )
    timer.moment = tick( loop, with_slack( scheduled, timer.slack ) )
  end

  -- ## Making a timer
  -- A timer without a slack of its own has the loop's slack. If such a timer is due in the next turn, it has no slack.
  -- `fire` is called at the timer's moment. If the loop has reached its limit of timers, `M.add` raises and changes
  -- nothing. The timers of a task are exempt, because `spawn` has checked the limit.
  function M.add( loop, deadline, timer, let_in )
    if not let_in and #loop.pending >= loop.max_timers then error( 'too many timers', 0 ) end
    timer.loop, timer.referenced = loop, true
    timer.slack = timer.slack or deadline > loop.time and loop.slack or 0
    loop.pending[ #loop.pending + 1 ] = timer
    arm( loop, timer, deadline )
    return setmetatable( timer, Timer )
  end

  local function remove( timer )
    for i, other in ipairs( timer.loop.pending ) do
      if other == timer then table.remove( timer.loop.pending, i ) end
    end
    timer.done = true
  end
  M.remove_timer = remove

  local function callback( f, ... )
    local arguments, n = { ... }, select( '#', ... )
    return function( timer )
      M.call( timer.loop, timer, f, (unpack or table.unpack)( arguments, 1, n ) )
    end
  end

  function Loop.after( loop, ms, f, ... )
    M.open( loop )
    return M.add( loop, M.from_now( loop, ms ), { f = f, fire = callback( f, ... ) } )
  end

  function Loop.at( loop, ms, f, ... )
    M.open( loop )
    return M.add( loop, ms * 1e6, { f = f, fire = callback( f, ... ) } )
  end

  function Loop.every( loop, spec, f, ... )
    M.open( loop )
    if type( spec ) == 'number' then spec = { ms = spec } end
    return M.add( loop, loop.time + (spec.first or spec.ms) * 1e6, {
      f = f, fire = callback( f, ... ), period = spec.ms * 1e6, policy = spec.policy or 'skip',
      slack = spec.slack and spec.slack * 1e6 or loop.slack,
    } )
  end

  -- ## The next deadline of an interval
  -- If a deadline is served within its slack, the next deadline is one period later. It is rounded up like all
  -- deadlines. If a deadline is served later than that, the policy decides. `skip` takes the first deadline of the
  -- schedule that is later than the current tick, and reports how many deadlines it left out. `burst` takes the
  -- deadlines one by one. `delay` restarts the schedule from now. If a timer's period is shorter than a tick and the
  -- timer has no slack, several deadlines are in one tick, and all but the first count as late.
  local function next_deadline( loop, timer )
    local reading, following = loop.reading, timer.scheduled + timer.period
    local is_short = timer.slack == 0 and timer.period < loop.tick
    if not is_short and reading <= tick( loop, timer.scheduled + timer.slack ) then return following, 0 end
    if timer.policy == 'burst' then return following, 0 end
    if timer.policy == 'delay' then return math.max( reading, timer.scheduled ) + timer.period, 0 end
    local late = math.max( math.floor( reading / loop.tick ) * loop.tick - timer.scheduled, 0 )
    local missed = math.floor( late / timer.period )
    return following + missed * timer.period, missed
  end

  -- ## Being due
  -- A timer is due if its moment is not later than now. A turn serves the timers that were due when its wait ended, up
  -- to its share (see share.lua), in the order of their moments and then of arming. If a timer gets another deadline
  -- before it is served, it is not due any more. The timers that a turn leaves come first in the next turn.
  local function earlier( a, b )
    local turn_of_a, turn_of_b = a.turn or math.huge, b.turn or math.huge
    if turn_of_a ~= turn_of_b then return turn_of_a < turn_of_b end
    if a.moment ~= b.moment then return a.moment < b.moment end
    return a.order < b.order
  end

  function M.in_order( timers )
    table.sort( timers, earlier )
    return timers
  end

  function M.next_moment( loop )
    local next = math.huge
    for _, timer in ipairs( loop.pending ) do
      if not timer.paused then next = math.min( next, timer.moment ) end
    end
    return next
  end

  function M.due( loop )
    local due = { }
    loop.turns = loop.turns + 1
    for _, timer in ipairs( loop.pending ) do
      if not timer.paused and timer.moment <= loop.reading then
        timer.turn = timer.turn or loop.turns
        due[ #due + 1 ] = { timer = timer, moment = timer.moment, order = timer.order, turn = timer.turn }
      end
    end
    return M.in_order( due )
  end

  function M.serve_timers( loop, due )
    while not M.over( loop ) and not M.timers_are_over( loop ) do
      local item
      repeat item = table.remove( due, 1 )
      until not item or not item.timer.done and not item.timer.paused and item.timer.order == item.order
      if not item then return end
      loop.shares.timers.served = loop.shares.timers.served + 1
      M.fire( loop, item.timer )
    end
  end

  -- ## Firing
  -- A one-shot timer ends before its callback is called. An interval is armed for its next deadline before its callback
  -- is called. The lateness and the number of missed deadlines are those of the time at which the turn began to serve.
  function M.fire( loop, timer )
    local late, missed = loop.reading - timer.deadline, 0
    if timer.period then
      local deadline
      deadline, missed = next_deadline( loop, timer )
      arm( loop, timer, deadline )
    else
      remove( timer )
    end
    loop.fired = loop.fired + 1
    if not timer.coroutine then M.late( loop, late ) end
    loop.now_firing = { timer, late / 1e6, missed }
    timer.fire( timer )
    loop.now_firing = nil
  end

  function Loop.firing( loop )
    M.open( loop )
    if loop.now_firing then return (unpack or table.unpack)( loop.now_firing, 1, 3 ) end
  end

  -- ## Methods of a timer
  -- If a timer has ended or its loop is closed, its methods return false or nil, except `ref` and `unref`.
  function Timer.cancel( timer )
    if timer.done then return false end
    remove( timer )
    return true
  end

  Timer.__close = Timer.cancel

  -- Sets the timer for `ms` from now. A paused timer resumes.
  function Timer.reschedule( timer, ms )
    if timer.done then return false end
    timer.paused = nil
    arm( timer.loop, timer, timer.loop.time + ms * 1e6 )
    return true
  end

  function Timer.pause( timer )
    if timer.done or timer.paused then return false end
    timer.paused = math.max( timer.deadline - timer.loop.time, 0 )
    return true
  end

  function Timer.resume( timer )
    if timer.done or not timer.paused then return false end
    arm( timer.loop, timer, timer.loop.time + timer.paused )
    timer.paused = nil
    return true
  end

  -- The result is 0 if the timer is overdue.
  function Timer.remaining( timer )
    if timer.done then return nil end
    return (timer.paused or math.max( timer.deadline - timer.loop.time, 0 )) / 1e6
  end

  function Timer.active( timer )
    return not timer.done and not timer.paused
  end

  function Timer.__tostring( timer )
    return timer.done and 'cogloop.timer: done' or ('cogloop.timer: %.15g ms left'):format( timer:remaining( ) )
  end

  function Timer.ref( timer )
    timer.referenced = true
    return timer
  end

  function Timer.unref( timer )
    timer.referenced = false
    return timer
  end
end
