-- The module `cogloop`, from the compiled library.
return require 'cogloop.library' 'cogloop'
