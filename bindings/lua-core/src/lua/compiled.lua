-- The common functions of all parts that LuaJIT compiles with the script. The chunk gets the table of the functions'
-- addresses. It returns nothing if LuaJIT does not compile, or if the FFI or `jit.util` is missing.
local own = ...
local pcall, require = pcall, require

local has_jit, jit = pcall( require, 'jit' )
local has_ffi, ffi = pcall( require, 'ffi' )
local has_util, util = pcall( require, 'jit.util' )
if not has_jit or not jit.status( ) or not has_ffi or not has_util then return end

-- Returns a pointer to a loop's memory, which begins like LoopBlock in host/memory.rs. Compiled code makes no object
-- for the pointer.
local Block = ffi.typeof 'struct { void *state; int32_t arming, parked, emptying; } *'
local cast  = ffi.cast
local function block_of( loop ) return cast( Block, loop ) end

-- Returns the address of the function `name`, cast to the C type `of`.
local function typed( name, of ) return cast( of, own[ name ] ) end

local function opcode( f, pc ) return util.funcbc( f, pc ) % 256 end

-- `serve` consists of one endless loop. Returns a function that calls `serve` until LuaJIT gives up compiling this
-- loop. LuaJIT gives up a loop that it has failed to compile several times, for example because the callbacks make
-- closures. It then replaces the loop's opcode LOOP by the next opcode, and interprets the loop. From then on the
-- returned function does nothing, because the C function that serves the same timers is faster than an interpreted
-- loop.
local function while_compiled( serve )
  local LOOP, pc = opcode( function( ) while true do serve( ) end end, 1 ), 1
  while opcode( serve, pc ) ~= LOOP do pc = pc + 1 end
  return function( ... )
    if opcode( serve, pc ) ~= LOOP + 1 then serve( ... ) end
  end
end

return typed, while_compiled, block_of, ffi
