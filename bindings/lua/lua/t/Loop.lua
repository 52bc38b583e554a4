-- The module `t.Loop`, from the compiled library.
return require 'cogloop.library' 't.Loop'
