-- debounce and throttle, which limit how often a function is called.

return function( M )
  local Loop = M.Loop

  local function after( loop, ms, f, call )
    M.behind[ call ] = f
    return loop:after( ms, call )
  end

  local function pack( ... ) return { n = select( '#', ... ), ... } end
  local function spread( arguments ) return (unpack or table.unpack)( arguments, 1, arguments.n ) end

  -- ## debounce
  -- Each call sets the timer again. When the timer fires, `f` is called with the arguments of the last call. A call
  -- that the loop's limit of timers refuses changes nothing.
  function Loop.debounce( loop, ms, f )
    M.open( loop )
    local timer, last
    return function( ... )
      M.open( loop )
      if timer and not timer.done then
        timer:reschedule( ms )
      else
        timer = after( loop, ms, f, function( )
          local arguments = last
          last = nil
          f( spread( arguments ) )
        end )
      end
      last = pack( ... )
    end
  end

  -- ## throttle
  -- The first call calls `f` and starts a period of `ms`. Of the calls within the period the last one is kept. At the
  -- end of the period `f` is called for the kept call, and the next period starts. A call that the loop's limit of
  -- timers refuses changes nothing and does not call `f`. The limit may also refuse the timer of the next period. The
  -- refusal is then an error of the timer that has fired: `f` is not called for the kept call, and the next call counts
  -- as a first call.
  function Loop.throttle( loop, ms, f )
    M.open( loop )
    local resting, last = false, nil
    local function start( )
      after( loop, ms, f, function( )
        resting = false
        if not last then return end
        local arguments = last
        start( )
        resting, last = true, nil
        f( spread( arguments ) )
      end )
    end
    return function( ... )
      if resting then
        last = pack( ... )
      else
        start( )
        resting, last = true, nil
        f( ... )
      end
    end
  end
end
