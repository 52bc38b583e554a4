-- t.Net.Address: the texts that are addresses, and the properties of an address.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T       = require 'harness'
local Address = require 't.Net.Address'
local test, equal, is_true, fails = T.test, T.equal, T.is_true, T.fails

local function is( adr, family, ip, port )
  equal( adr.family, family )
  equal( adr.ip, ip )
  equal( adr.port, port )
end

test( "the modules are the fields of t.Net and of t", function( )
  local Net = require 't.Net'
  equal( Net.Address, Address )
  equal( Net.Socket, require 't.Net.Socket' )
  equal( require 't'.Net, Net )
end )

test( 'the constructor accepts each form of its arguments', function( )
  is( Address( ), 'AF_INET', '0.0.0.0', 0 )
  is( Address( '127.0.0.1' ), 'AF_INET', '127.0.0.1', 0 )
  is( Address( '10.1.2.3', 8000 ), 'AF_INET', '10.1.2.3', 8000 )
  is( Address( '10.1.2.3', '8000' ), 'AF_INET', '10.1.2.3', 8000 )
  is( Address( 8000 ), 'AF_INET', '0.0.0.0', 8000 )
  is( Address( nil, 8000 ), 'AF_INET', '0.0.0.0', 8000 )
  is( Address( '::' ), 'AF_INET6', '::', 0 )
  is( Address( '::1', 65535 ), 'AF_INET6', '::1', 65535 )
  is( Address( '[2001:DB8:0:0::1]', 1 ), 'AF_INET6', '2001:db8::1', 1 )
  local adr = Address( '::1', 5 )
  local clone = Address( adr )
  is( clone, 'AF_INET6', '::1', 5 )
  clone.port = 6
  equal( adr.port, 5 )
end )

test( 'an address can be the path of a Unix socket', function( )
  T.requires 'Unix sockets'
  is( Address( '/tmp/a socket' ), 'AF_UNIX', '/tmp/a socket', nil )
  is( Address( './s' ), 'AF_UNIX', './s', nil )
  is_true( tostring( Address( '/tmp/x' ) ):match( '^t%.Net%.Address{/tmp/x}: ' .. T.ADDRESS .. '$' ) )
  is_true( Address( '/x' ) ~= Address( '/y' ) )
  is_true( Address( '/x' ) ~= Address( '127.0.0.1', 80 ) )
  equal( Address( '/x' ), Address( '/x' ) )
end )

test( 'on a system without Unix sockets the call raises an error', function( )
  if T.supports 'Unix sockets' then return end
  fails( "bad argument #1 to 'Address' (ip: '/tmp/x': Unix sockets are not for Windows)", function( ) Address( '/tmp/x' ) end )
end )

test( 'only IPv6 addresses have scope and flow', function( )
  local adr = Address( 'fe80::1%4000000000', 80 )        -- a number that no interface has
  is( adr, 'AF_INET6', 'fe80::1%4000000000', 80 )
  equal( adr.scope, 4000000000 )
  equal( adr.flow, 0 )
  equal( Address( '127.0.0.1' ).scope, nil )
  equal( Address( '127.0.0.1' ).flow, nil )
  is_true( adr ~= Address( 'fe80::1', 80 ) )
end )

test( 'every function that shows or reads an IPv6 address keeps its zone', function( )
  T.requires 'network interfaces'
  local lo
  for name, interface in pairs( require 't.Net.Interface'.list( ) ) do
    if interface.flags.IFF_LOOPBACK then lo = name end
  end
  local ip  = 'fe80::1%' .. lo
  local adr = Address( ip, 80 )
  is( adr, 'AF_INET6', ip, 80 )
  equal( (adr:get( )), ip )
  is_true( tostring( adr ):find( 't.Net.Address{[' .. ip .. ']:80}', 1, true ), tostring( adr ) )
  equal( Address( adr:get( ) ), adr, 'read again' )
  adr.port = 81
  equal( adr, Address( ip, 81 ) )
  local _, message = require 't.Net.Socket'.connect( Address( 'fe80::1%4000000000', 80 ) )
  is_true( message:find( '[fe80::1%4000000000]:80', 1, true ), message )
end )

test( 'the name of a Unix socket may be bytes that are not UTF-8', function( )
  T.requires 'Unix sockets'
  local one, other = Address '/tmp/\255', Address '/tmp/\254'
  is_true( one ~= other )
  equal( one.ip, '/tmp/\255' )
  equal( (one:get( )), '/tmp/\255' )
  equal( Address( one.ip ), one )
  is_true( tostring( one ):find( '{/tmp/\255}', 1, true ) )
  local _, message = require 't.Net.Socket'.connect( '/nowhere/\255' )
  is_true( message:find( '/nowhere/\255 (', 1, true ), message )
end )

