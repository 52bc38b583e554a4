-- Tests of many timers that are due in one turn. On LuaJIT, compiled code calls the callbacks of ordinary timers, and
-- code in Rust calls the other callbacks.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local test, equal, same_list = T.test, T.equal, T.same_list

local COUNT = 300

local function virtual( ) return cogloop.loop{ clock = 'virtual' } end

local function all( )
  local list = { }
  for i = 1, COUNT do list[ i ] = i end
  return list
end

test( 'timers of all kinds fire in order within one turn', function( )
  local loop, fired = virtual( ), { }
  local function fire( i ) fired[ #fired + 1 ] = i end
  local callable = setmetatable( { }, { __call = function( _, i ) fire( i ) end } )
  for i = 1, COUNT do
    local kind = i % 7
    if kind == 0 then
      loop:after( 5, fire, i )
    elseif kind == 1 then
      loop:after( 5, callable, i )
    elseif kind == 2 then
      loop:every( { ms = 100, first = 5 }, function( ) fire( i ) loop:firing( ):cancel( ) end )
    else
      loop:after( 5, function( ) fire( i ) end )
    end
  end
  loop:run( )
  same_list( fired, all( ) )
  equal( #loop:timers( ), 0 )
end )

test( 'tasks that wake among many timers wake in order', function( )
  local loop, fired = virtual( ), { }
  for i = 1, COUNT do
    if i % 3 == 0 then
      loop:spawn( function( )
        loop:sleep( 5 )
        fired[ #fired + 1 ] = i
      end )
    else
      loop:after( 0, function( ) loop:after( 5, function( ) fired[ #fired + 1 ] = i end ) end )
    end
  end
  loop:run( )
  same_list( fired, all( ) )
end )

test( 'a callback cancels, moves and adds among the timers of its turn', function( )
  local loop, fired, timers = virtual( ), { }, { }
  for i = 1, COUNT do
    timers[ i ] = loop:after( 5, function( )
      fired[ #fired + 1 ] = i
      equal( timers[ i ]:active( ), false )
      equal( loop:firing( ), timers[ i ] )
      if i % 2 == 1 and timers[ i + 1 ] then
        if i % 4 == 1 then
          equal( timers[ i + 1 ]:cancel( ), true )
        else
          equal( timers[ i + 1 ]:reschedule( 10 ), true )
        end
      end
      if i % 50 == 1 then loop:after( 20, function( ) fired[ #fired + 1 ] = -i end ) end
    end )
  end
  loop:run( )
  local wanted = { }
  for i = 1, COUNT, 2 do wanted[ #wanted + 1 ] = i end
  for i = 4, COUNT, 4 do wanted[ #wanted + 1 ] = i end
  for i = 1, COUNT, 50 do wanted[ #wanted + 1 ] = -i end
  same_list( fired, wanted )
end )

test( 'an error among many timers ends only its own callback', function( )
  for _, has_handler in ipairs{ true, false } do
    local loop, fired, errors = virtual( ), { }, { }
    for i = 1, COUNT do
      loop:after( 5, function( )
        fired[ #fired + 1 ] = i
        if i % 60 == 0 then error( 'no ' .. i, 0 ) end
      end )
    end
    if has_handler then
      loop:onerror( function( err, _, what )
        errors[ #errors + 1 ] = err
        equal( tostring( what ), 'cogloop.timer: done' )
      end )
      loop:run( )
    else
      repeat
        local ok, err = pcall( loop.run, loop )
        if not ok then errors[ #errors + 1 ] = err end
      until ok
    end
    same_list( fired, all( ) )
    same_list( errors, { 'no 60', 'no 120', 'no 180', 'no 240', 'no 300' } )
  end
end )

test( 'stop and close among many timers end the turn', function( )
  local loop, fired = virtual( ), 0
  for i = 1, COUNT do
    loop:after( 5, function( )
      fired = fired + 1
      if i == 150 then loop:stop( ) end
      if i == 200 then loop:close( ) end
    end )
  end
  loop:run( )
  equal( fired, 150 )
  equal( #loop:timers( ), COUNT - 150 )
  loop:run( )
  equal( fired, 200 )
end )

test( 'a slow hook that is set among many timers gets the slow callbacks that follow', function( )
  local loop, slow = virtual( ), 0
  for i = 1, COUNT do
    loop:after( 5, function( )
      if i == 100 then loop:slow( 10, function( ) slow = slow + 1 end ) end
      if i > 200 and i <= 210 then loop:advance( 10 ) end
    end )
  end
  loop:run( )
  equal( slow, 10 )
end )

test( 'a finished timer among many keeps its function alive no longer', function( )
  local loop = virtual( )
  local held = setmetatable( { }, { __mode = 'k' } )
  for _ = 1, COUNT do
    local key = { }
    held[ key ] = true
    loop:after( 5, function( ) return key end )
  end
  loop:run( )
  T.collect( )
  equal( next( held ), nil )
  equal( #loop:timers( ), 0 )
end )

return T.done( )
