-- Functions that limit calls.

return function( M )
  local Loop = M.Loop

  local function after( loop, ms, f, call )
    M.behind[ call ] = f
    return loop:after( ms, call )
  end

  local function pack( ... ) return { n = select( '#', ... ), ... } end
  local function spread( arguments ) return (unpack or table.unpack)( arguments, 1, arguments.n ) end

  -- ## debounce
  -- Each call sets the timer again. When it fires, it calls `f` with the last arguments. A call that the loop's limit
  -- refuses changes nothing.
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
  -- The first call goes through and starts a period of `ms`. Of the calls within the period the last one is kept. It
  -- goes through at the end of the period and starts the next period. A call that the loop's limit refuses changes
  -- nothing and does not go through. The limit may also refuse the timer of the next period. That is an error of the
  -- old timer: the kept call does not go through, and the next call starts again.
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
