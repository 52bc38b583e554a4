-- `send` and `recv` in their usual cases, which LuaJIT compiles with the script; see compiled.rs. The chunk gets the
-- class, the table of the objects' methods, the objects' metatable, the table of the Rust side, and the results of
-- lua/compiled.lua. Any other case goes to the function of the same name in Rust, which handles all cases.
local class, methods, Socket, own, typed, _, _, ffi = ...
local getmetatable, rawget, select, type = getmetatable, rawget, select, type

local send    = typed( 'send', 'int32_t (*)( void *, const char *, int32_t )' )
local receive = typed( 'receive', 'int32_t (*)( void *, char *, int32_t )' )
local string  = ffi.string
local RECEIVED, MAX = own.RECEIVED, 2^31 - 1

-- The buffer for received data. A call takes it out and puts it back, because a finalizer or a debug hook may receive
-- between two steps of the call. If an error of a hook ends the call between two steps, the buffer is lost, and the
-- function in Rust receives from then on.
local buffer = ffi.new( 'char[?]', RECEIVED )

local function is_socket( value ) return type( value ) == 'userdata' and getmetatable( value ) == Socket end

-- The functions for all cases are not called as tail calls. So their messages contain the name of the called function.
local function pass( ... ) return ... end

-- In the usual case, returns the result of `receive`, and the message if there is one. Otherwise returns nothing.
local function try_recv( sck, max )
  local room = buffer
  if not room or not is_socket( sck ) then return end
  if type( max ) ~= 'number' or max % 1 ~= 0 or max < 1 or max > RECEIVED then return end
  buffer = nil
  local count = receive( sck, room, max )
  local message = count > 0 and string( room, count ) or nil
  buffer = room
  return count, message
end

local recv_failed, send_failed = own.recv_failed, own.send_failed

local function receiver( any )
  return function( ... )
    local given, count, message = select( '#', ... ), nil, nil
    if given == 1 then
      count, message = try_recv( ..., RECEIVED )
    elseif given == 2 then
      count, message = try_recv( ... )
    end
    if not count then return pass( any( ... ) ) end
    if count >= 0 then return message, count end
    return pass( recv_failed( count ) )
  end
end

local function try_send( sck, message )
  if is_socket( sck ) and type( message ) == 'string' and #message <= MAX then return send( sck, message, #message ) end
end

local function sender( any )
  return function( ... )
    local count = select( '#', ... ) == 2 and try_send( ... )
    if not count then return pass( any( ... ) ) end
    if count >= 0 then return count end
    return pass( send_failed( count ) )
  end
end

for _, functions in pairs{ class, methods } do
  functions.recv, functions.send = receiver( functions.recv ), sender( functions.send )
end

local index_any = Socket.__index
function Socket.__index( sck, key )
  local method = rawget( methods, key )
  if method ~= nil then return method end
  return ( index_any( sck, key ) )
end
