-- Runs 500 tasks on sockets with time limits, while slow callbacks run. 400 tasks get their answers and do not time
-- out. The server does not answer the other 100 tasks, which all time out. A second test adds groups, scopes and
-- cancellation.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local cogloop = require 'cogloop'
local Socket  = require 't.Net.Socket'
local test, equal = T.test, T.equal

local ROUNDS, LIVE, SILENT = T.many( 20 ), 400, 100
local LIMIT = 200

-- A loop on virtual time with callbacks that take some time, and a server that answers after up to 30 ms.
local function stage( )
  local loop   = cogloop.loop{ clock = 'virtual' }
  local server = assert( Socket.listen( '127.0.0.1', 0, 1024 ) )
  local answers = loop:spawn{ name = 'server', function( )
    local clients = 0
    while true do
      loop:wait( server, 'r' )
      local client = server:accept( )
      if client then
        clients = clients + 1
        loop:spawn( function( n )
          while loop:wait( client, 'r' ) do
            local ask = client:recv( )
            if not ask then break end
            if ask == 'ask' then
              loop:sleep( n % 31 )
              client:send 'answer'
            end
          end
          client:close( )
        end, clients )
      end
    end
  end }
  local busy = loop:every( 5, function( ) loop:advance( 2 ) end ):unref( )
  return loop, server, answers, busy
end

-- Makes one request. Returns the answer, or nil and the reason.
local function request( loop, server, ask, limit )
  local sck = assert( Socket.connect( '127.0.0.1', server:getsockname( ).port ) )
  sck:send( ask )
  local ready, why = loop:wait( sck, 'r', limit )
  local answer = ready and sck:recv( )
  sck:close( )
  return answer, why
end

local function finish( loop, server, answers )
  -- The server's tasks wait for cancelled clients, whose sockets the collector has not closed yet.
  answers:cancel( )
  for _, task in ipairs( loop:tasks( ) ) do task:cancel( ) end
  loop:run( )
  server:close( )
  equal( #loop:tasks( ), 0 )
  equal( #loop:handles( ), 0 )
end

test( 'no task that gets an answer times out', function( )
  for round = 1, ROUNDS do
    local loop, server, answers = stage( )
    local answered, silent, ended = 0, 0, 0
    for i = 1, LIVE + SILENT do
      local is_live = i % 5 ~= 0
      loop:spawn( function( )
        loop:sleep( i % 50 )
        local answer, why = request( loop, server, is_live and 'ask' or 'say nothing', LIMIT )
        if is_live and answer == 'answer' then answered = answered + 1 end
        if not is_live and why == 'timed out' then silent = silent + 1 end
        ended = ended + 1
        if ended == LIVE + SILENT then loop:stop( ) end
      end )
    end
    loop:run( )
    equal( answered, LIVE, 'round ' .. round )
    equal( silent, SILENT, 'round ' .. round )
    finish( loop, server, answers )
  end
end )

test( 'no task that gets an answer times out with groups and timeouts, while tasks are cancelled', function( )
  for round = 1, ROUNDS do
    local loop, server, answers = stage( )
    local answered, over, cancelled = 0, 0, 0
    local main = loop:spawn( function( )
      local group, doomed = loop:group( ), { }
      for i = 1, LIVE + SILENT do
        local is_live = i % 5 ~= 0
        local task = group:spawn( function( )
          loop:sleep( i % 50 )
          local answer, why = loop:timeout( LIMIT, request, loop, server, is_live and 'ask' or 'say nothing' )
          if is_live and answer == 'answer' then answered = answered + 1 end
          if not is_live and why == 'timed out' then over = over + 1 end
        end )
        if not is_live and i % 2 == 0 then doomed[ #doomed + 1 ] = task end
      end
      loop:sleep( 100 )
      for _, task in ipairs( doomed ) do if task:cancel( ) then cancelled = cancelled + 1 end end
      equal( group:join( ), true )
      loop:stop( )
    end )
    loop:run( )
    equal( main:status( ), 'done' )
    equal( answered, LIVE, 'round ' .. round )
    equal( cancelled, SILENT / 2 )
    equal( over, SILENT / 2, 'round ' .. round )
    finish( loop, server, answers )
  end
end )

T.done( )
