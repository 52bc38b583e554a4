rockspec_format = '3.0'
package         = 'cogloop'
version         = '0.2.0-1'
source          = { url = 'git+file://.' }
description     = {
  summary  = 'An event loop whose timers are exact and cost next to nothing',
  detailed = [[
    A hierarchical timing wheel joined to descriptor readiness (io_uring, epoll, select, kqueue). Scripts that were
    written for the event loop of lua-t, t.Loop, run unchanged.]],
  license  = 'MIT OR Apache-2.0',
}
supported_platforms = { 'unix' }
dependencies    = { 'lua >= 5.1, < 5.5' }
-- Needs cargo (https://rustup.rs), and nothing of Lua but the interpreter. `cargo xtask dist` makes a rock that needs no cargo,
-- and one of sources with all crates in it; there `source` is the archive.
build           = {
  type            = 'command',
  install_command = [[sh bindings/lua/rock.sh "$(LUA)" "$(LUADIR)" "$(LIBDIR)" "$(PREFIX)"]],
}
