#!/usr/bin/env bash
# tools/python.sh [NAME…]: prints the first of these Pythons that runs, is 3.11 or newer and can
# make virtual environments. Without names, PYTHON=… decides, or else the newest that we test.
set -euo pipefail

(($#)) || set -- ${PYTHON:-python3.13 python3.12 python3.11 python3}

says() { "$1" -c "$2" 2>/dev/null; }  # a name on the PATH may still not run: shims

for name in "$@"; do
  says "$name" 'import sys; sys.exit(sys.version_info < (3, 11))' || continue
  python=$(says "$name" 'import sys; print(sys.executable)')
  if ! says "$python" 'import ensurepip, venv'; then
    package=$(says "$python" 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
      echo "$python cannot make virtual environments: install its venv module ($package)" >&2
      exit 1
    fi
    { apt-get update -q && apt-get install -qy "$package"; } >&2
  fi
  echo "$python"
  exit
done
echo "Sluice needs Python 3.11 or newer; none of these runs and is: $*. PYTHON=… names yours" >&2
exit 1
