#!/usr/bin/env bash
# tools/npm.sh ARGUMENT…: npm, installed first where it is missing and we may.
set -euo pipefail

if ! command -v npm >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "buf comes from npm, and npm is missing: install Node.js with npm" >&2
    exit 1
  fi
  { apt-get update -q && apt-get install -qy --no-install-recommends npm; } >&2
fi
exec npm "$@"
