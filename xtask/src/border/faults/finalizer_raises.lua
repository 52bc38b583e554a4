-- Debian's LuaJIT 2.1: a finalizer raises while compiled code allocates, and the process ends by SIGSEGV. With `-joff`
-- this does not happen. This script loads no module.
getmetatable( newproxy( true ) ).__gc = function( ) error 'x' end
local function allocate( )
  local t = { }
  for i = 1, 1e6 do t = { t = i } end
  return t
end
pcall( allocate )
pcall( allocate )
