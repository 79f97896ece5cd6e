#!/bin/sh
# make-secrets.sh FOLDER: generates the files of the Secret `sluice`, one for each key. Existing
# files stay as they are: a new pepper would invalidate every API key.
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
# One password in two forms: for Redis, and in the URL of the services.
keep redis-auth.conf "requirepass $(hex 32)
"
password=$(cut -d ' ' -f 2 "$folder/redis-auth.conf")
keep sluice_redis_url "redis://:$password@redis:6379"
