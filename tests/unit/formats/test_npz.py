"""npz files of pandas, polars and others: what is read, and what must be saved otherwise."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sluice.errors import InvalidArgument
from sluice.formats import Columns, Source, open_source

VECTORS = np.ones((3, 2), np.float32)
IDS = np.array(["a", "b", "c"])
OBJECTS = np.array(["a", "b", "c"], object)
STRINGS = np.array(["a", "b", "c"], np.dtypes.StringDType())
"""Text as `.to_numpy()` of pandas and polars has it, and as numpy's own type of strings."""


def save(folder: Path, **arrays: Any) -> Path:
    """Save an npz file with ids and embeddings."""
    with warnings.catch_warnings(action="ignore"):  # numpy warns of pickled objects
        np.savez(folder / "f.npz", **{"frame_id": IDS, "embedding": VECTORS} | arrays)
    return folder / "f.npz"


def open_file(folder: Path, columns: Columns | None = None, **arrays: Any) -> Source:
    """Save and open a file."""
    return open_source(save(folder, **arrays), columns or Columns())


@pytest.mark.parametrize("values", [OBJECTS, STRINGS], ids=["objects", "StringDType"])
@pytest.mark.parametrize("name", ["frame_id", "device", "weather"])
def test_pickled_text_names_the_way_out(tmp_path: Path, values: Any, name: str) -> None:
    """A column of Python objects is refused by name, with `.astype(str)`."""
    problem = rf"'{name}' holds Python objects; save it as strings: .astype\(str\)"
    with pytest.raises(InvalidArgument, match=problem):
        open_file(tmp_path, **{name: values})
    source = open_file(tmp_path, **{name: values.astype(object).astype(str)})
    assert 3 == sum(map(len, source.batches(2)))


def test_pickled_vectors_name_the_way_out(tmp_path: Path) -> None:
    """A column of arrays, as pandas has it, is refused with `np.stack`."""
    vectors = np.empty(3, object)
    vectors[:] = list(VECTORS)
    with pytest.raises(InvalidArgument, match=r"'embedding' holds Python objects; .*np\.stack"):
        open_file(tmp_path, embedding=vectors)


@pytest.mark.parametrize("ids", [np.array([7, 8, 9]), np.array([b"7", b"8", b"9"])])
def test_ids_as_text(tmp_path: Path, ids: Any) -> None:
    """Integers and bytes are ids and devices with the option, and refused without it."""
    with pytest.raises(InvalidArgument, match=r"'frame_id' is .*, not strings; --ids-as-text"):
        open_file(tmp_path, frame_id=ids)
    [batch] = open_file(tmp_path, Columns(ids_as_text=True), frame_id=ids, device=ids).batches(9)
    assert (["7", "8", "9"], "8") == (batch.ids, batch.frame(1).device)


@pytest.mark.parametrize("unit", ["D", "s", "ms", "us", "ns"])
def test_times(tmp_path: Path, unit: str) -> None:
    """Times of numpy have no zone: they need the option, and are text as metadata."""
    times = np.array(["2026-01-01", "NaT", "2026-01-02"], f"datetime64[{unit}]")
    with pytest.raises(InvalidArgument, match=r"'date_captured' is datetime64.*; .*--timezone"):
        open_file(tmp_path, date_captured=times)
    columns = Columns(timezone="UTC")
    [batch] = open_file(tmp_path, columns, date_captured=times, until=times).batches(9)
    assert datetime(2026, 1, 1, tzinfo=UTC) == batch.frame(0).capture_time
    assert {"until": "2026-01-01T00:00:00"} == batch.frame(0).metadata
    assert (None, {}) == (batch.frame(1).capture_time, batch.frame(1).metadata)


@pytest.mark.parametrize("name", ["date_captured", "until"])
@pytest.mark.parametrize("time", ["30000-01-01", "-5-01-01"])
def test_times_that_python_lacks(tmp_path: Path, name: str, time: str) -> None:
    """A time before the year 1 or after 9999 is refused with its column and row."""
    times = np.array(["2026-01-01", time, "2026-01-01"], "datetime64[s]")
    source = open_file(tmp_path, Columns(timezone="UTC"), **{name: times})
    with pytest.raises(InvalidArgument, match=rf"'{name}' has times beyond .* in row 1"):
        list(source.batches(9))


def test_columns_that_cannot_be_metadata(tmp_path: Path) -> None:
    """Scalars, tables, bytes and complex numbers are left out and named; lengths must agree."""
    others: dict[str, Any] = {
        "model": "resnet",
        "boxes": np.ones((3, 4)),
        "raw": [b"a"] * 3,
        "c": [1j] * 3,
    }
    source = open_file(tmp_path, **others, speed=[1, 2, 3])
    [batch] = source.batches(9)
    assert {"speed": 2} == batch.frame(1).metadata
    assert others.keys() == source.passed_over.keys()
    assert "<U6 of shape ()" == source.passed_over["model"]
    with pytest.raises(InvalidArgument, match=r"'boxes' is .* of shape \(3, 4\); metadata are"):
        open_source(tmp_path / "f.npz", Columns.of([], ["boxes"]))
    with pytest.raises(InvalidArgument, match="'speed' has 2 rows, not 3"):
        open_file(tmp_path, speed=[1, 2])


def test_arrays_of_one_row_a_frame(tmp_path: Path) -> None:
    """An array of more dimensions than two is refused with its shape."""
    with pytest.raises(InvalidArgument, match=r"'embedding' is float32 of shape \(3, 1, 2\)"):
        open_file(tmp_path, embedding=VECTORS[:, None])


def test_missing_columns_name_the_option(tmp_path: Path) -> None:
    """A missing column is named with --map, and with the column that it may be."""
    np.savez(tmp_path / "f.npz", frame_id=IDS, vec=VECTORS, speed=[1, 2, 3])
    with pytest.raises(InvalidArgument, match="the file has frame_id, vec, speed; use --map embed"):
        open_source(tmp_path / "f.npz", Columns())
    np.savez(tmp_path / "f.npz", IDS, VECTORS)
    with pytest.raises(InvalidArgument, match="use --map frame_id=arr_0"):
        open_source(tmp_path / "f.npz", Columns())
