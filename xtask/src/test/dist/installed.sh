# Runs in a bare Debian root. Installs the files as a user does, runs the README's first Lua example with them, and
# removes them.
for tool in cc gcc cargo; do
  if command -v $tool; then echo "$tool is in the root, which is to be bare"; exit 1; fi
done

# Runs the README's example with a program and compares its output.
example( ) {
  echo "--- $*"
  "$@" /given/test/readme.lua | diff /given/test/readme.txt -
}

# The static program, from its archive.
tar -xzf /given/dist/cogloop-*-x86_64-linux.tar.gz -C /tmp
example /tmp/cogloop-*/cogloop
rm -r /tmp/cogloop-*

# Debian's packages.
dpkg -i /given/dist/cogloop_*.deb /given/dist/lua-cogloop_*.deb
dpkg --verify cogloop lua-cogloop
for program in cogloop lua5.1 lua5.2 lua5.3 lua5.4 luajit; do example $program; done
test -s /usr/share/lua-cogloop/types/cogloop.lua
dpkg -P cogloop lua-cogloop

# The rock, with each Lua.
for lua in 5.1 5.2 5.3 5.4; do
  luarocks --lua-version $lua install /given/dist/cogloop-*.linux-*.rock
  example lua$lua
  if [ $lua = 5.1 ]; then example luajit; fi
  rock=$( luarocks --lua-version $lua show --rock-dir cogloop )
  test -s "$rock/types/cogloop.lua" && test -s "$rock/doc/lua.md"
  luarocks --lua-version $lua remove cogloop
done
