-- The module `t.Net.Address`, from the compiled library.
return require 'cogloop.library' 't.Net.Address'
