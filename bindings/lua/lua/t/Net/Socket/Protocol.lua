return require 'cogloop.library' 't.Net.Socket.Protocol'
