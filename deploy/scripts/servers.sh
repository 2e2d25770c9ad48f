#!/bin/sh
# Gets the servers that tests and benchmarks talk to: what is on PATH first, else built once into the cache.
# Usage: servers.sh [victoria-metrics] [influxd] [telegraf]   (without a name: the stores, which tests want)
# Says in one line each what it did; a server that cannot be had is no error: what needs it skips and says so.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/servers
cache=${XDG_CACHE_HOME:-$HOME/.cache}/harkara/servers
mkdir -p "$cache"
# Two at once would build the same thing twice, in the same folders.
exec 9>"$cache/lock"
! command -v flock >/dev/null 2>&1 || flock 9

# What Telegraf is built of: its other plug-ins cost memory, and two of them do not pass the checksum look-up.
telegraf_tags=custom,inputs.mqtt_consumer,inputs.file,inputs.modbus,inputs.internal,outputs.influxdb_v2,outputs.mqtt
telegraf_tags=$telegraf_tags,outputs.discard,parsers.influx,parsers.json,parsers.json_v2,serializers.influx
telegraf_tags=$telegraf_tags,serializers.json

# build NAME FOLDER MINUTES PACKAGE TAGS: into a file of its own first, so that half a server is never found
build() {
  log="$cache/$1.log"
  limit=""
  ! command -v timeout >/dev/null 2>&1 || limit="timeout -k 10 $(($3 * 60))"
  # shellcheck disable=SC2086
  if (cd "$here/$2" && prepare "$2" && $limit nice go build -trimpath -tags "$5" -o "$cache/.$1.$$" "$4") >"$log" 2>&1
  then
    mv "$cache/.$1.$$" "$cache/$1"
    cp "$here/$2/go.sum" "$cache/$1.sum"
    rm -f "$cache/$1.failed"
    echo "servers: built $1 into $cache"
  else
    rm -f "$cache/.$1.$$"
    cp "$here/$2/go.sum" "$cache/$1.failed"
    echo "servers: $1 cannot be had here: the build failed, see $log"
  fi
}

# prepare FOLDER: what a build needs besides Go.
# Flux, in InfluxDB, is written in Rust. Its build asks pkg-config, a program of theirs, for the library; its sources deny
# warnings that newer compilers have added, and name a toolchain that rustup would fetch in place of the one there is.
prepare() {
  [ "$1" = influxdb ] || return 0
  own="$cache/influxdb-build"
  mkdir -p "$own" || return
  go build -trimpath -o "$own/pkg-config" github.com/influxdata/pkg-config || return
  printf '#!/bin/sh\nexec "$@" --cap-lints warn\n' >"$own/rustc" || return
  chmod +x "$own/rustc" || return
  export PKG_CONFIG="$own/pkg-config" RUSTC_WRAPPER="$own/rustc"
  if [ -z "${RUSTUP_TOOLCHAIN:-}" ] && command -v rustup >/dev/null 2>&1; then
    RUSTUP_TOOLCHAIN=$(cd / && rustup show active-toolchain | cut -d ' ' -f 1) && export RUSTUP_TOOLCHAIN
  fi
}

# get NAME FOLDER MINUTES NEEDS PACKAGE TAGS
get() {
  missing=""
  for need in $4; do command -v "$need" >/dev/null 2>&1 || missing="$missing $need"; done
  # InfluxDB 1 has a program of the same name.
  if command -v "$1" >/dev/null 2>&1 && ! "$1" version 2>/dev/null | grep -q 'InfluxDB v1'; then
    echo "servers: $1 is on PATH"
  elif [ -x "$cache/$1" ] && cmp -s "$here/$2/go.sum" "$cache/$1.sum"; then
    echo "servers: $1 was built before"
  elif [ -n "$missing" ]; then
    echo "servers: $1 cannot be had here: its build needs$missing"
  elif cmp -s "$here/$2/go.sum" "$cache/$1.failed" && [ -n "$(find "$cache/$1.failed" -mmin -1440)" ]; then
    echo "servers: $1 cannot be had here: the build failed within a day, see $cache/$1.log (again: rm $cache/$1.failed)"
  else
    build "$1" "$2" "$3" "$5" "$6"
  fi
}

[ $# -gt 0 ] || set -- victoria-metrics influxd
for name in "$@"; do
  case $name in
    victoria-metrics)
      get "$name" victoria-metrics 10 go github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics "" ;;
    influxd)
      get "$name" influxdb 25 "go cargo cc clang protoc" github.com/influxdata/influxdb/v2/cmd/influxd \
        sqlite_foreign_keys,sqlite_json ;;
    telegraf)
      get "$name" telegraf 15 go github.com/influxdata/telegraf/cmd/telegraf "$telegraf_tags" ;;
    *) echo "servers: there is none of the name $name: victoria-metrics, influxd, telegraf"; exit 2 ;;
  esac
done
