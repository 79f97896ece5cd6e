"""Every format gives the same rows, and errors name file, column and rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from sluice.errors import InvalidArgument
from sluice.formats import Columns, Rows, open_source

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
VECTORS = np.arange(1, 31, dtype=np.float32).reshape(10, 3)
IDS = [f"f{index}" for index in range(10)]

Table = dict[str, list[Any]]


def table() -> Table:
    """Ten frames."""
    return {
        "frame_id": list(IDS),
        "embedding": VECTORS.tolist(),
        "image_url": [f"https://example.org/{i}.png" for i in IDS],
        "date_captured": [NOON.isoformat()] * 10,
        "speed": [float(index) for index in range(10)],
    }


def write_parquet(path: Path, columns: Table) -> Path:
    """Write a Parquet file in several row groups."""
    pq.write_table(pa.table(columns), path.with_suffix(".parquet"), row_group_size=4)
    return path.with_suffix(".parquet")


def write_arrow(path: Path, columns: Table) -> Path:
    """Write an Arrow file in several batches."""
    arrow_table = pa.table(columns)
    with pa.ipc.new_file(str(path.with_suffix(".arrow")), arrow_table.schema) as file:
        file.write_table(arrow_table, max_chunksize=3)
    return path.with_suffix(".arrow")


def write_jsonl(path: Path, columns: Table) -> Path:
    """Write JSON lines, one of them empty."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    path = path.with_suffix(".jsonl")
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    return path


def write_npz(path: Path, columns: Table) -> Path:
    """Write an npz file."""
    arrays: dict[str, Any] = {name: np.array(column) for name, column in columns.items()}
    np.savez(path.with_suffix(".npz"), **arrays)
    return path.with_suffix(".npz")


WRITERS: list[Callable[[Path, Table], Path]] = [
    write_parquet,
    write_arrow,
    write_jsonl,
    write_npz,
]


def read(path: Path, size: int = 4, columns: Columns | None = None) -> list[Rows]:
    """All batches of a file."""
    return list(open_source(path, columns or Columns()).batches(size))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_all_formats_give_the_same_rows(
    tmp_path: Path, write: Callable[[Path, Table], Path], size: int
) -> None:
    """Batches have the requested size, and each row its id, vector, image, time and metadata."""
    batches = read(write(tmp_path / "file", table()), size)
    assert [min(size, 10 - start) for start in range(0, 10, size)] == list(map(len, batches))
    assert IDS == [frame_id for batch in batches for frame_id in batch.ids]
    np.testing.assert_array_equal(VECTORS, np.concatenate([b.embeddings for b in batches]))
    last = batches[-1].frame(len(batches[-1]) - 1)
    assert ("f9", NOON, {"speed": 9.0}) == (last.id, last.capture_time, last.metadata)
    assert ["https://example.org/f9.png"] == [sensor.url for sensor in last.sensors]


def test_row_counts(tmp_path: Path) -> None:
    """Formats that store a row count report it; JSON lines have none."""
    counts = [open_source(w(tmp_path / w.__name__, table()), Columns()).row_count for w in WRITERS]
    assert [10, 10, None, 10] == counts


@pytest.mark.parametrize("write", WRITERS)
def test_columns_can_be_mapped(tmp_path: Path, write: Callable[[Path, Table], Path]) -> None:
    """A mapping names the columns of fields; all other columns are metadata."""
    renamed = {{"frame_id": "id", "embedding": "vec"}.get(k, k): v for k, v in table().items()}
    columns = Columns.of(["frame_id=id", "embedding=vec", "image_url=none"])
    [batch] = read(write(tmp_path / "file", renamed), 100, columns)
    assert IDS == list(batch.ids)
    assert {"image_url", "speed"} == set(batch.frame(0).metadata)


def test_fixed_size_lists_and_times_of_arrow(tmp_path: Path) -> None:
    """Fixed-size lists and timestamps are read; nulls are missing values."""
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(VECTORS.ravel()), 3)
    times = pa.array([NOON] * 9 + [None], pa.timestamp("us", "UTC"))
    arrow_table = pa.table({"frame_id": IDS, "embedding": vectors, "date_captured": times})
    pq.write_table(arrow_table, tmp_path / "f.parquet")
    [batch] = read(tmp_path / "f.parquet", 100)
    np.testing.assert_array_equal(VECTORS, batch.embeddings)
    assert (NOON, None) == (batch.frame(0).capture_time, batch.frame(9).capture_time)


