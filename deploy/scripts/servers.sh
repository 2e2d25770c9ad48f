#!/bin/sh
# Gets the store servers that tests talk to: what is on PATH first, else built once into the cache.
# Usage: servers.sh
# Says in one line what it did; a server that cannot be had is no error: its tests skip and say so.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/servers
cache=${XDG_CACHE_HOME:-$HOME/.cache}/harkara/servers
mkdir -p "$cache"

# build NAME PACKAGE: into a file of its own first, so that half a server is never found
build() {
  log="$cache/$1.log"
  if (cd "$here/$1" && nice go build -trimpath -o "$cache/.$1.$$" "$2") >"$log" 2>&1; then
    mv "$cache/.$1.$$" "$cache/$1"
    cp "$here/$1/go.sum" "$cache/$1.sum"
    echo "servers: built $1 into $cache"
  else
    rm -f "$cache/.$1.$$"
    echo "servers: $1 cannot be had here: the build failed, see $log"
  fi
}

name=victoria-metrics
if command -v "$name" >/dev/null 2>&1; then
  echo "servers: $name is on PATH"
elif [ -x "$cache/$name" ] && cmp -s "$here/$name/go.sum" "$cache/$name.sum"; then
  echo "servers: $name was built before"
elif ! command -v go >/dev/null 2>&1; then
  echo "servers: $name cannot be had here: its build needs go"
else
  build "$name" github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics
fi
