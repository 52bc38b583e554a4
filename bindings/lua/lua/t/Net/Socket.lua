-- The module `t.Net.Socket`, from the compiled library.
return require 'cogloop.library' 't.Net.Socket'
