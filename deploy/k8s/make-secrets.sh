#!/bin/sh
# make-secrets.sh FOLDER: makes what the Secret `sluice` holds, a file for each key, and leaves
# alone what is there: another pepper would lock out every API key.
set -eu

folder=$1
umask 077
mkdir -p "$folder"

hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

keep() {
  [ -s "$folder/$1" ] || printf '%s' "$2" >"$folder/$1"
}

keep sluice_pepper "$(hex 32)"
keep sluice_internal_key "$(hex 32)"
keep sluice_admin_key "slc_$(hex 8)_$(hex 32)"
keep sluice_qdrant_api_key "$(hex 32)"
# One password in two forms: what Redis asks for, and what the services say.
keep redis-auth.conf "requirepass $(hex 32)
"
password=$(cut -d ' ' -f 2 "$folder/redis-auth.conf")
keep sluice_redis_url "redis://:$password@redis:6379"
