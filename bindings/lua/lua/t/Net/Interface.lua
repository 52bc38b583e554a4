-- The module `t.Net.Interface`, from the compiled library.
return require 'cogloop.library' 't.Net.Interface'
