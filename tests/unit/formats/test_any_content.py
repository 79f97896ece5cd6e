"""Whatever a file of frames holds, it is read or refused by InvalidArgument."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import (
    array_shapes,
    arrays,
    scalar_dtypes,
    unicode_string_dtypes,
)

from sluice.errors import InvalidArgument
from sluice.formats import Columns, SkippedRows, open_source
from sluice.hashes import frame_hashes

ROWS = 3
NAMES = ("frame_id", "embedding", "image_url", "date_captured", "device", "weather")
COLUMNS = [Columns(), Columns(ids_as_text=True, timezone="UTC")]

_ints = st.integers(-(2**63), 2**63 - 1)
_bytes = st.binary(max_size=8)


def _of(kind: Any, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Columns of a type, with nulls."""
    rows = st.lists(st.none() | values, min_size=ROWS, max_size=ROWS)
    return rows.map(lambda column: pa.array(column, kind))


def _view(stored: Any, kind: Any, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Columns of a type, with values that only their stored form is sure to hold."""
    return _of(stored, values).map(lambda column: column.view(kind))


def _raw_text(column: Any) -> Any:
    """Bytes as if they were checked text."""
    return pa.Array.from_buffers(pa.string(), len(column), column.buffers())


UNITS = ["s", "ms", "us", "ns"]
ZONES = [None, "Mars/X", "Asia/Tokyo"]
ARROW: list[st.SearchStrategy[Any]] = [
    _of(pa.string_view(), st.text(max_size=8)),
    _of(pa.binary(), _bytes),
    _of(pa.binary(), _bytes).map(_raw_text),
    _of(pa.int64(), _ints),
    _of(pa.bool_(), st.booleans()),
    *(_view(pa.int64(), pa.timestamp(u, zone), _ints) for u in UNITS for zone in ZONES),
    _view(pa.int64(), pa.time64("ns"), st.integers(0, 86_399 * 10**9)),
    _view(pa.int64(), pa.duration("ns"), _ints),
    _view(pa.int64(), pa.date64(), _ints),
    _view(pa.int32(), pa.date32(), st.integers(-(2**31), 2**31 - 1)),
    _of(pa.decimal128(38, 2), st.decimals(-(10**30), 10**30, places=2)),
    _of(pa.uuid(), st.binary(min_size=16, max_size=16)),
    _of(pa.float16(), st.floats(width=16)),
    _of(pa.string(), st.text(max_size=2)).map(lambda c: c.dictionary_encode()),
    _of(pa.list_(pa.float64()), st.lists(st.none() | st.floats(), max_size=2)),
    _of(pa.list_(pa.float32(), 2), st.lists(st.floats(width=32), min_size=2, max_size=2)),
    _of(pa.list_view(pa.float32()), st.lists(st.none() | st.floats(width=32), max_size=2)),
    _of(pa.list_(pa.list_(pa.float32())), st.lists(st.lists(st.just(1.0), max_size=1), max_size=2)),
    _of(pa.struct([("a", pa.int8())]), st.just({"a": 1})),
    _of(pa.null(), st.none()),
]


def write_arrow(folder: Path, columns: dict[str, Any]) -> Path:
    """Write an Arrow stream."""
    table = pa.table(columns)
    with pa.ipc.new_stream(str(folder / "f.arrow"), table.schema) as file:
        file.write_table(table)
    return folder / "f.arrow"


def write_parquet(folder: Path, columns: dict[str, Any]) -> Path:
    """Write a Parquet file; an Arrow stream if Parquet lacks a type, such as long durations."""
    try:
        pq.write_table(pa.table(columns), folder / "f.parquet")
    except (pa.ArrowException, OSError):
        return write_arrow(folder, columns)
    return folder / "f.parquet"


def read_or_refuse(path: Path, columns: Columns, *, skip: bool) -> None:
    """Read all of a file as a scan does; no other error than InvalidArgument passes."""
    skipped = SkippedRows(path.with_suffix(".skipped")) if skip else None
    try:
        for rows in open_source(path, columns, skipped=skipped).batches(2):
            assert np.isfinite(rows.unit(rows.embeddings.shape[1])).all()
            assert len(rows) == len(frame_hashes(rows.ids))
            for index in range(len(rows)):
                rows.frame(index).to_proto()
    except InvalidArgument as error:
        if str(path) not in error.message:
            raise AssertionError(f"{error.message} does not name the file") from error


@pytest.mark.parametrize("write", [write_arrow, write_parquet])
@given(data=st.data(), names=st.sets(st.sampled_from(NAMES)), options=st.sampled_from(COLUMNS))
def test_arrow(
    write: Callable[[Path, Any], Path], data: st.DataObject, names: set[str], options: Columns
) -> None:
    """Columns of any type of Arrow are read or refused."""
    columns = {
        "frame_id": pa.array([f"f{index}" for index in range(ROWS)]),
        "embedding": pa.array([[1.0, 2.0]] * ROWS),
    }
    columns |= {name: data.draw(st.one_of(ARROW), name) for name in sorted(names)}
    with TemporaryDirectory() as folder:
        path = write(Path(folder), columns)
        read_or_refuse(path, options, skip=data.draw(st.booleans(), "skip"))


_npz_column = st.one_of(
    arrays(scalar_dtypes() | unicode_string_dtypes(), array_shapes(max_dims=2, max_side=3)),
    arrays("M8[s]", ROWS),
    arrays("M8[ns]", ROWS),
    arrays("S3", ROWS),
    arrays("U3", ROWS),
    st.just(np.array(["a"] * ROWS, object)),
)


@given(
    columns=st.dictionaries(st.sampled_from(NAMES), _npz_column), options=st.sampled_from(COLUMNS)
)
def test_npz(columns: dict[str, Any], options: Columns) -> None:
    """Arrays of any type and shape are read or refused."""
    ids = np.array([f"f{index}" for index in range(ROWS)])
    defaults = {"frame_id": ids, "embedding": np.ones((ROWS, 2), np.float32)}
    with TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        path = Path(folder) / "f.npz"
        np.savez(path, **defaults | columns)
        read_or_refuse(path, options, skip=False)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)
_surrogates = st.text(st.characters(categories=["Cs"]), min_size=1, max_size=1)
_line = st.dictionaries(st.sampled_from(NAMES), _json | _surrogates)


@given(lines=st.lists(_line | _json, max_size=ROWS), options=st.sampled_from(COLUMNS))
def test_jsonl(lines: list[Any], options: Columns) -> None:
    """Lines of any JSON are read or refused."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f.jsonl"
        rows = [
            {"frame_id": f"f{number}", "embedding": [1, 2]} | line
            if isinstance(line, dict)
            else line
            for number, line in enumerate(lines)
        ]
        path.write_text("\n".join(map(json.dumps, rows)))
        read_or_refuse(path, options, skip=True)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".npz", ".jsonl"])
@given(data=st.data())
def test_damaged_files(suffix: str, data: st.DataObject) -> None:
    """A file with changed bytes, or any bytes at all, is read or refused."""
    table = pa.table({"frame_id": ["a", "b"], "embedding": [[1.0, 2.0]] * 2, "speed": [1, 2]})
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"f{suffix}"
        if suffix == ".parquet":
            pq.write_table(table, path)
        elif suffix == ".arrow":
            with pa.ipc.new_file(str(path), table.schema) as file:
                file.write_table(table)
        elif suffix == ".npz":
            np.savez_compressed(path, frame_id=["a", "b"], embedding=np.ones((2, 2)))
        else:
            path.write_text('{"frame_id": "a", "embedding": [1, 2]}')
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(0, 3), "changes")):
            place = data.draw(st.integers(0, len(content) - 1), "place")
            content[place] = data.draw(st.integers(0, 255), "byte")
        path.write_bytes(data.draw(st.just(bytes(content)) | st.binary(max_size=40), "content"))
        read_or_refuse(path, Columns(), skip=False)
