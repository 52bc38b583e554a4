-- The functions that a generated program calls: they name its objects, and log its calls and their answers. The text of
-- a program runs without a change on the module, on the model, and as a pasted script.

return function( world, own )
  local S = {
    T = { }, W = { }, C = { }, F = { }, H = { },      -- timers, watchers, coroutines, functions, handles
    lines = { }, marks = { numbers = { } }, calls = 0, most = 200,
  }

  -- ## Values as text
  -- Objects are written by the names that the program gave them. Of an error message only the phrases in ABOUT are
  -- written, because the module's message has more details. Of a program's own errors only the names are written.
  local ABOUT = {
    'too many timers', 'too many descriptors', 'the loop is closed', 'running already', 'only a task of this loop', 'watched already',
    'a coroutine waits for it', 'no timer is armed', 'timed out', 'the handle was closed', 'it is closed',
  }

  -- `named` has the name under which each object was found last. Most objects still have this name.
  local KINDS, named = { T = S.T, W = S.W, C = S.C, F = S.F }, setmetatable( { }, { __mode = 'k' } )

  -- `guess` is the most likely name: the callback of timer 7 most often uses T7.
  local function name_of( value, guess )
    if guess and S.T[ guess ] == value then return 'T' .. guess end
    local known = named[ value ]
    if known and KINDS[ known.kind ][ known.n ] == value then return known.kind .. known.n end
    for kind, list in pairs( KINDS ) do
      for n, object in pairs( list ) do
        if object == value then
          named[ value ] = { kind = kind, n = n }
          return kind .. n
        end
      end
    end
  end

  local function about( message )
    local found = { }
    for _, phrase in ipairs( ABOUT ) do
      if message:find( phrase, 1, true ) then found[ #found + 1 ] = phrase end
    end
    for name in message:gmatch 'oops%d+' do
      if not found[ name ] then found[ name ], found[ #found + 1 ] = true, name end
    end
    table.sort( found )
    if #found > 0 then return table.concat( found, '+' ) end
    return message:find( 'handle: ', 1, true ) and 'no handle' or message
  end

  local function number( value )
    return (('%.6f'):format( value ):gsub( '%.?0+$', '' ))
  end

  local texts_of = { }

  function S.text( value, guess )
    if value == nil then return 'nil' end
    local known = texts_of[ value ]
    if known then return known end
    local kind = type( value )
    if kind == 'number' or kind == 'string' then
      known = (kind == 'number' and number or about)( value )
      texts_of[ value ] = known
      return known
    end
    if kind == 'boolean' then return tostring( value ) end
    return name_of( value, guess ) or kind == 'table' and 'userdata' or kind
  end

  local function texts( guess, n, value, ... )
    if n == 0 then return '' end
    local text = S.text( value, guess )
    return n == 1 and text or text .. ' ' .. texts( guess, n - 1, ... )
  end

  function S.texts( ... ) return texts( nil, select( '#', ... ), ... ) end

  -- ## The log
  local function now( )
    local ok, time = pcall( S.time )
    return ok and S.text( time ) or '-'
  end

  function S.say( n, ... )
    if S.over then return end
    S.lines[ #S.lines + 1 ] = now( ) .. '  #' .. n .. '  ' .. texts( n, select( '#', ... ), ... )
  end

  -- A callback may run the loop, so calls nest. Lua 5.1 allows about 100 levels. At the level `deepest` the program is
  -- ended.
  local depth, deepest = 0, 40

  local function begin( )
    depth = depth + 1
    if depth < deepest then return end
    S.over = true
    S.end_all( )
  end

  local function answered( n, name, ok, ... )
    depth = depth - 1
    S.say( n, name, ok and '->' or 'raises', ... )
    if ok then return ... end
  end

  -- Calls a method of an object, if the object exists, and logs the answer.
  function S.ask( n, object, name, ... )
    if S.over then return end
    if object == nil then return S.say( n, name, 'no object' ) end
    begin( )
    return answered( n, name, pcall( object[ name ], object, ... ) )
  end

  function S.call( n, f, ... )
    if S.over then return end
    if f == nil then return S.say( n, 'call', 'no object' ) end
    begin( )
    return answered( n, 'call', pcall( f, ... ) )
  end

  -- ## Callbacks
  -- Records that a callback is called: the turn, and the handle if a handle was ready. The module may choose which of
  -- several ready handles comes first, and the model chooses the same.
  function S.mark( h )
    S.marks[ #S.marks + 1 ] = { h = h, turn = world.is_real and S.turn( ) }
  end

  -- Each callback begins with one of these functions. After `S.most` calls everything is ended and nothing more is
  -- called. So every program ends.
  function S.enough( )
    S.calls = S.calls + 1
    if S.calls == S.most then
      S.over = true
      S.end_all( )
    end
  end

  function S.called( n, ... )
    S.mark( )
    S.say( n, 'called', ... )
    S.enough( )
  end

  function S.served( n, h, ... )
    S.mark( h )
    S.say( n, 'served', ... )
    S.enough( )
  end

  function S.failed( err, _, what )
    S.say( 'onerror', err, what )
    S.enough( )
  end

  -- ## Handles
  -- A handle is a socket, its number, or an object that knows its number. No handle is made twice, and no socket is
  -- left to the garbage collector.
  local of, kept = { }, { }

  -- The system chooses the number of a socket, which may be the number of a closed socket. The model uses the same
  -- number.
  local function add( h, socket )
    S.H[ h ], of[ h ], kept[ #kept + 1 ] = socket, socket, socket
    if world.is_real then
      S.marks.numbers[ h ] = world.number( socket )
    else
      socket.fd = world.marks.numbers[ h ]
    end
  end

  function S.pair( a, b )
    if of[ a ] then return end
    local one, two = world.pair( )
    add( a, one )
    add( b, two )
  end

  for _, form in ipairs{ 'number', 'object' } do
    S[ form ] = function( a, b )
      if not of[ a ] or of[ b ] then return end
      of[ b ], S.H[ b ] = of[ a ], world[ form ]( of[ a ] )
    end
  end

  -- A socket sends fewer than 20 times: if its peer has many unread bytes, the real socket is not ready for writing,
  -- and the model does not know that.
  local sent = { }

  for _, act in ipairs{ 'send', 'fill', 'drain', 'close' } do
    S[ act ] = function( h )
      local socket = of[ h ]
      if not socket then return end
      if act == 'send' then sent[ socket ] = (sent[ socket ] or 0) + 1 end
      if act ~= 'send' or sent[ socket ] < 20 then world[ act ]( socket ) end
    end
  end

  -- In the log a handle has the name of its socket, also if the handle is a number or an object.
  function S.handle_name( handle )
    for h = 1, 1000 do
      if handle ~= nil and S.H[ h ] == handle then
        for socket = 1, h do
          if S.H[ socket ] == of[ h ] then return 'H' .. socket end
        end
      end
    end
    return 'nothing'
  end

  S.raise = world.raise
  world.S, world.socket = S, function( h ) return h and of[ h ] end

  function S.close_all( )
    for _, socket in ipairs( kept ) do world.close( socket ) end
  end

  -- The object that a watcher of a signal observes is a handle as well. Its name is the number of the operation that
  -- made the watcher. An operation makes no second watcher while its first is active, so the name is unique.
  function S.watch_signal( n, loop, name, f )
    if S.W[ n ] and S.W[ n ]:active( ) then return end
    if not world.is_real then world.source_number = world.marks.numbers[ n ] end
    local watcher = S.ask( n, loop, 'signal', name, f )
    if not watcher then return end
    S.W[ n ], of[ n ] = watcher, watcher.descriptor
    if world.is_real then S.marks.numbers[ n ] = tonumber( (tostring( watcher ):match ': (%d+)') ) end
  end

  -- Logs the object as text, without addresses and the numbers of descriptors, which the system chooses.
  function S.show( n, object )
    if S.over then return end
    if object == nil then return S.say( n, 'shows', 'no object' ) end
    S.say( n, 'shows', (tostring( object ):gsub( '0x%x+', '0x' ):gsub( 'watcher: %d+', 'watcher:' )) )
  end

  -- The rest is specific to the face.
  own( S, world )
  return S
end
