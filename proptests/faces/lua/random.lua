-- Random numbers that are the same on every Lua: Lehmer's generator with Park and Miller's constants. No product
-- exceeds 2^53. So a Lua that has only doubles computes the same numbers as a Lua with integers.

return function( seed )
  local state = seed % 2147483646 + 1
  local R = { }

  -- A whole number from 1 to n.
  function R.upto( n )
    state = state * 16807 % 2147483647
    return state % n + 1
  end

  function R.chance( percent ) return R.upto( 100 ) <= percent end
  function R.pick( list ) return list[ R.upto( #list ) ] end

  -- One of the keys of `weights`, a list of { key, weight }.
  function R.weighted( weights )
    local sum = 0
    for _, pair in ipairs( weights ) do sum = sum + pair[ 2 ] end
    local n = R.upto( sum )
    for _, pair in ipairs( weights ) do
      n = n - pair[ 2 ]
      if n <= 0 then return pair[ 1 ] end
    end
  end

  for _ = 1, 3 do R.upto( 2 ) end     -- skips the first numbers, which are similar for small seeds
  return R
end
