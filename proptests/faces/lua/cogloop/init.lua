-- A model of `require 'cogloop'`: a simple program that serves as an executable specification for docs/lua.md. It has
-- most functions of the module. Its clock is virtual, and `world` (below) simulates its descriptors. It lacks `child`,
-- `dump`, `metrics`, `top`, `trace`, and all functions for an outer loop except `remaining`. Each section begins with
-- its rules in words. All state is in plain lists that are searched, so nothing here is fast.
--
--   loop.lua      time, turns, `run` and similar functions, errors
--   share.lua     how much a turn serves
--   timers.lua    deadlines, intervals, slack, and the methods of a timer
--   tasks.lua     tasks: how they begin and end, and cancelling
--   waits.lua     what a task waits for
--   between.lua   channel, semaphore, event
--   scopes.lua    group, all, any, timeout
--   nest.lua      wrap and pcall
--   handles.lua   descriptors and watchers
--   signals.lua   signals
--   calls.lua     debounce and throttle
--   look.lua      timers( ), handles( ), tostring( ), stats( ), slow( ), remaining( )
--
-- `world` knows the descriptors of a program and which of them are ready. The specification does not say which of
-- several ready handles is served first. `world.next( candidates )` chooses it.

return function( world, part )
  local Loop = { }
  Loop.__index = Loop
  local M = { Loop = Loop, world = world }
  local names = { 'loop', 'share', 'timers', 'tasks', 'waits', 'between', 'scopes', 'nest', 'handles', 'signals', 'calls', 'look' }
  for _, name in ipairs( names ) do part( name )( M ) end
  return { loop = M.make }
end
