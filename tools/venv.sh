#!/usr/bin/env bash
# tools/venv.sh FOLDER LOCK [PYTHON…]: makes a virtual environment with exactly what LOCK pins,
# using the first usable of these Pythons. What was in the folder goes.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$1 lock=$2
shift 2
python=$(tools/python.sh "$@")
echo "Making $folder from $lock with $python" >&2
"$python" -m venv --clear "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
  --require-hashes --no-deps -r "$lock"
