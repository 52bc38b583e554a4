-- The module `t.Net`, from the compiled library.
return require 'cogloop.library' 't.Net'