def change_table(**columns: list[Any] | None) -> Table:
    """The table with these columns replaced; None removes one."""
    merged = table() | columns
    return {name: column for name, column in merged.items() if column is not None}


RAGGED = [[1.0, 2.0, 3.0]] * 7 + [[1.0]] + [[1.0, 2.0, 3.0]] * 2
INVALID: list[tuple[Callable[[Path, Table], Path], Table, str, str]] = [
    *((w, change_table(embedding=None), "embedding", "is missing") for w in WRITERS),
    *((w, change_table(frame_id=None), "frame_id", "is missing") for w in WRITERS),
    *((w, change_table(frame_id=[*IDS[:9], "f8"]), "frame_id", "duplicate 'f8'") for w in WRITERS),
    *((w, change_table(frame_id=[*IDS[:9], ""]), "frame_id", "in row 9") for w in WRITERS),
    (write_parquet, change_table(embedding=RAGGED), "embedding", "in row 7"),
    (write_arrow, change_table(embedding=RAGGED), "embedding", "in row 7"),
    (write_jsonl, change_table(embedding=RAGGED), "embedding", "in row 7"),
    (write_parquet, change_table(embedding=[None, *VECTORS.tolist()[1:]]), "embedding", "in row 0"),
    (write_jsonl, change_table(embedding=[None, *VECTORS.tolist()[1:]]), "embedding", "in row 0"),
    (write_parquet, change_table(embedding=[1.0] * 10), "embedding", "not lists of floats"),
    (write_jsonl, change_table(embedding=[1.0] * 10), "embedding", "not a list of numbers"),
    (write_npz, change_table(embedding=[1.0] * 10), "embedding", "(10,)"),
    (write_parquet, change_table(frame_id=list(range(10))), "frame_id", "int64"),
    (write_jsonl, change_table(frame_id=list(range(10))), "frame_id", "not a string"),
    (write_npz, change_table(frame_id=list(range(10))), "frame_id", "int64"),
    (write_npz, change_table(speed=[1.0]), "speed", "has 1 rows, not 10"),
    *((w, change_table(image_url=[7] * 10), "image_url", "string") for w in WRITERS),
    (
        write_parquet,
        change_table(embedding=[[1.0, None]] * 10),
        "embedding",
        "nulls or numbers over 3.4e38 in 10 rows",
    ),
    (write_jsonl, change_table(embedding=[[1.0, "2"]] * 10), "embedding", "not numbers in 10 rows"),
    (write_parquet, change_table(embedding=[[]] * 10), "embedding", "lists of floats"),
    (write_parquet, change_table(frame_id=[None, *IDS[1:]]), "frame_id", "is null in row 0"),
    (write_parquet, change_table(date_captured=[7] * 10), "date_captured", "not times or strings"),
]


@pytest.mark.parametrize(("write", "columns", "column", "message"), INVALID)
def test_errors_name_column_and_rows(
    tmp_path: Path,
    write: Callable[[Path, Table], Path],
    columns: Table,
    column: str,
    message: str,
) -> None:
    """An error names the file, the column and the rows."""
    path = write(tmp_path / "file", columns)
    with pytest.raises(InvalidArgument) as raised:
        read(path, 100)
    assert column == raised.value.fields[0].field
    assert message in raised.value.message
    assert str(path) in raised.value.message


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_duplicate_is_found_in_any_batch(
    tmp_path: Path, write: Callable[[Path, Table], Path], size: int
) -> None:
    """A duplicate id is named with both rows, in one batch or far apart."""
    path = write(tmp_path / "file", change_table(frame_id=[*IDS[:9], "f1"]))
    with pytest.raises(InvalidArgument, match=r"'frame_id' has duplicate 'f1' in 2 rows: 1, 9"):
        read(path, size)


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_may_have_no_embeddings(
    tmp_path: Path, write: Callable[[Path, Table], Path]
) -> None:
    """Without embeddings rows have their other columns, if embeddings are not required."""
    path = write(tmp_path / "file", change_table(embedding=None))
    source = open_source(path, Columns(), embeddings_required=False)
    [batch] = source.batches(100)
    assert ((10, 0), IDS) == (batch.embeddings.shape, list(batch.ids))
    assert ({"speed": 3.0}, NOON) == (batch.frame(3).metadata, batch.frame(3).capture_time)
    with_embeddings = write(tmp_path / "other", table())
    [batch] = open_source(with_embeddings, Columns(), embeddings_required=False).batches(100)
    np.testing.assert_array_equal(VECTORS, batch.embeddings)


