#!/usr/bin/env bash
# pyarrow 26.0.1: casting a list_view column to list returns an invalid array, without an error.
#
# Expected: lists with the same values, as for every other cast between types of lists.
# Seen: the array has as many offsets as rows, where a list needs one more, so its last row has no
# end. `validate` reports it; a reader that does not ask for it gets other rows. A Parquet reader
# that wants plain lists of vectors meets this with files of tools that write list views: rebuild
# the lists from `flatten` and `value_lengths` instead.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --only-binary=:all: pyarrow==26.0.1

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import pyarrow as pa

views = pa.array([[3.0, 4.0], [1.0, 2.0]], pa.list_view(pa.float32()))
views.validate(full=True)
lists = views.cast(pa.list_(pa.float32()))
try:
    lists.validate()
    print("valid", lists.to_pylist())
except pa.ArrowInvalid as error:
    print("invalid:", error)
lengths = views.value_lengths().to_pylist()
print("flatten:", views.flatten().to_pylist(), "value_lengths:", lengths)
PYTHON
)
expected="invalid: Offsets buffer size (bytes): 8 isn't large enough for length: 2 and offset: 0
flatten: [3.0, 4.0, 1.0, 2.0] value_lengths: [2, 2]"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "the behaviour has changed" >&2; exit 1; }
