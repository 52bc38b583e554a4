-- The settings of luacheck for all Lua files of the project, for every version of Lua.
std             = 'max'
max_line_length = false     -- 120 is a habit here, not a rule: a test's line is read as one sentence

files[ 'bindings/lua/tests' ] = {
  -- Each test file begins with the same line, and a variable is named before the callback that sets it.
  ignore  = { '211/[A-Z]%w*', '211/test', '211/equal', '211/is_true', '211/same_list', '211/fails', '231', '311', '411' },
  globals = { 'print' },
}
files[ 'bindings/lua/types' ] = { ignore = { '212', '241' } }
