"""Every spelling of a type in Arrow gives the same rows; other types say what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from sluice.errors import InvalidArgument
from sluice.formats import Columns, Rows, open_source

VECTORS = np.arange(1, 13, dtype=np.float32).reshape(6, 2)
IDS = [f"f{index}" for index in range(6)]
UUIDS = [UUID(int=index) for index in range(6)]


def write(path: Path, columns: dict[str, Any], suffix: str = ".arrow") -> Path:
    """Write an Arrow file in two batches, or a Parquet file in two row groups."""
    table = pa.table(columns)
    path = path.with_suffix(suffix)
    if suffix == ".parquet":
        pq.write_table(table, path, row_group_size=4)
    else:
        with pa.ipc.new_file(str(path), table.schema) as file:
            file.write_table(table, max_chunksize=4)
    return path


def read(path: Path, columns: Columns | None = None, size: int = 5) -> list[Rows]:
    """All batches of a file."""
    return list(open_source(path, columns or Columns()).batches(size))


def view_dictionary(texts: list[str]) -> Any:
    """Texts as a dictionary of views, as polars writes categories."""
    values = pa.array(sorted(set(texts)), pa.string_view())
    indices = [sorted(set(texts)).index(text) for text in texts]
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.uint32()), values)


TEXTS: dict[str, Callable[[list[str]], Any]] = {
    "string_view": lambda texts: pa.array(texts, pa.string_view()),
    "large_string": lambda texts: pa.array(texts, pa.large_string()),
    "dictionary": lambda texts: pa.array(texts).dictionary_encode(),
    "large dictionary": lambda texts: pa.array(texts, pa.large_string()).dictionary_encode(),
    "dictionary of views": view_dictionary,
    "runs": lambda texts: pc.run_end_encode(pa.array(texts)),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_texts(tmp_path: Path, kind: str, size: int) -> None:
    """Ids, URLs, devices, times and metadata are read in every type of text."""
    texts = {
        "frame_id": IDS,
        "image_url": [f"s3://{i}" for i in IDS],
        "device": ["truck-7"] * 6,
        "date_captured": ["2026-01-01T00:00:00Z"] * 6,
        "weather": ["fog", "sun"] * 3,
    }
    columns = {name: TEXTS[kind](values) for name, values in texts.items()}
    batches = read(write(tmp_path / "f", columns | {"embedding": VECTORS.tolist()}), size=size)
    assert IDS == [frame_id for batch in batches for frame_id in batch.ids]
    last = batches[-1].frame(len(batches[-1]) - 1)
    assert ("truck-7", {"weather": "sun"}) == (last.device, last.metadata)
    assert "s3://f5" == last.sensors[0].url
    assert datetime(2026, 1, 1, tzinfo=UTC) == last.capture_time


def list_of(data_type: Any) -> Any:
    """The vectors in a type of lists."""
    return pa.array(VECTORS.tolist(), data_type)


LISTS = {
    "list_view": list_of(pa.list_view(pa.float32())),
    "large_list_view": list_of(pa.large_list_view(pa.float64())),
    "large_list": list_of(pa.large_list(pa.float32())),
    "fixed_size_list": list_of(pa.list_(pa.float32(), 2)),
    "float16": pa.array(list(VECTORS.astype(np.float16)), pa.list_(pa.float16())),
    "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(VECTORS),
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_vectors(tmp_path: Path, kind: str, size: int) -> None:
    """Vectors are read from every type of lists of floats, and from tensors of one dimension."""
    path = write(tmp_path / "f", {"frame_id": IDS, "embedding": LISTS[kind]})
    batches = read(path, size=size)
    np.testing.assert_array_equal(VECTORS, np.concatenate([b.embeddings for b in batches]))


SQUARES = VECTORS.reshape(6, 1, 2)
ARRAYS = {
    "lists of lists": pa.array(SQUARES.tolist(), pa.list_(pa.list_(pa.float32()))),
    "tensors": pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(SQUARES)),
}


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
def test_arrays_are_refused_with_their_shape(tmp_path: Path, kind: str, suffix: str) -> None:
    """An array of more dimensions than one is refused with its shape and the next step."""
    path = write(tmp_path / "f", {"frame_id": IDS, "embedding": ARRAYS[kind]}, suffix)
    with pytest.raises(InvalidArgument, match=r"arrays of shape \(1, 2\) in each row.*flatten"):
        open_source(path, Columns())


IDS_OF_OTHER_TYPES = {
    "int64": (pa.array(range(6)), [str(index) for index in range(6)]),
    "uint64": (pa.array([2**64 - 1 - i for i in range(6)], pa.uint64()), None),
    "uuid": (pa.array([u.bytes for u in UUIDS], pa.uuid()), [str(u) for u in UUIDS]),
    "binary": (pa.array([i.encode() for i in IDS]), IDS),
    "binary_view": (pa.array([i.encode() for i in IDS], pa.binary_view()), IDS),
    "fixed binary": (pa.array([i.encode() for i in IDS], pa.binary(2)), IDS),
    "dictionary": (pa.array(range(6)).dictionary_encode(), [str(index) for index in range(6)]),
}


@pytest.mark.parametrize("kind", IDS_OF_OTHER_TYPES)
def test_ids_as_text(tmp_path: Path, kind: str) -> None:
    """Integers, UUIDs and bytes are ids and devices with the option, and refused without it."""
    array, texts = IDS_OF_OTHER_TYPES[kind]
    texts = texts or [str(2**64 - 1 - i) for i in range(6)]
    path = write(tmp_path / "f", {"frame_id": array, "embedding": LISTS["tensor"], "device": array})
    with pytest.raises(InvalidArgument, match=r"'frame_id' is .*, not strings; --ids-as-text"):
        open_source(path, Columns())
    batches = read(path, Columns(ids_as_text=True))
    assert texts == [frame_id for batch in batches for frame_id in batch.ids]
    assert texts[5] == batches[1].frame(0).device


def test_other_ids_are_refused(tmp_path: Path) -> None:
    """Floats are refused with the option and without; bytes must be UTF-8."""
    floats = {"frame_id": [float(index) for index in range(6)], "embedding": LISTS["tensor"]}
    path = write(tmp_path / "f", floats)
    for columns in (Columns(), Columns(ids_as_text=True)):
        with pytest.raises(InvalidArgument, match=r"'frame_id' is double, not strings; cast them"):
            open_source(path, columns)
    path = write(tmp_path / "g", floats | {"frame_id": [b"a", b"\xff", b"b", b"c", b"d", b"e"]})
    with pytest.raises(InvalidArgument, match="bytes that are not UTF-8 in row 1; write ids"):
        read(path, Columns(ids_as_text=True))


def malformed_texts() -> Any:
    """Texts of which the last is not UTF-8, as a tool without checks writes them."""
    array = pa.array([b"a", b"b", b"c", b"d", b"e", b"\xff"])
    return pa.Array.from_buffers(pa.string(), 6, array.buffers())


@pytest.mark.parametrize("name", ["frame_id", "date_captured", "device", "weather"])
@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
def test_texts_that_are_not_utf_8(tmp_path: Path, name: str, suffix: str) -> None:
    """Malformed text is refused with its column and row."""
    columns = {"frame_id": IDS, "embedding": LISTS["tensor"], name: malformed_texts()}
    path = write(tmp_path / "f", columns, suffix)
    with pytest.raises(InvalidArgument, match=rf"'{name}' .*(UTF-8|utf-8|is not an ISO)"):
        [batch.frame(index) for batch in read(path) for index in range(len(batch))]


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_without_a_zone(tmp_path: Path, unit: str) -> None:
    """Naive times are in the zone of the option, and refused without it."""
    times = pa.array([datetime(2026, 1, 1, 12)] * 6, pa.timestamp(unit))  # noqa: DTZ001 - naive
    columns = {"frame_id": IDS, "embedding": LISTS["tensor"], "date_captured": times}
    path = write(tmp_path / "f", columns)
    with pytest.raises(InvalidArgument, match=r"without a time zone; name it by --timezone"):
        open_source(path, Columns())
    for zone, hour in (("UTC", 12), ("Asia/Tokyo", 3), ("+02:00", 10)):
        captured = read(path, Columns(timezone=zone))[0].frame(0).capture_time
        assert NOON.replace(hour=hour) == captured


def test_unknown_zones_become_utc(tmp_path: Path) -> None:
    """A column in a time zone that is unknown here has the same moments in UTC."""
    times = pa.array([NOON] * 6, pa.timestamp("us", "Mars/Olympus"))
    columns = {"frame_id": IDS, "embedding": LISTS["tensor"], "date_captured": times, "at": times}
    frame = read(write(tmp_path / "f", columns))[0].frame(0)
    assert (NOON, {"at": "2026-01-01T12:00:00+00:00"}) == (frame.capture_time, frame.metadata)


def test_values_become_metadata(tmp_path: Path) -> None:
    """Decimals are numbers; UUIDs, times of day and JSON are text."""
    others = {
        "price": pa.array([Decimal("0.5")] * 6),
        "uuid": pa.array([UUIDS[1].bytes] * 6, pa.uuid()),
        "at": pa.array([time(1, 2, 3)] * 6, pa.time64("ns")),
        "json": pa.array(['{"a": 1}'] * 6, pa.json_()),
        "category": pa.array(["fog"] * 6).dictionary_encode(),
        "on": pa.array([NOON.date()] * 6).dictionary_encode(),
    }
    path = write(tmp_path / "f", {"frame_id": IDS, "embedding": LISTS["tensor"]} | others)
    expected = {
        "price": 0.5,
        "uuid": str(UUIDS[1]),
        "at": "01:02:03",
        "json": '{"a": 1}',
        "category": "fog",
        "on": "2026-01-01",
    }
    assert expected == read(path)[0].frame(0).metadata


@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
def test_columns_that_cannot_be_metadata(tmp_path: Path, suffix: str) -> None:
    """Structs, bytes, lists and the index of pandas are left out, and named but for the index."""
    others = {
        "struct": [{"a": 1, "b": 2}] * 6,
        "struct.a": ["text"] * 6,
        "bytes": [b"x"] * 6,
        "list": [[1]] * 6,
        "map": pa.array([[("a", 1)]] * 6, pa.map_(pa.string(), pa.int64())),
        "__index_level_0__": range(6),
        "speed": range(6),
    }
    columns = {"frame_id": IDS, "embedding": LISTS["tensor"]} | others
    source = open_source(write(tmp_path / "f", columns, suffix), Columns())
    [batch] = source.batches(100)
    assert {"speed": 3, "struct.a": "text"} == batch.frame(3).metadata
    assert {"struct", "bytes", "list", "map"} == source.passed_over.keys()
    assert "binary" == source.passed_over["bytes"]


def test_duplicate_columns(tmp_path: Path) -> None:
    """A duplicate column of a field is refused; one that would be metadata is left out."""
    arrays = [pa.array(IDS), LISTS["list_view"], pa.array(IDS), pa.array(IDS)]
    for names, duplicate in (
        (["frame_id", "embedding", "x", "x"], ""),
        (["frame_id", "embedding", "device", "device"], "device"),
    ):
        table = pa.table(arrays, names)
        with pa.ipc.new_file(str(tmp_path / "f.arrow"), table.schema) as file:
            file.write_table(table)
        if duplicate:
            with pytest.raises(InvalidArgument, match="'device' occurs 2 times"):
                open_source(tmp_path / "f.arrow", Columns())
        else:
            source = open_source(tmp_path / "f.arrow", Columns())
            assert {"x": "occurs 2 times"} == source.passed_over
            assert {} == next(source.batches(9)).frame(0).metadata


MISSING = {
    "--map embedding=vec": {"frame_id": IDS, "vec": LISTS["tensor"], "speed": range(6)},
    "--map embedding=COLUMN": {"frame_id": IDS, "v": LISTS["tensor"], "w": LISTS["tensor"]},
    "--map frame_id=name": {"name": IDS, "embedding": LISTS["tensor"]},
    "10 columns of floats; if each is a dimension": {
        "frame_id": IDS,
        **{str(number): [1.0] * 6 for number in range(10)},
    },
    "k19 and 5 others": {f"k{number}": IDS for number in range(25)},
}


@pytest.mark.parametrize("hint", MISSING)
def test_a_missing_column_names_the_option(tmp_path: Path, hint: str) -> None:
    """A missing column is named with --map, and with the column that it may be."""
    with pytest.raises(InvalidArgument) as raised:
        open_source(write(tmp_path / "f", MISSING[hint]), Columns())
    assert hint in raised.value.message


def test_a_vector_column_of_another_type(tmp_path: Path) -> None:
    """JSON text, as fastparquet writes lists, is refused with the next step."""
    column = pa.array(["[1.0, 2.0]"] * 6, pa.json_())
    path = write(tmp_path / "f", {"frame_id": IDS, "embedding": column})
    with pytest.raises(InvalidArgument, match=r"extension<arrow.json>, not lists of floats; write"):
        open_source(path, Columns())
