-- A binary heap in Lua. Each entry stores its index, so that it can be removed.
local socket = require 'socket'
local heap, size, serial, is_stopped = { }, 0, 0, false

local function is_before( a, b )
  return a.at < b.at or (a.at == b.at and a.serial < b.serial)
end

local function put( i, entry )
  heap[i], entry.place = entry, i
end

local function rise( i, entry )
  while i > 1 do
    local up = (i - i % 2) / 2
    if not is_before( entry, heap[up] ) then break end
    put( i, heap[up] )
    i = up
  end
  put( i, entry )
end

local function sink( i, entry )
  while 2 * i <= size do
    local child = 2 * i
    if child < size and is_before( heap[child + 1], heap[child] ) then child = child + 1 end
    if not is_before( heap[child], entry ) then break end
    put( i, heap[child] )
    i = child
  end
  rise( i, entry )
end

local function push( entry )
  serial, size = serial + 1, size + 1
  entry.serial = serial
  rise( size, entry )
  return entry
end

local function remove( entry )
  local last = heap[size]
  heap[size] = nil
  size = size - 1
  if last ~= entry then sink( entry.place, last ) end
end

return {
  add = function( ms, f ) return push{ at = socket.gettime( ) + ms / 1000, f = f } end,
  cancel = remove,
  every = function( ms, f ) push{ at = socket.gettime( ) + ms / 1000, f = f, again = ms / 1000 } end,
  run = function( )
    while size > 0 and not is_stopped do
      local now = socket.gettime( )
      if heap[1].at > now then socket.sleep( heap[1].at - now ) end
      now = socket.gettime( )
      while size > 0 and heap[1].at <= now and not is_stopped do
        local entry = heap[1]
        remove( entry )
        entry.f( )
        if entry.again then
          entry.at = entry.at + entry.again
          push( entry )
        end
      end
    end
  end,
  stop = function( ) is_stopped = true end,
}
