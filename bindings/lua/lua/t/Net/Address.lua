return require 'cogloop.library' 't.Net.Address'
