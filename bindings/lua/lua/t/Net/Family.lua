-- The module `t.Net.Family`, from the compiled library.
return require 'cogloop.library' 't.Net.Family'
