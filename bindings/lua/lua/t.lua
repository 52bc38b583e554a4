-- The module `t`: a table with `t.Loop` and `t.Net`.
return require 'cogloop.library' 't'
