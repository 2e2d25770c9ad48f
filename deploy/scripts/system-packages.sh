#!/bin/sh
# Installs what the tests need of the system, where this user may; says in one line what it did.
set -eu
want=""
command -v mosquitto >/dev/null 2>&1 || [ -x /usr/sbin/mosquitto ] || want="$want mosquitto"
command -v chromium >/dev/null 2>&1 || want="$want chromium"
command -v cc >/dev/null 2>&1 || want="$want gcc libc6-dev"
# Only where servers.sh will build an InfluxDB: nothing on PATH, none built of this go.sum, and both compilers there.
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
if command -v go >/dev/null 2>&1 && command -v cargo >/dev/null 2>&1 && ! command -v influxd >/dev/null 2>&1 &&
  ! cmp -s "$here/servers/influxdb/go.sum" "${XDG_CACHE_HOME:-$HOME/.cache}/harkara/servers/influxd.sum"
then
  command -v clang >/dev/null 2>&1 || want="$want clang"
  command -v protoc >/dev/null 2>&1 || want="$want protobuf-compiler"
fi
command -v gpsd >/dev/null 2>&1 || [ -x /usr/sbin/gpsd ] || want="$want gpsd"
command -v gpsfake >/dev/null 2>&1 || want="$want gpsd-clients"
[ -n "$want" ] || { echo "system packages: all there"; exit 0; }
if ! command -v apt-get >/dev/null 2>&1; then
  echo "system packages: no apt-get here, please install:$want"; exit 0
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo="sudo -n"; else
    echo "system packages: no right to install; please run: sudo apt-get install$want"; exit 0
  fi
fi
echo "system packages: installing$want"
$sudo apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $want >/dev/null
