return require 'cogloop.library' 't.Net.Family'