def test_embeddings_in_some_lines(tmp_path: Path) -> None:
    """A line with an embedding after one without is rejected with its row."""
    path = write_jsonl(tmp_path / "f", change_table(embedding=[None, *VECTORS.tolist()[1:]]))
    with pytest.raises(InvalidArgument, match="'embedding' is missing in row 0, but not in row 1"):
        list(open_source(path, Columns(), embeddings_required=False).batches(100))


MICROSECONDS_OF_2026 = 1_770_000_000_000_000
TIMES = {
    "ms": pa.array([0] * 7 + [MICROSECONDS_OF_2026, 0, 0], pa.timestamp("ms", "UTC")),
    "seconds": pa.array([0] * 7 + [300_000_000_000, 0, 0], pa.timestamp("s")),
    "days": pa.array([None] * 7 + [-1_000_000, 0, 0], pa.int32()).cast(pa.date32()),
}


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("dictionary", [False, True])
def test_times_that_python_lacks(tmp_path: Path, kind: str, dictionary: bool) -> None:
    """A time before the year 1 or after 9999 is rejected with its column and row."""
    times = TIMES[kind].dictionary_encode() if dictionary else TIMES[kind]
    pq.write_table(pa.table(table() | {"until": times}), tmp_path / "f.parquet")
    with pytest.raises(InvalidArgument, match=r"'until' has times beyond .* in row 7"):
        read(tmp_path / "f.parquet", 4)


@pytest.mark.parametrize("write", WRITERS)
def test_a_truncated_file(tmp_path: Path, write: Callable[[Path, Table], Path]) -> None:
    """A truncated file is rejected by name."""
    path = write(tmp_path / "file", table())
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(InvalidArgument, match="file"):
        read(path, 100)


NAIVE = ["2026-01-01T12:00:00Z"] * 3 + ["2026-01-01T12:00:00"] * 7


@pytest.mark.parametrize("write", WRITERS)
def test_a_naive_time_is_refused(tmp_path: Path, write: Callable[[Path, Table], Path]) -> None:
    """Times without a time zone are rejected with their rows, before any row is used."""
    path = write(tmp_path / "file", change_table(date_captured=NAIVE))
    with pytest.raises(InvalidArgument, match=r"'date_captured' has no time zone in 7 rows: 3, 4"):
        read(path, 100)


@pytest.mark.parametrize("write", WRITERS)
def test_a_malformed_time(tmp_path: Path, write: Callable[[Path, Table], Path]) -> None:
    """A malformed time is rejected with its row."""
    path = write(tmp_path / "file", change_table(date_captured=[*NAIVE[:2], "noon", *NAIVE[:7]]))
    with pytest.raises(InvalidArgument, match=r"'noon' is not an ISO 8601 time in row 2"):
        read(path, 100)


def test_naive_times_of_arrow(tmp_path: Path) -> None:
    """A timestamp column without a time zone is rejected before a row is read."""
    times = pa.array([NOON.replace(tzinfo=None)] * 10, pa.timestamp("us"))
    pq.write_table(pa.table(table() | {"date_captured": times}), tmp_path / "f.parquet")
    with pytest.raises(InvalidArgument, match="without a time zone"):
        open_source(tmp_path / "f.parquet", Columns())


def test_nanoseconds_and_dates_of_arrow(tmp_path: Path) -> None:
    """Nanoseconds are cut off; times and dates that are metadata are kept as text."""
    times = pa.array([1_767_268_800_000_000_001] * 10, pa.timestamp("ns", "UTC"))
    extra = {"date_captured": times, "day": pa.array([NOON.date()] * 10), "until": times}
    pq.write_table(pa.table(table() | extra), tmp_path / "f.parquet")
    [batch] = read(tmp_path / "f.parquet", 100)
    frame = batch.frame(0)
    assert NOON == frame.capture_time
    kept = {"speed": 0.0, "day": "2026-01-01", "until": "2026-01-01T12:00:00+00:00"}
    assert kept == frame.metadata


