---@meta t.Net.Socket

--- TCP, UDP and Unix sockets; `docs/net.md` explains them.

---@class t.Net.Socket.Properties
---@field nonblock boolean
---@field broadcast boolean
---@field debug boolean
---@field dontroute boolean
---@field keepalive boolean
---@field nodelay boolean
---@field oobinline boolean
---@field reuseaddr boolean
---@field reuseport boolean
---@field maxsegment integer
---@field recvbuffer integer
---@field sendbuffer integer
---@field recvlow integer
---@field sendlow integer
---@field recvtimeout number milliseconds; 0: no time limit
---@field sendtimeout number milliseconds; 0: no time limit
---@field error integer the number of the pending error, or 0; reading clears it
---@field descriptor integer? nil for a closed socket
---@field family string?
---@field type string?
---@field protocol string?

---@alias t.Net.Shutdown 0 | 1 | 2 | 'r' | 'w' | 'rw' | 'read' | 'write' | 'readwrite' | 'SHUT_RD' | 'SHUT_WR' | 'SHUT_RDWR'

--- The functions and constants that both a socket and the class have. If the system fails, a function returns `nil,
--- message, number`; `send` and `recv` return `false, message, number`.
---@class t.Net.Socket.Common
---@field SHUT_RD 0
---@field r 0
---@field rd 0
---@field read 0
---@field SHUT_WR 1
---@field w 1
---@field wr 1
---@field write 1
---@field SHUT_RDWR 2
---@field rw 2
---@field rdwr 2
---@field readwrite 2
local Common = { }

---@return t.Net.Socket? client
---@return t.Net.Address | string adr or the message
---@return integer? number
function Common:accept( ) end

---@param msg string
---@param adr? t.Net.Address | integer the receiver; or `max`, if no receiver is given
---@param max? integer
---@return_overload integer bytes
---@return_overload false, string message, integer number
---@return integer | false bytes
---@return string? message
---@return integer? number
function Common:send( msg, adr, max ) end

---@param adr? t.Net.Address | integer gets the sender's address; or `max`, if no address is given
---@param max? integer
---@return_overload string msg, integer bytes
---@return_overload nil, 0
---@return_overload false, string message, integer number
---@return string | false | nil msg nil at the end of the stream
---@return integer | string bytes or the message
---@return integer? number
function Common:recv( adr, max ) end

---@param how? t.Net.Shutdown default: 'r'
---@return true?
---@return string? message
---@return integer? number
function Common:shutdown( how ) end

--- Removes the socket from every loop and closes it.
---@return true?
---@return string? message
---@return integer? number
function Common:close( ) end

---@param adr? t.Net.Address
---@return t.Net.Address?
---@return string? message
---@return integer? number
function Common:getsockname( adr ) end

---@param adr? t.Net.Address
---@return t.Net.Address?
---@return string? message
---@return integer? number
function Common:getpeername( adr ) end

---@return integer descriptor -1 for a closed socket
function Common:getfd( ) end

---@return integer descriptor
function Common:getFd( ) end

--- A socket.
---@class t.Net.Socket : t.Net.Socket.Common, t.Net.Socket.Properties, t.Loop.Pollable
local Instance = { }

--- Binds the socket to an address. Returns the socket's address.
---@param host? string | integer | t.Net.Address
---@param port? integer | string
---@return t.Net.Address? adr
---@return string? message
---@return integer? number
function Instance:bind( host, port ) end

--- Makes the socket listen. Returns the socket's address.
---@param host? string | integer | t.Net.Address
---@param port? integer | string
---@param backlog? integer
---@return t.Net.Address? adr
---@return string? message
---@return integer? number
function Instance:listen( host, port, backlog ) end

--- Connects the socket. Returns the peer's address.
---@param host? string | integer | t.Net.Address
---@param port? integer | string
---@return t.Net.Address? adr
---@return string? message
---@return integer? number
function Instance:connect( host, port ) end

--- The class of sockets. Its functions `bind`, `listen` and `connect` make a socket, and so does a call of the class.
---@class t.Net.Socket.Class : t.Net.Socket.Common
---@field Protocol table<string|integer, integer|string> `Protocol.IPPROTO_TCP` is the number, `Protocol[ number ]` is the name
---@field Type table<string|integer, integer|string> `Type.SOCK_STREAM` is the number, `Type[ number ]` is the name
---@overload fun( protocol?: string | integer, family?: string | integer, type?: string | integer ): t.Net.Socket?, string?, integer?
local Socket = { }

--- Makes a socket and binds it.
---@param host? string | integer | t.Net.Address
---@param port? integer | string
---@return t.Net.Socket?
---@return t.Net.Address | string adr or the message
---@return integer? number
function Socket.bind( host, port ) end

--- Makes a socket that listens.
---@param host? string | integer | t.Net.Address
---@param port? integer | string
---@param backlog? integer
---@return t.Net.Socket?
---@return t.Net.Address | string adr or the message
---@return integer? number
function Socket.listen( host, port, backlog ) end

--- Makes a socket and connects it.
---@param host? string | integer | t.Net.Address
---@param port? integer | string
---@return t.Net.Socket?
---@return t.Net.Address | string adr or the message
---@return integer? number
function Socket.connect( host, port ) end

--- Waits until a socket of one of the tables is ready, or `ms` have passed. Returns the sockets that are ready for
--- reading, and those that are ready for writing.
---@param readers? table<any, t.Net.Socket>
---@param writers? table<any, t.Net.Socket>
---@param ms? number
---@return table<any, t.Net.Socket>? readers
---@return table<any, t.Net.Socket> | string writers
---@return integer? number
function Socket.select( readers, writers, ms ) end

return Socket
