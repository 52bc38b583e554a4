return require 'cogloop.library' 't.Loop'
