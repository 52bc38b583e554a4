-- The calls that LuaJIT compiles with the script, in their usual cases; see compiled.rs. The chunk gets the module's
-- table, the methods' table, the table of the Rust side, and the results of lua/compiled.lua. Any other case goes to
-- the function of the same name in Rust, which handles all cases.
local module, methods, own, typed, while_compiled, block_of = ...
local getmetatable, pairs, select, setmetatable, type = getmetatable, pairs, select, setmetatable, type

local arm_after  = typed( 'after', 'int32_t (*)( void *, double, int32_t, void * )' )
local arm_at     = typed( 'at', 'int32_t (*)( void *, double, int32_t, void * )' )
local linked     = typed( 'linked', 'int32_t (*)( void *, void * )' )
local cancel     = typed( 'cancel', 'int32_t (*)( void *, void * )' )
local owner_of   = typed( 'owner', 'uint32_t (*)( void * )' )
local reschedule = typed( 'reschedule', 'int32_t (*)( void *, void *, double )' )
local next_due   = typed( 'next', 'int32_t (*)( void * )' )
local now        = typed( 'now', 'double (*)( void * )' )

-- The table TASKS of each loop that this file has prepared. TASKS holds what the loop's timers call. The key is the
-- loop in `of_loop`, and the loop's number in `of_number`. Both tables are weak, so they keep neither TASKS nor the
-- loop alive.
local of_loop   = setmetatable( { }, { __mode = 'kv' } )
local of_number = setmetatable( { }, { __mode = 'v' } )
local loops, parts = own.loops, own.parts

-- The stock of timers that are not armed yet, and their number.
local stock, left = { }, 0

local function prepare( loop )
  local number, entries = parts( loop )
  if number then of_loop[ loop ], of_number[ number ] = entries, entries end
  if left <= 0 then
    -- Making the timers may run a finalizer that calls this function, too. So the new stock is a table of its own.
    local new = { }
    stock, left = new, own.fill( new )
  end
end

-- Makes the function for the usual case of `after` or `at`. In any other case that function returns nothing. The
-- argument `arm` is the function that arms a timer.
--
-- A timer is armed in steps. Until `arming` is 0, its entry in TASKS counts as missing; steps.rs says what may happen
-- between the steps. A call with very many arguments is left to the function for all cases, which raises if the
-- arguments do not fit on the stack.
local function adder( arm )
  local function add( loop, ms, f, entry, payload )
    local entries = of_loop[ loop ]
    if not entries or type( ms ) ~= 'number' or type( f ) ~= 'function' then return end
    local at = left
    local timer = stock[ at ]
    -- The timer leaves the stock before it is armed, so that no error leaves an armed timer in the stock.
    left = at - 1
    local place = arm( loop, ms, payload or 0, timer )
    if place < 0 then
      left = at
      return
    end
    stock[ at ] = nil
    entries[ place ] = entry or f
    local block = block_of( loop )
    if block.arming == place then
      block.arming = 0
      if block.parked ~= place then return timer end
    end
    if linked( loop, timer ) > 0 then return timer end
  end
  local function add_with( loop, ms, f, ... )
    return add( loop, ms, f, { f, ... }, select( '#', ... ) + 1 )
  end
  return function( ... )
    local count = select( '#', ... )
    if count == 3 then return add( ... ) end
    if count > 3 and count < 200 then return add_with( ... ) end
  end
end

-- The functions for all cases are not called as tail calls, so that their messages contain the name of the function
-- that the script has called.
local default = own.default
for name, arm in pairs{ after = arm_after, at = arm_at } do
  local try, of_methods, of_module = adder( arm ), methods[ name ], module[ name ]
  methods[ name ] = function( ... )
    local timer = try( ... )
    if timer then return timer end
    prepare( ... )
    return ( of_methods( ... ) )
  end
  module[ name ] = function( ... )
    local loop = default[ 1 ]
    if loop then
      local timer = try( loop, ... )
      if timer then return timer end
      prepare( loop )
    end
    return ( of_module( ... ) )
  end
end

local now_of_methods, now_of_module = methods.now, module.now
function methods.now( ... )
  local loop = ...
  if of_loop[ loop ] then
    local ms = now( loop )
    if ms >= 0 then return ms end
  end
  return ( now_of_methods( ... ) )
end

function module.now( ... )
  local loop = default[ 1 ]
  if of_loop[ loop ] and ... == nil then
    local ms = now( loop )
    if ms >= 0 then return ms end
  end
  return ( now_of_module( ... ) )
end

-- Returns the loop of a timer, and the loop's TASKS. Returns nothing if the value is no timer. The loop is nil if it is
-- gone. TASKS is nil if this file has not prepared the loop.
local Timer = own.Timer
local function owner( timer )
  if type( timer ) ~= 'userdata' or getmetatable( timer ) ~= Timer then return end
  local number = owner_of( timer )
  return loops[ number ], of_number[ number ]
end

local timers = Timer.__index
local cancel_any, reschedule_any = timers.cancel, timers.reschedule

function timers.cancel( timer )
  local loop, entries = owner( timer )
  if not loop or not entries then return ( cancel_any( timer ) ) end
  local place = cancel( loop, timer )
  if place < 0 then return ( cancel_any( timer ) ) end
  if place == 0 then return false end
  entries[ place ] = nil
  block_of( loop ).emptying = 0
  return true
end

function timers.reschedule( timer, ms )
  local loop = owner( timer )
  if loop and type( ms ) == 'number' then
    local was_pending = reschedule( loop, timer, ms )
    if was_pending >= 0 then return was_pending > 0 end
  end
  return ( reschedule_any( timer, ms ) )
end

-- Serves due timers until none is left, or until the next one must be served in Rust.
local function serve( loop, entries )
  local block = block_of( loop )
  while true do
    local place = next_due( loop )
    if place > 0 then
      local f = entries[ place ]
      entries[ place ] = nil
      block.emptying = 0
      f( )
    elseif place < -1 then
      entries[ -1 - place ]( )
    else
      return
    end
  end
end

local serve_while_compiled = while_compiled( serve )

return function( loop )
  local entries = of_loop[ loop ]
  if not entries then return prepare( loop ) end
  serve_while_compiled( loop, entries )
end