test( 'an error about a wrong address names the argument', function( )
  for _, bad in ipairs{ '', 'localhost', '1.2.3', '256.0.0.1', '1.2.3.4:80', ':::', '[::1', '1.2.3.4%1' } do
    fails( 'ip: ', Address, bad )
  end
  fails( 'there is no network interface', Address, 'fe80::1%nowhere0' )
  fails( 'ip: ', Address, '/' .. ('x'):rep( 200 ) )
  fails( 'ip: ', Address, '/a\0b' )
  for _, bad in ipairs{ -1, 65536, 1.5, 'x', true, { }, 0/0 } do
    fails( 'port: an integer from 0 to 65535 expected', Address, '127.0.0.1', bad )
  end
  for _, bad in ipairs{ true, { }, print, io.stdout } do
    fails( 'ip: ', Address, bad )
  end
end )

test( 'get and set', function( )
  local adr = Address( )
  equal( adr:set( '127.0.0.1', 80 ), adr )
  local ip, port = adr:get( )
  equal( ip, '127.0.0.1' )
  equal( port, 80 )
  adr:set( '::1' )
  is( adr, 'AF_INET6', '::1', 0 )
  adr:set( )
  is( adr, 'AF_INET', '0.0.0.0', 0 )
  fails( 'adr: T.Net.Address expected', adr.get )
  fails( 'adr: T.Net.Address expected', adr.get, io.stdout )
end )

test( 'the text that is assigned to ip decides the family, as in a new address', function( )
  T.requires 'Unix sockets'
  local adr = Address( '127.0.0.1', 80 )
  adr.ip = '/run/x.sock'
  is( adr, 'AF_UNIX', '/run/x.sock', nil )
  equal( adr, Address( '/run/x.sock' ) )
  adr.ip = '127.0.0.2'
  is( adr, 'AF_INET', '127.0.0.2', 0 )
  equal( adr, Address( '127.0.0.2' ) )
  adr.ip = './127.0.0.2'
  is( adr, 'AF_UNIX', './127.0.0.2', nil )
  adr.ip = '::1'
  is( adr, 'AF_INET6', '::1', 0 )
  -- Only the address of a Unix socket accepts a text without a slash as a path.
  fails( 'ip: ', function( ) adr.ip = 'no-slash' end )
  is( adr, 'AF_INET6', '::1', 0 )
end )

test( 'ip, port and family can be assigned', function( )
  local adr = Address( '127.0.0.1', 80 )
  adr.ip = '127.0.0.2'
  is( adr, 'AF_INET', '127.0.0.2', 80 )
  adr.port = 81
  is( adr, 'AF_INET', '127.0.0.2', 81 )
  adr.ip = '::1'
  is( adr, 'AF_INET6', '::1', 81 )
  adr.family = 'ip4'
  is( adr, 'AF_INET', '0.0.0.0', 81 )
  adr.family = 'AF_INET'
  is( adr, 'AF_INET', '0.0.0.0', 81 )
  fails( 'family: ', function( ) adr.family = 'AF_APPLETALK' end )
  if not T.supports 'Unix sockets' then return end
  adr.family = 'AF_UNIX'
  adr.ip = 'a path without a slash'
  is( adr, 'AF_UNIX', 'a path without a slash', nil )
  fails( 'port: ', function( ) adr.port = 1 end )
  fails( 'family: ', function( ) adr.family = 'AF_APPLETALK' end )
  fails( 'ip: ', function( ) adr.ip = nil end )
  fails( 'nothing else', function( ) adr.scope = 1 end )
  fails( 'nothing else', function( ) adr[ 1 ] = 1 end )
  equal( adr[ 1 ], nil )
  equal( adr.nothing, nil )
end )

test( 'addresses are equal if they mean the same', function( )
  equal( Address( '127.0.0.1', 80 ), Address( '127.0.0.1', 80 ) )
  equal( Address( '::1', 80 ), Address( '0:0::1', 80 ) )
  for _, other in ipairs{ Address( '127.0.0.1', 81 ), Address( '127.0.0.2', 80 ), Address( '::1', 80 ) } do
    is_true( Address( '127.0.0.1', 80 ) ~= other )
  end
end )

test( 'tostring', function( )
  is_true( tostring( Address( '127.0.0.1', 8000 ) ):match( '^t%.Net%.Address{127%.0%.0%.1:8000}: ' .. T.ADDRESS .. '$' ) )
  is_true( tostring( Address( '::1', 8000 ) ):match( '^t%.Net%.Address{%[::1%]:8000}: ' .. T.ADDRESS .. '$' ) )
end )

T.done( )
