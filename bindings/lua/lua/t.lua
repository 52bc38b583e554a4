return require 'cogloop.library' 't'
