-- The module `luamockit`, from the compiled library.
return require 'cogloop.library' 'luamockit'
