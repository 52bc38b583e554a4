return require 'cogloop.library' 'luamockit'
