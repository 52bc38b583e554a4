-- A model of `require 'luamockit'`: a simple service with virtual time that does what the module does. Read it together
-- with docs/mockit.md.

return function( )
  local Timer = { }
  Timer.__index = Timer

  local function service( )
    local S = { }
    -- `timers` has the armed timers and `events` the waiting events, both in the order of expiry. `live` is the number
    -- of events whose timers still exist, and `time` is in ms. `armed` and `made` count the timers and events so far.
    local timers, events, live, time, armed, made = { }, { }, 0, 0, 0, 0
    local refresh, insert

    -- ## Arming
    -- Of two timers with the same deadline, the timer whose period began first expires first. If the periods began at
    -- the same time, the timer that was made first expires first.
    local function make( ms, f, period )
      refresh( )
      armed = armed + 1
      local timer = setmetatable( { refresh = refresh, f = f, ms = ms, period = period, deadline = time + ms, order = armed, events = 0 }, Timer )
      function timer.drop( ) live = live - timer.events end
      insert( timer )
      return timer
    end

    function S.oneoff( ms, f ) return make( ms, f ) end
    function S.getit( ms, f ) return make( ms, f, ms ) end

    -- ## The queue
    -- Each function brings the queue up to date; `sleep` and `wait` do so at their ends. Each deadline that has passed
    -- becomes an event. An interval is armed again for the next deadline of its schedule, even if several have passed.
    local function is_earlier( a, b )
      if a.deadline ~= b.deadline then return a.deadline < b.deadline end
      if a.ms ~= b.ms then return a.ms > b.ms end
      return a.order < b.order
    end

    function insert( timer )
      local low, high = 1, #timers + 1        -- the timer's place is in this range
      while low < high do
        local middle = math.floor( (low + high) / 2 )
        if is_earlier( timer, timers[ middle ] ) then high = middle else low = middle + 1 end
      end
      table.insert( timers, low, timer )
    end

    function refresh( )
      for i = #timers, 1, -1 do
        if timers[ i ].destroyed then table.remove( timers, i ) end
      end
      while timers[ 1 ] and timers[ 1 ].deadline <= time do
        local timer = table.remove( timers, 1 )
        made = made + 1
        table.insert( events, { timer = timer, number = made } )
        live, timer.events = live + 1, timer.events + 1
        if timer.period then
          timer.deadline = timer.deadline + timer.period
          insert( timer )
        end
      end
    end

    function S.inqueue( )
      refresh( )
      return #events
    end

    -- The events of timers that were destroyed do not count, because they will not run.
    function S.pending( )
      refresh( )
      return live
    end

    -- ## Running
    -- Runs the events that exist now, one after another. Later events wait for the next call. At the first event of a
    -- destroyed timer, all events of that timer are dropped. The first error is raised after all events have run.
    function S.process_events( )
      refresh( )
      local ran, failure, last = 0, nil, made
      while events[ 1 ] and events[ 1 ].number <= last do
        local timer = table.remove( events, 1 ).timer
        if timer.destroyed then
          for i = #events, 1, -1 do
            if events[ i ].timer == timer then table.remove( events, i ) end
          end
        else
          ran, live, timer.events = ran + 1, live - 1, timer.events - 1
          local ok, err = pcall( timer.f )
          if not ok then failure = failure or { err } end
        end
      end
      if failure then error( failure[ 1 ], 0 ) end
      return ran
    end

    -- ## Waiting
    -- Waits until there is an event, but at most for `ms` if `ms` is above 0. Returns 1 and a message if no event can
    -- come and there is no limit.
    function S.wait( ms )
      if S.pending( ) > 0 then return 0 end
      local limit = ms and ms > 0 and time + ms
      local next = timers[ 1 ]
      if not next and not limit then return 1, 'no timer is armed' end
      time = math.min( next and next.deadline or limit, limit or next.deadline )
      refresh( )
      return 0
    end

    function S.sleep( ms )
      time = time + ms
      refresh( )
      return 0, 0
    end

    return S
  end

  -- ## Destroying
  -- Destroys the timer at once. A second call does nothing.
  function Timer.destroy( timer )
    timer.refresh( )
    if not timer.destroyed then timer.drop( ) end
    timer.destroyed = true
    return nil
  end

  return { loop = service }
end
