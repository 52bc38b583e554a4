-- signal and child, on top of `on`. The chunk gets the module's table, the methods' table, and the inner functions.
-- checked.rs has already checked the arguments. A source is the object that becomes readable when the signal comes or
-- the child ends. The source is closed with its watcher, or at once if no watcher can be made.
local module, methods, inner = ...
local open_signal, open_child = inner.open_signal, inner.open_child

local function signal( loop, name, f )
  local source, message, errno = open_signal( name )
  if not source then return nil, message, errno end
  local watcher
  watcher, message, errno = loop.on( source, 'r', function( ) if source:take( ) then f( name ) end end )
  if watcher then return watcher end
  source:close( )
  return nil, message, errno
end

local function child( loop, pid, f )
  local source, message, errno = open_child( pid )
  if not source then return nil, message, errno end
  local watcher
  watcher, message, errno = loop.on( source, 'r', function( )
    local how, code = source:take( )
    if not how then return end
    watcher:off( )
    source:close( )
    f( pid, how, code )
  end )
  if watcher then return watcher end
  source:close( )
  return nil, message, errno
end

for name, start in pairs{ signal = signal, child = child } do
  module[ name ] = function( what, f ) return start( module, what, f ) end
  methods[ name ] = function( loop, what, f )
    return start( { on = function( ... ) return loop:on( ... ) end }, what, f )
  end
end
