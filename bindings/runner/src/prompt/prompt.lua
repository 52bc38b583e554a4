-- The prompt: runs the lines that are typed, and the default loop between them. The functions of `host` are in host.rs.

local host = ...
local cogloop = require 'cogloop'

-- Local copies, because a line may change the globals.
local G, debug, math, table = _G, debug, math, table
local load, next, pcall, rawget, select, tostring, type, xpcall = load, next, pcall, rawget, select, tostring, type, xpcall
local unpack = table.unpack or unpack
local fd, remaining, step = cogloop.fd, cogloop.remaining, cogloop.step

-- A loop of the backend `select` has no descriptor. With such a loop the prompt checks for requests each time this many
-- milliseconds have passed.
local WITHOUT_FD_MS = 20

local KEYWORDS = { }
for word in ( 'and break do else elseif end false for function goto if in local nil not or repeat return then true until while' )
  :gmatch '%a+' do KEYWORDS[ word ] = true end

-- Compiles a chunk: `=expr` and `expr` return their values.
local function compile( text )
  local expression = text:match '^%s*=(.*)$'
  local f = load( 'return ' .. ( expression or text ), '=stdin' )
  if f then return f end
  return load( expression and 'return ' .. expression or text, '=stdin' )
end

-- Whether further lines could complete the chunk.
local function is_incomplete( text )
  local f, err = compile( text )
  return not f and err:find( "<eof>'?$" ) ~= nil
end

-- Returns the text of an error, without the calls of this file at the end of its traceback.
local function told( err )
  local text = type( err ) == 'string' and err or '(error object is a ' .. type( err ) .. ' value)'
  return ( text:gsub( "\n%s*%[C%]: in function 'xpcall'\n%s*%(prompt%):.*$", '' ) )
end

local function run( text )
  local f, err = compile( text )
  if not f then return host.report( err ) end
  local function keep( ... ) return select( '#', ... ), { ... } end
  local count, results = keep( xpcall( f, host.on_raise ) )
  host.settle( )
  if not results[ 1 ] then return host.report( told( results[ 2 ] ) ) end
  if count > 1 then
    local worked, why = xpcall( G.print, host.on_raise, unpack( results, 2, count ) )
    if not worked then host.report( told( why ) ) end
    host.settle( )
  end
end

-- Calls `see` for each field of a value: its own fields, and the fields of tables in `__index`. Runs no code of the
-- script.
local function each_field( value, see )
  for _ = 1, 10 do
    if type( value ) == 'table' then
      for name, field in next, value do see( name, field ) end
    end
    local meta = debug.getmetatable( value )
    value = type( meta ) == 'table' and rawget( meta, '__index' )
    if type( value ) ~= 'table' then return end
  end
end

local function field_of( value, wanted )
  local found
  each_field( value, function( name, field ) if name == wanted and found == nil then found = field end end )
  return found
end

-- Completes the end of a line. The first line of the result is the offset where the word begins. Each further line is a
-- candidate.
local function complete( line )
  local path = line:match '([%a_][%w_.:]*)$'
  if not path then return '0' end
  local value, word, is_method = G, path, false
  local owner, separator, last = path:match '^(.*)([.:])([%w_]*)$'
  if owner then
    for name in owner:gmatch '[^.:]+' do value = field_of( value, name ) end
    if value == nil then return '0' end
    word, is_method = last, separator == ':'
  end
  local found = { }
  local function see( name, field )
    if type( name ) == 'string' and name:find '^[%a_][%w_]*$' and not KEYWORDS[ name ] and name:sub( 1, #word ) == word
      and ( not is_method or type( field ) == 'function' ) then found[ name ] = true end
  end
  each_field( value, see )
  if not owner then
    for name in next, KEYWORDS do
      if name:sub( 1, #word ) == word then found[ name ] = true end
    end
  end
  local names = { }
  for name in next, found do names[ #names + 1 ] = name end
  table.sort( names )
  table.insert( names, 1, tostring( #line - #word ) )
  return table.concat( names, '\n' )
end

-- Waits for a request, and takes turns of the default loop meanwhile. A loop on virtual time takes no turns: its hours
-- would pass while the user types a letter.
local refused = host.is_virtual
local function serve_loop( )
  if refused then return host.wait( ) end
  local descriptor, ms = fd( ), remaining( )
  if not descriptor then ms = math.min( ms or WITHOUT_FD_MS, WITHOUT_FD_MS ) end
  if host.wait( descriptor, ms ) then return end
  host.serving( true )
  local worked, left, why = xpcall( step, host.on_raise, 0 )
  if not worked then
    host.report( told( left ) )
  elseif left == nil then
    -- The system has refused the wait, and would refuse each further one. So the loop takes no turn until the next
    -- line has run.
    refused = true
    host.report( tostring( why ) )
  end
  host.settle( )
  host.serving( false )
end

local function serve( )
  while true do
    local what, text = host.next( )
    if not what then
      serve_loop( )
    elseif what == 'line' then
      host.enter( )
      run( text )
      refused = host.is_virtual
      host.withdraw( )
      host.answer( '' )
    elseif what == 'complete' then
      host.answer( complete( text ) )
    elseif what == 'check' then
      host.answer( is_incomplete( text ) and 'incomplete' or '' )
    else
      host.enter( )
      return true
    end
  end
end

-- Like the standard libraries, the module is a global.
if rawget( G, 'cogloop' ) == nil then G.cogloop = cogloop end
host.settle( )
io.stdout:setvbuf 'line'
if not host.start( ) then return end
host.withdraw( )
-- An interrupt may raise an error anywhere.
while not pcall( serve ) do
  host.settle( )
  host.withdraw( )
  host.answer( '' )
end
