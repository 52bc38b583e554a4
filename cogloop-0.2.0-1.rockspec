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
-- The build needs cargo (https://rustup.rs). LuaRocks itself also needs Lua's header files. `cargo xtask dist` makes a
-- rock that needs no cargo, and a rock of sources with all crates in it. In the latter, `source` is the archive.
build           = {
  type            = 'command',
  install_command = [[sh bindings/lua/rock.sh "$(LUA)" "$(LUADIR)" "$(LIBDIR)" "$(PREFIX)"]],
}
