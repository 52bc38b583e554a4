-- t.Net.Interface: snapshots of the machine's network interfaces.
package.path = arg[ 0 ]:match( '^(.-)[^/]*$' ) .. '../?.lua;' .. package.path
local T         = require 'harness'
local Net       = require 't.Net'
local Interface = require 't.Net.Interface'
local test, equal, is_true, fails = T.test, T.equal, T.is_true, T.fails

-- The loopback interface, under the system's name for it.
local lo
for _, interface in pairs( Interface.list( ) or { } ) do
  if interface.flags.IFF_LOOPBACK then lo = interface end
end

local function listed( name, body )
  test( name, function( )
    T.requires 'network interfaces'
    body( )
  end )
end

test( 'on a system without a list of interfaces the call returns an error', function( )
  if T.supports 'network interfaces' then return end
  for _, answer in ipairs{ { Interface.list( ) }, { Interface.default( ) }, { Interface.get 'lo' } } do
    equal( answer[ 1 ], nil )
    equal( answer[ 2 ], "Can't list network interfaces (Function not implemented)" )
    equal( answer[ 3 ], 38, 'ENOSYS' )
  end
end )

listed( 'the list has the loopback, and each interface under its name', function( )
  equal( Net.Interface, Interface )
  is_true( lo, 'a loopback' )
  for name, interface in pairs( Interface.list( ) ) do
    equal( interface.name, name )
    is_true( interface.index > 0, name )
    equal( type( interface.flags.IFF_UP ), 'boolean', name )
    equal( type( interface.stats ), 'table', name )
    local adr = interface.address
    is_true( adr == nil or adr == (interface.AF_INET or interface.AF_INET6).address, name )
  end
end )

listed( 'the loopback', function( )
  equal( lo.flags.IFF_UP, true )
  equal( lo.AF_INET.address.ip, '127.0.0.1' )
  equal( lo.AF_INET.address.family, 'AF_INET' )
  equal( lo.AF_INET.netmask.ip, '255.0.0.0' )
  equal( lo.address, lo.AF_INET.address )
  if io.open( '/sys/class/net/' .. lo.name .. '/mtu' ) then
    is_true( lo.mtu >= 1500 )
    is_true( lo.stats.rx_bytes >= 0 )
  end
end )

listed( 'an interface has every address of a family, and its hardware address', function( )
  for name, interface in pairs( Interface.list( ) ) do
    for _, family in ipairs{ 'AF_INET', 'AF_INET6' } do
      local list = interface[ family ]
      if list then
        is_true( #list >= 1, name )
        equal( list[ 1 ].address, list.address )
        equal( list[ 1 ].netmask, list.netmask )
        for _, one in ipairs( list ) do equal( one.address.family, family ) end
      end
    end
    is_true( tostring( interface ):find( 't.Net.Interface{' .. name .. '}: ', 1, true ), tostring( interface ) )
    equal( Interface.tostring( interface ), tostring( interface ) )
    if io.open( '/sys/class/net/' .. name .. '/address' ) then
      is_true( interface.hw_address:match '^%x%x:%x%x' , name )
    end
  end
  fails( 'T.Net.Interface expected', Interface.tostring, { } )
end )

-- Only root can add an address to the loopback. For other users the command fails, and the test ends.
listed( 'an interface with two addresses of a family shows both', function( )
  local add = 'ip addr add 127.0.0.77/8 dev ' .. lo.name .. ' 2>/dev/null'
  local did = os.execute( add )
  if did ~= true and did ~= 0 then return end
  local list = Interface.get( lo.name ).AF_INET
  os.execute( 'ip addr del 127.0.0.77/8 dev ' .. lo.name )
  equal( #list, 2 )
  equal( list[ 1 ].address.ip, '127.0.0.1' )
  equal( list[ 2 ].address.ip, '127.0.0.77' )
end )

listed( 'by name', function( )
  for _, interface in ipairs{ Interface.get( lo.name ), Interface( lo.name ), Interface:get( lo.name ) } do
    equal( interface.name, lo.name )
    equal( interface.index, lo.index )
    equal( interface.AF_INET.address, lo.AF_INET.address )
  end
  for _, name in ipairs{ 'nowhere0', '', ('x'):rep( 100 ) } do
    local got, message, number = Interface.get( name )
    equal( got, nil )
    equal( type( message ), 'string' )
    is_true( number > 0 )
  end
  fails( 'name: ', Interface.get )
  fails( 'name: ', Interface, { } )
end )

listed( 'a server can be bound to an address of the default interface', function( )
  local interface = Interface.default( )
  equal( Interface( 'default' ).name, interface.name )
  local sck, adr = Net.Socket.bind( interface.AF_INET.address.ip, 0 )
  equal( adr.ip, interface.AF_INET.address.ip )
  sck:close( )
end )

T.done( )
