-- Runs 500 tasks on sockets with time limits, on the real clock and under load: tasks.lua SECONDS ROUNDS
--
-- In each round 400 requests are answered after up to 30 ms, and 100 requests are never answered. Meanwhile callbacks
-- take 2 of every 5 ms. In an odd round the tasks wait with a time limit. In an even round the tasks use `timeout`, and
-- some tasks are cancelled. A time-out is false if it came before its time, or when the answer could already be read.
-- The server is in the same loop, so no answer can arrive between a time-out and the check. The script runs for at
-- least SECONDS and at least ROUNDS rounds, and prints its counts. It fails if a time-out was false, a task was lost,
-- or something is left in the loop.
local cogloop = require 'cogloop'
local Socket  = require 't.Net.Socket'

local seconds, rounds = tonumber( arg[ 1 ] ), tonumber( arg[ 2 ] )
local TASKS, LIMIT = 500, 1000
local EINPROGRESS  = 115

local sum = { rounds = 0, answered = 0, silent = 0, late = 0, cancelled = 0, wrong = 0, early = 0 }
local loop = cogloop.loop( )
local server, address = Socket.listen( '127.0.0.1', 0, 4096 )
server.nonblock = true

local function answering( client, n )
  while loop:wait( client, 'r' ) do
    local ask = client:recv( )
    if not ask or ask == '' then break end
    if ask == 'ask' then
      loop:sleep( n % 31 )
      client:send 'answer'
    end
  end
  client:close( )
end

local answers = loop:spawn{ name = 'server', function( )
  local clients = 0
  while true do
    loop:wait( server, 'r' )
    -- Accepts all waiting clients, because on a busy machine there are few turns.
    local client = server:accept( )
    while client do
      clients = clients + 1
      client.nonblock = true
      loop:spawn( { name = 'answer', answering }, client, clients )
      client = server:accept( )
    end
  end
end }

-- The load: a callback that takes 2 ms.
local busy = loop:every( 5, function( )
  local over = os.clock( ) + 0.002
  while os.clock( ) < over do end
end )

-- Returns the answer, or nil. `limit` is nil if `timeout` limits the whole request.
local function request( sck, ask, limit )
  sck:send( ask )
  local began = loop:now( )
  if loop:wait( sck, 'r', limit ) then return sck:recv( ) end
  if loop:now( ) - began < limit then sum.early = sum.early + 1 end
end

local function note( is_live, answer, sck )
  if answer == 'answer' then
    sum.answered = sum.answered + 1
  elseif not is_live then
    sum.silent = sum.silent + 1
  elseif sck:recv( ) == 'answer' then
    sum.wrong = sum.wrong + 1
  else
    -- The machine was so busy that the answer came too late.
    sum.late = sum.late + 1
  end
end

local function one( i, uses_scopes )
  local is_live = i % 5 ~= 0
  local ask = is_live and 'ask' or 'say nothing'
  loop:sleep( i % 50 )
  -- The socket does not block. When the system has to repeat the request for a connection, a blocking `connect` would
  -- stop the server, which is in the same process.
  local sck = Socket( 'tcp' )
  sck.nonblock = true
  local connected, message, errno = sck:connect( address )
  if not connected then
    assert( errno == EINPROGRESS, message )
    loop:wait( sck, 'w' )
  end
  local ok, err = loop:pcall( function( )
    if uses_scopes then
      local began = loop:now( )
      local answer, why = loop:timeout( LIMIT, request, sck, ask )
      if why == 'timed out' and loop:now( ) - began < LIMIT then sum.early = sum.early + 1 end
      note( is_live, answer, sck )
    else
      note( is_live, request( sck, ask, LIMIT ), sck )
    end
  end )
  sck:close( )
  if not ok then error( err, 0 ) end
end

local function round( uses_scopes )
  local group, doomed = loop:group( ), { }
  for i = 1, TASKS do
    local task = group:spawn( one, i, uses_scopes )
    if uses_scopes and i % 10 == 0 then doomed[ #doomed + 1 ] = task end
  end
  loop:sleep( 100 )
  for _, task in ipairs( doomed ) do
    if task:cancel 'enough' then sum.cancelled = sum.cancelled + 1 end
  end
  local ok, err = group:join( )
  if not ok then error( err, 0 ) end
end

local main = loop:spawn{ name = 'main', function( )
  while sum.rounds < rounds or loop:now( ) < seconds * 1000 do
    sum.rounds = sum.rounds + 1
    round( sum.rounds % 2 == 0 )
  end
  busy:cancel( )
  answers:cancel( )
  loop:sleep( 100 )
  for _, task in ipairs( loop:tasks( ) ) do
    if task:name( ) == 'answer' then task:cancel( ) end
  end
end }
loop:run( )
server:close( )
local total = sum.answered + sum.silent + sum.late + sum.wrong + sum.cancelled
local left  = #loop:tasks( ) + #loop:handles( ) + #loop:timers( )
print( ('%d rounds of %d tasks: %d answered, %d silent, %d cancelled, %d answered too late, %d false time-outs, %d early, %d left')
  :format( sum.rounds, TASKS, sum.answered, sum.silent, sum.cancelled, sum.late, sum.wrong, sum.early, left ) )
local is_right = main:status( ) == 'done' and total == sum.rounds * TASKS and sum.wrong == 0 and sum.early == 0 and left == 0
if main:status( ) ~= 'done' then print( main, select( 2, main:join( ) ) ) end
os.exit( is_right and 0 or 1 )
