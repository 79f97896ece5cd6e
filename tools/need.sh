#!/usr/bin/env bash
# tools/need.sh COMMAND: makes sure of a command that is Debian's package of the same name.
set -euo pipefail

command -v "$1" >/dev/null && exit
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "$1 is missing: install it, on Debian by \`apt-get install $1\`" >&2
  exit 1
fi
{ apt-get update -q && apt-get install -qy --no-install-recommends "$1"; } >&2
