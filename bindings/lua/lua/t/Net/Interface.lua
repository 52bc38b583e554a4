return require 'cogloop.library' 't.Net.Interface'
