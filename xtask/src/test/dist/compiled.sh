# Runs in a Debian root with a C compiler. Installs the C library, compiles the README's C program in three ways, and
# removes the library.
cd /tmp

# Runs a program and compares its output.
runs( ) {
  echo "--- $*"
  "$@" | diff /given/test/c.txt -
}

dpkg -i /given/dist/libcogloop0_*.deb /given/dist/libcogloop-dev_*.deb /given/dist/libcogloop0-dbgsym_*.deb
dpkg --verify libcogloop0 libcogloop-dev
gcc /given/test/readme.c -o shared $( pkg-config --cflags --libs cogloop )
runs ./shared
mkdir cmade && cd cmade
cmake /given/test >cmake.log || { cat cmake.log; exit 1; }
make
runs ./shared
runs ./static
cd .. && rm -r cmade shared
zcat /usr/share/man/man3/cogloop.h.3.gz | grep -q '^.TH COGLOOP.H 3 "" "cogloop [0-9]'
dpkg -P libcogloop0-dbgsym libcogloop-dev libcogloop0
