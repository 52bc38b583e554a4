-- Mistakes that a language server must find with our types. This file is never run. A line with a mistake ends with the
-- server's names for the mistake. On all other lines the server must find nothing. luacheck: ignore
local cogloop, Loop, Socket, mockit = require 'cogloop', require 't.Loop', require 't.Net.Socket', require 'luamockit'
local loop, tasks = cogloop.loop{ clock = 'virtual' }, Loop( )

---@param count integer
local function takes( count ) print( count ) end

-- Arguments of the wrong type, and values that are not in the list of the type.
loop:after( '10', print )                                                   --> param-type-mismatch
loop:every( { ms = 5, policy = 'skp' }, print )                             --> param-type-mismatch
loop:on( io.stdin, 'x', print )                                             --> param-type-mismatch
loop:on( 'stdin', 'r', print )                                              --> param-type-mismatch
tasks:addHandle( io.stdin, 'reads', print )                                 --> param-type-mismatch
loop:onerror( 5 )                                                           --> param-type-mismatch

-- Missing arguments.
loop:every( { first = 5 }, print )                                          --> missing-fields param-type-mismatch
loop:sleep( )                                                               --> missing-parameter
mockit.oneoff( 5 )                                                          --> missing-parameter

-- Names that do not exist.
cogloop.spwan( print )                                                      --> undefined-field
loop:after( 10, print ):cancell( )                                          --> undefined-field
print( loop:stats( ).thymers )                                              --> undefined-field

-- The arguments of a callback have the types of the values that follow it.
loop:after( 10, takes, 'text' )                                             --> param-type-mismatch
loop:spawn( function( text ) text:shout( ) end, 'text' )                    --> undefined-field
tasks:addTask( 10, function( count ) count( ) end, 5 )                      --> call-non-callable

-- Results of the wrong type, and results that may be nil because the system may fail.
tasks:addTask( 10, function( ) return 'again' end )                         --> return-type-mismatch
local client = Socket.connect( '127.0.0.1', 80 )
client:send( 'text' )                                                       --> need-check-nil
print( loop:stats( ).late.max )                                             --> need-check-nil
local sck = assert( Socket( 'tcp' ) )
sck.nodelay = 'yes'                                                         --> assign-type-mismatch

-- Correct code that a server might report as a mistake.
local handle = { getfd = function( ) return 0 end }
loop:on( handle, 'r', function( ) return loop:stop( ) end )
loop:on( sck, 'rw', takes, 5 )
tasks:addHandle( sck, tasks.WRITE, print, 1, 'two', { } )
tasks:addTask( 10, function( text, count ) return #text > count and 100 end, 'text', 3 )
loop:spawn( { name = 'takes', takes }, 7 )
local result, message = loop:timeout( 10, function( ms ) loop:sleep( ms ) coroutine.yield( ) return 5 end, 3 )
print( result, message, cogloop.timeout( ), loop:all( function( ) return 1 end, loop:spawn( print ) ) )
local text = sck:recv( )
if text then print( text:upper( ) ) end
