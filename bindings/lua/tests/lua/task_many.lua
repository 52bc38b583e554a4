-- Tests of many tasks that are due in one turn. On LuaJIT, compiled code calls the callbacks of ordinary tasks, and
-- code in Rust calls the other callbacks.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T    = require 'harness'
local Loop = require 't.Loop'
local test, equal, same_list = T.test, T.equal, T.same_list

local COUNT = 300

local function virtual( ) return Loop{ clock = 'virtual' } end

local function all( )
  local list = { }
  for i = 1, COUNT do list[ i ] = i end
  return list
end

test( 'tasks of one turn fire in order with their arguments, and then keep nothing alive', function( )
  local loop, fired, tasks = virtual( ), { }, { }
  local function fire( i, ... )
    fired[ #fired + 1 ] = i
    equal( select( '#', ... ), i % 5 == 2 and 2 or 0 )
  end
  local callable = setmetatable( { }, { __call = function( _, i ) fire( i ) end } )
  for i = 1, COUNT do
    local kind = i % 5
    if kind == 0 then
      tasks[ i ] = loop:addTask( 5, function( ) fire( i ) end )
    elseif kind == 1 then
      tasks[ i ] = loop:addTask( 5, callable, i )
    elseif kind == 2 then
      tasks[ i ] = loop:addTask( 5, fire, i, nil, nil )
    else
      tasks[ i ] = loop:addTask( 5, fire, i )
    end
  end
  loop:run( )
  same_list( fired, all( ) )
  for i = 1, COUNT do equal( T.user_value( tasks[ i ], 2 ), nil ) end
end )

test( 'many intervals fire at each of their deadlines until each of them ends', function( )
  local loop, counts, tasks = virtual( ), { }, { }
  for i = 1, COUNT do
    local period = 1 + i % 7
    counts[ i ] = 0
    tasks[ i ] = loop:addTask( period, function( )
      counts[ i ] = counts[ i ] + 1
      equal( T.user_value( tasks[ i ], 2 )[ 1 ] ~= nil, true )
      if counts[ i ] < 20 + i % 3 then return period end
      -- If the result is not a whole number of 1 or more, the interval ends.
      return ({ 0.5, 0, 'text' })[ 1 + i % 3 ]
    end )
  end
  loop:run( )
  for i = 1, COUNT do equal( counts[ i ], 20 + i % 3, i ) end
  equal( loop:time( ), 7 * 22 )
end )

test( 'a callback cancels, adds and cleans among the tasks of its turn', function( )
  local loop, fired, tasks = virtual( ), { }, { }
  for i = 1, COUNT do
    tasks[ i ] = loop:addTask( 5, function( )
      fired[ #fired + 1 ] = i
      if i % 2 == 1 and tasks[ i + 1 ] then equal( loop:cancelTask( tasks[ i + 1 ] ), true ) end
      if i == 99 then
        equal( loop:cancelTask( tasks[ i ] ), true )
        loop:addTask( 1, function( ) fired[ #fired + 1 ] = 'never' end )
      end
      if i == 201 then
        loop:clean( )
        loop:addTask( 1, function( ) fired[ #fired + 1 ] = 'last' end )
      end
      -- The loop ignores the result if the task was cancelled or removed by `clean`.
      if i == 99 or i == 201 then return 10 end
    end )
  end
  loop:run( )
  local wanted = { }
  for i = 1, 201, 2 do wanted[ #wanted + 1 ] = i end
  wanted[ #wanted + 1 ] = 'last'
  same_list( fired, wanted )
end )

test( 'an error among many tasks ends only its own task', function( )
  local loop, fired, errors = virtual( ), { }, { }
  for i = 1, COUNT do
    loop:addTask( 5, function( )
      fired[ #fired + 1 ] = i
      if i % 60 == 0 then error( 'no ' .. i, 0 ) end
    end )
  end
  loop.onerror = function( err, _, task )
    errors[ #errors + 1 ] = err
    equal( T.user_value( task, 2 ), nil )
  end
  loop:run( )
  same_list( fired, all( ) )
  same_list( errors, { 'no 60', 'no 120', 'no 180', 'no 240', 'no 300' } )
end )

test( 'stop among many tasks ends the turn, and the next run goes on', function( )
  local loop, fired = virtual( ), 0
  for i = 1, COUNT do
    loop:addTask( 5, function( )
      fired = fired + 1
      if i == 150 then loop:stop( ) end
    end )
  end
  loop:run( )
  equal( fired, 150 )
  loop:run( )
  equal( fired, COUNT )
end )

return T.done( )
