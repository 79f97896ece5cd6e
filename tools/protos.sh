#!/usr/bin/env bash
# tools/protos.sh FOLDER: generates the stubs of every proto into FOLDER/sluice/v1.
# Needs .venv-protos, which `make protos` and `make check` make first.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$1
bin=$PWD/.venv-protos/bin
files=(protos/sluice/v1/*.proto)
mapfile -t with_service < <(grep -l '^service ' "${files[@]}")

protoc() { PATH=$bin:$PATH "$bin/python" -m grpc_tools.protoc --proto_path=protos "$@"; }

mkdir -p "$folder"
find "$folder/sluice/v1" -name '*_pb2*' -delete 2>/dev/null || true
protoc --python_out="$folder" --pyi_out="$folder" "${files[@]#protos/}"
protoc --grpc_python_out="$folder" --mypy_grpc_out=quiet:"$folder" "${with_service[@]#protos/}"
