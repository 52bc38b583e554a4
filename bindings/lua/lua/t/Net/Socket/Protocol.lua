-- The module `t.Net.Socket.Protocol`, from the compiled library.
return require 'cogloop.library' 't.Net.Socket.Protocol'