def test_arrow_streams(tmp_path: Path) -> None:
    """An Arrow stream is read; it has no row count."""
    arrow_table = pa.table(table())
    with pa.ipc.new_stream(str(tmp_path / "f.arrow"), arrow_table.schema) as file:
        file.write_table(arrow_table, max_chunksize=3)
    source = open_source(tmp_path / "f.arrow", Columns())
    assert source.row_count is None
    assert IDS == [frame_id for batch in source.batches(4) for frame_id in batch.ids]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_is_read_by_rows(tmp_path: Path, compress: bool, order: Any) -> None:
    """Arrays are read in batches in C and Fortran order, compressed or not."""
    save = np.savez_compressed if compress else np.savez
    arrays: dict[str, Any] = {"embedding": np.array(VECTORS, np.float64, order=order)}
    save(tmp_path / "f.npz", frame_id=np.array(IDS), **arrays)
    batches = read(tmp_path / "f.npz", 4)
    assert [4, 4, 2] == list(map(len, batches))
    np.testing.assert_array_equal(VECTORS, np.concatenate([b.embeddings for b in batches]))


def test_metadata_is_chosen(tmp_path: Path) -> None:
    """Only the named columns become metadata; a missing one is rejected by name."""
    path = write_parquet(tmp_path / "f", table() | {"weights": [[1.0]] * 10})
    with pytest.raises(InvalidArgument, match=r"'weights' is list.*; metadata are strings"):
        open_source(path, Columns.of([], ["weights"]))
    [batch] = read(path, 100, Columns.of([], ["speed"]))
    assert {"speed": 3.0} == batch.frame(3).metadata
    with pytest.raises(InvalidArgument, match="'height' is missing"):
        open_source(path, Columns.of([], ["height"]))


@pytest.mark.parametrize("write", [write_parquet, write_npz])
def test_too_much_metadata(tmp_path: Path, write: Callable[[Path, Table], Path]) -> None:
    """Metadata columns over the limit are rejected before a row is read."""
    many = {f"column{index}": [1] * 10 for index in range(64)}
    with pytest.raises(InvalidArgument, match=r"limit of 64 metadata columns \(got 65\)"):
        open_source(write(tmp_path / "f", table() | many), Columns())


@pytest.mark.parametrize("write", WRITERS)
def test_invalid_vectors(tmp_path: Path, write: Callable[[Path, Table], Path]) -> None:
    """Errors name the rows with NaN, infinity or zeros, and those of another dimension."""
    vectors = VECTORS.tolist()
    vectors[5], vectors[6], vectors[9] = [0.0] * 3, [1.0, float("nan"), 1.0], [1e300, 1.0, 1.0]
    path = write(tmp_path / "f", change_table(embedding=vectors))
    problem = r"'embedding' holds NaN.* or holds only zeros in 3 rows: 5, 6, 9; --skip-bad-rows"
    with pytest.raises(InvalidArgument, match=problem):
        read(path, 100)
    with pytest.raises(InvalidArgument, match=r"in 2 rows: 5, 6;"):
        read(path, 4)
    rows = next(open_source(path, Columns()).batches(4))
    with pytest.raises(InvalidArgument, match=r"has 3 numbers, not 4 as in the first row in row 0"):
        rows.unit(4)


def test_malformed_lines(tmp_path: Path) -> None:
    """A line that is not UTF-8, not JSON or not an object is rejected with its number."""
    path = tmp_path / "f.jsonl"
    for line in (b"\xff\xfe", b"{", b"[1]"):
        path.write_bytes(b'{"frame_id": "a", "embedding": [1, 2]}\n' + line)
        with pytest.raises(InvalidArgument, match="line 2"):
            read(path)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [("frame_id", "frame_id"), ("nothing=x", "nothing=x"), ("device=", "device=")],
)
def test_a_malformed_mapping(mapping: str, message: str) -> None:
    """A mapping that is not FIELD=COLUMN is rejected; the error lists the fields."""
    with pytest.raises(InvalidArgument, match="date_captured") as raised:
        Columns.of([mapping])
    assert message in raised.value.message


def test_other_endings_and_missing_files(tmp_path: Path) -> None:
    """An unsupported or missing file is rejected by name."""
    for name, message in (("x.csv", "x.csv: unsupported file type"), ("x.npz", "does not exist")):
        with pytest.raises(InvalidArgument, match=message):
            open_source(tmp_path / name, Columns())
