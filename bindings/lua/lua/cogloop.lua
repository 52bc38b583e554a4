return require 'cogloop.library' 'cogloop'
