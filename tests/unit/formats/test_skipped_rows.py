"""Rows without a usable vector are left out and listed, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.background import dimension_of, draw_background
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.formats import Columns, SkippedRows, open_source

NAN = float("nan")
VECTORS: list[Any] = [
    [0.0, 0.0],
    [1.0, 2.0],
    None,
    [NAN, 1.0],
    [3.0, 4.0],
    [None, 1.0],
    [],
    [5.0, 6.0],
]
GOOD = [1, 4, 7]
PROBLEMS = {
    0: "holds only zeros",
    2: "is null, empty or all NaN",
    3: "holds NaN, infinity, nulls or numbers over 3.4e38",
    5: "holds NaN, infinity, nulls or numbers over 3.4e38",
    6: "is null, empty or all NaN",
}


def write_parquet(folder: Path) -> Path:
    """Write the vectors as lists."""
    ids = [f"f{index}" for index in range(len(VECTORS))]
    vectors = pa.array(VECTORS, pa.list_(pa.float32()))
    speeds = list(range(len(VECTORS)))
    pq.write_table(
        pa.table({"frame_id": ids, "embedding": vectors, "speed": speeds}), folder / "f.parquet"
    )
    return folder / "f.parquet"


def write_jsonl(folder: Path) -> Path:
    """Write the vectors as JSON lines."""
    lines = [
        {"frame_id": f"f{index}", "embedding": vector, "speed": index}
        for index, vector in enumerate(VECTORS)
    ]
    (folder / "f.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder / "f.jsonl"


WRITERS = [write_parquet, write_jsonl]


@pytest.fixture
def skipped(tmp_path: Path) -> SkippedRows:
    """The list of rows that are left out."""
    return SkippedRows(tmp_path / "skipped.jsonl")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_rows_are_left_out_and_listed(
    tmp_path: Path, skipped: SkippedRows, write: Callable[[Path], Path], size: int
) -> None:
    """The other rows keep numbers, ids and metadata; each row left out is listed once."""
    path = write(tmp_path)
    source = open_source(path, Columns(), skipped=skipped)
    assert 2 == dimension_of(source)
    assert 3 == len(draw_background(source, 2))
    batches = list(source.batches(size))
    frames = [batch.frame(index) for batch in batches for index in range(len(batch))]

    assert [f"f{index}" for index in GOOD] == [frame.id for frame in frames]
    assert GOOD == [frame.metadata["speed"] for frame in frames]
    assert GOOD == [number for batch in batches for number in batch.numbers]
    vectors = np.concatenate([batch.embeddings for batch in batches])
    np.testing.assert_array_equal([[1, 2], [3, 4], [5, 6]], vectors)
    listed = [json.loads(line) for line in skipped.path.read_text().splitlines()]
    expected = [
        {"file": str(path), "row": row, "frame_id": f"f{row}", "problem": problem}
        for row, problem in PROBLEMS.items()
    ]
    assert (expected, 5) == (listed, skipped.count)


@pytest.mark.parametrize("write", WRITERS)
def test_without_the_option_rows_are_refused(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    """All rows of a batch are named, with their problems and the option."""
    with pytest.raises(InvalidArgument) as raised:
        list(open_source(write(tmp_path), Columns()).batches(100))
    problem = (
        "column 'embedding' holds NaN, infinity, nulls or numbers over 3.4e38 or holds only zeros "
        "or is null, empty or all NaN in 5 rows: 0, 2, 3, 5, 6; "
        "--skip-bad-rows leaves such rows out"
    )
    assert problem in raised.value.message
    assert "INVALID_VECTOR" == raised.value.reason


def test_duplicates_of_rows_left_out(tmp_path: Path, skipped: SkippedRows) -> None:
    """A row that is left out does not make the id of another row a duplicate."""
    path = tmp_path / "f.jsonl"
    path.write_text(
        '{"frame_id": "a", "embedding": [0, 0]}\n{"frame_id": "a", "embedding": [1, 2]}\n'
    )
    source = open_source(path, Columns(), skipped=skipped)
    assert [["a"]] == [list(batch.ids) for batch in source.batches(1)]


def test_dimensions_must_agree(tmp_path: Path) -> None:
    """A vector of another dimension than the first is refused, also in a later batch."""
    path = tmp_path / "f.jsonl"
    path.write_text(
        '{"frame_id": "a", "embedding": [1, 2]}\n{"frame_id": "b", "embedding": [1, 2, 3]}\n'
    )
    with pytest.raises(InvalidArgument, match="has 3 numbers, not 2 as in the first row in row 1"):
        list(open_source(path, Columns()).batches(1))


def test_an_earlier_list_is_removed(tmp_path: Path) -> None:
    """A list shows one run; a place that cannot be written is refused with the option."""
    path = tmp_path / "skipped.jsonl"
    path.write_text("old")
    SkippedRows(path)
    assert not path.exists()
    with pytest.raises(FailedPrecondition, match=r"cannot list the skipped rows.*--skipped-file"):
        SkippedRows(tmp_path)
    gone = SkippedRows(tmp_path / "none" / "skipped.jsonl")
    source = open_source(write_parquet(tmp_path), Columns(), skipped=gone)
    with pytest.raises(FailedPrecondition, match="--skipped-file"):
        list(source.batches(4))
