-- The module `t.Net.Socket.Type`, from the compiled library.
return require 'cogloop.library' 't.Net.Socket.Type'
