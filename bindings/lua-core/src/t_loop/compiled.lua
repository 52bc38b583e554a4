-- The calls that LuaJIT compiles with the script, in their usual cases; see compiled.rs. The chunk gets the class, the
-- metatables of loops and tasks, the table of the Rust side, and the results of lua/compiled.lua. Every other case goes
-- to the C function.
local class, Loop, Task, own, typed, while_compiled, block_of = ...
local getmetatable, rawget, select, setmetatable, type, unpack = getmetatable, rawget, select, setmetatable, type, unpack

local arm     = typed( 'add', 'int32_t (*)( void *, double, int32_t, void * )' )
local linked  = typed( 'linked', 'int32_t (*)( void *, void * )' )
local cancel  = typed( 'cancel', 'int32_t (*)( void *, void * )' )
local next_due = typed( 'next', 'int32_t (*)( void * )' )
local begin   = typed( 'begin', 'int32_t (*)( void *, void * )' )
local ended   = typed( 'ended', 'int32_t (*)( void *, void * )' )
local again   = typed( 'again', 'int32_t (*)( void *, void *, double )' )
local finish, of_task, again_or_raise, last = own.finish, own.of_task, own.again_or_raise, own.last

-- The user values of a loop and of a task.
local TASKS, CURRENT, ENVS = own.TASKS, own.CURRENT, own.ENVS
local NEXT, CALLBACK       = 1, 2

-- For each loop that this file has prepared, the table of its user values. `of_loop` is weak, so it keeps neither the
-- loop nor the user values alive.
local of_loop = setmetatable( { }, { __mode = 'kv' } )

-- The stock of tasks that are not armed yet, the tables of their user values, and the number of tasks.
local stock, envs_of_stock, left = { }, { }, 0

local function prepare( loop )
  local values = own.values( loop )
  if values then of_loop[ loop ] = values end
  if left <= 0 then
    -- Making the tasks may run a finalizer that calls this function, too. So the new stock has tables of its own.
    local tasks, envs = { }, { }
    stock, envs_of_stock, left = tasks, envs, own.fill( tasks, envs )
  end
end

-- Adds a task with the table of its callback in the usual case. Returns nothing in any other case. steps.rs describes
-- what may happen between two steps.
local function add( loop, ms, callback, count )
  local values = of_loop[ loop ]
  if not values then return end
  local entries, envs = values[ TASKS ], values[ ENVS ]
  if not entries or not envs then return end
  local at = left
  local task, env = stock[ at ], envs_of_stock[ at ]
  -- The task leaves the stock before it is armed, so that no error leaves an armed task in the stock.
  left = at - 1
  local place = arm( loop, ms, count, task )
  if place < 0 then
    left = at
    return
  end
  stock[ at ], envs_of_stock[ at ] = nil, nil
  env[ CALLBACK ] = callback
  entries[ place ] = task
  envs[ place ]    = env
  local block = block_of( loop )
  if block.arming == place then
    block.arming = 0
    if block.parked ~= place then return task end
  end
  if linked( loop, task ) > 0 then return task end
end

-- Tasks of one function that are added one after the other without arguments share the table of the callback.
local function add_plain( loop, ms, f )
  if type( ms ) ~= 'number' or type( f ) ~= 'function' then return end
  local callback = last[ 1 ]
  if not callback or callback[ 1 ] ~= f then
    callback = { f }
    last[ 1 ] = callback
  end
  return add( loop, ms, callback, 0 )
end

local function add_with( loop, ms, f, ... )
  if type( ms ) ~= 'number' or type( f ) ~= 'function' then return end
  return add( loop, ms, { f, ... }, select( '#', ... ) )
end

-- The C functions are not called as tail calls, so that their messages contain the name of the function that the script
-- has called.
local add_any, cancel_any = class.addTask, class.cancelTask

function class.addTask( ... )
  local count, task = select( '#', ... ), nil
  if count == 3 then task = add_plain( ... ) elseif count > 3 and count < 200 then task = add_with( ... ) end
  if task then return task end
  prepare( ... )
  return ( add_any( ... ) )
end

-- Cancels a pending task of this loop. For any other value returns nothing.
local function cancel_pending( loop, task )
  local values = of_loop[ loop ]
  if not values or type( task ) ~= 'userdata' or getmetatable( task ) ~= Task then return end
  local entries, envs = values[ TASKS ], values[ ENVS ]
  if not entries or not envs then return end
  local place = cancel( loop, task )
  if place < 0 then return end
  local env = envs[ place ]
  entries[ place ], envs[ place ] = nil, nil
  block_of( loop ).emptying = 0
  if env then env[ NEXT ], env[ CALLBACK ] = nil, nil else finish( task ) end
  return true
end

function class.cancelTask( ... )
  if cancel_pending( ... ) then return true end
  return ( cancel_any( ... ) )
end

-- A key that is no string, and a string that is not in the class, go to the C function.
local index_any = Loop.__index
function Loop.__index( loop, key )
  if type( key ) == 'string' then
    local value = rawget( class, key )
    if value ~= nil then return value end
  end
  return index_any( loop, key )
end

-- Serves due tasks until none is left, or until the C function must serve the next one.
local function serve( loop, values )
  while true do
    local place = next_due( loop )
    if place <= 0 then return end
    local entries, envs = values[ TASKS ], values[ ENVS ]
    local task, env = entries[ place ], envs[ place ]
    entries[ place ], envs[ place ] = nil, nil
    values[ CURRENT ] = task
    local count = begin( loop, task )
    if count >= 0 then
      env = env or of_task( task )
      local callback = env[ CALLBACK ]
      local result
      if count == 0 then
        result = callback[ 1 ]( )
      else
        result = callback[ 1 ]( unpack( callback, 2, count + 1 ) )
      end
      local may_go_on = ended( loop, task )
      if may_go_on < 0 then return end
      local next_place = may_go_on > 0 and type( result ) == 'number' and again( loop, task, result ) or 0
      if next_place > 0 then
        values[ TASKS ][ next_place ], values[ ENVS ][ next_place ] = task, env
        linked( loop, task )
      elseif next_place < 0 then
        again_or_raise( loop, task, result )
      else
        env[ NEXT ], env[ CALLBACK ] = nil, nil
      end
    end
  end
end
local serve_while_compiled = while_compiled( serve )

return function( loop )
  local values = of_loop[ loop ]
  if not values then return prepare( loop ) end
  serve_while_compiled( loop, values )
end
