"""JSON lines of pandas, datasets and others: what is read, and what must be written otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sluice.errors import InvalidArgument
from sluice.formats import Columns, Source, open_source


def open_file(folder: Path, *rows: dict[str, Any], columns: Columns | None = None) -> Source:
    """Write rows as JSON lines, after a byte order mark, and open them."""
    defaults = {"embedding": [1, 2.5]}
    lines = [json.dumps(defaults | row) for row in rows]
    (folder / "f.jsonl").write_text("\n".join(lines), encoding="utf-8-sig")
    return open_source(folder / "f.jsonl", columns or Columns())


def test_ids_as_text(tmp_path: Path) -> None:
    """Integers are ids and devices with the option, and refused without it."""
    rows: list[dict[str, Any]] = [{"frame_id": "a", "device": 1}, {"frame_id": 7, "device": None}]
    with pytest.raises(InvalidArgument, match="'frame_id' is not a string in row 1; --ids-as-text"):
        list(open_file(tmp_path, *rows).batches(9))
    [batch] = open_file(tmp_path, *rows, columns=Columns(ids_as_text=True)).batches(9)
    assert (["a", "7"], "1", "") == (batch.ids, batch.frame(0).device, batch.frame(1).device)


@pytest.mark.parametrize("value", [1.5, True, ["a"], {"a": 1}])
def test_other_ids_are_refused(tmp_path: Path, value: Any) -> None:
    """Other ids are refused with their row, with the option or without."""
    source = open_file(tmp_path, {"frame_id": value}, columns=Columns(ids_as_text=True))
    with pytest.raises(InvalidArgument, match="'frame_id' is not a string in row 0; write it as"):
        list(source.batches(9))


def test_ids_that_cannot_be_encoded(tmp_path: Path) -> None:
    """Half a character, which JSON can hold, is refused with its row."""
    (tmp_path / "f.jsonl").write_text('{"frame_id": "\\ud800", "embedding": [1]}')
    with pytest.raises(InvalidArgument, match="'frame_id' cannot be encoded as UTF-8 in row 0"):
        list(open_source(tmp_path / "f.jsonl", Columns()).batches(9))


def test_numbers_of_milliseconds_name_the_way_out(tmp_path: Path) -> None:
    """Dates as `to_json` of pandas writes them are refused with an example."""
    source = open_file(tmp_path, {"frame_id": "a", "date_captured": 1_767_268_800_000})
    with pytest.raises(InvalidArgument, match=r"1767268800000 is not an ISO 8601 time in row 0; w"):
        list(source.batches(9))


def test_nested_values_are_left_out(tmp_path: Path) -> None:
    """Objects and lists are left out and named, unless the option names them."""
    rows: list[dict[str, Any]] = [
        {"frame_id": "a", "x": {"y": 1}, "z": 1},
        {"frame_id": "b", "x": "text", "z": [1]},
    ]
    source = open_file(tmp_path, *rows)
    [batch] = source.batches(9)
    assert [{"z": 1}, {"x": "text"}] == [batch.frame(index).metadata for index in range(2)]
    assert {"x": "objects", "z": "lists"} == source.passed_over
    source = open_file(tmp_path, *rows, columns=Columns.of([], ["z"]))
    with pytest.raises(InvalidArgument, match="'z' holds lists in row 1; metadata are strings"):
        list(source.batches(9))


def test_arrays_of_one_row_a_frame(tmp_path: Path) -> None:
    """Lists of lists are refused with their shape."""
    source = open_file(tmp_path, {"frame_id": "a", "embedding": [[1.0, 2.0, 3.0]]})
    with pytest.raises(InvalidArgument, match=r"arrays of shape \(1, 3\), not vectors in row 0"):
        list(source.batches(9))


def test_huge_numbers(tmp_path: Path) -> None:
    """Numbers over the range of float32 are refused with their row, however they are written."""
    huge: list[float] = [1e300, 10**400, float("inf")]
    rows: list[dict[str, Any]] = [
        {"frame_id": f"f{n}", "embedding": [1, number]} for n, number in enumerate(huge)
    ]
    with pytest.raises(InvalidArgument, match=r"numbers over 3.4e38 in 3 rows: 0, 1, 2"):
        list(open_file(tmp_path, *rows).batches(9))
    [batch] = open_file(tmp_path, {"frame_id": "a", "embedding": [2**70, 1]}).batches(9)
    np.testing.assert_array_equal([[2.0**70, 1]], batch.embeddings)


def test_missing_columns_name_the_option(tmp_path: Path) -> None:
    """A column that the first line lacks is named with --map, and with the one that it may be."""
    path = tmp_path / "f.jsonl"
    path.write_text('{"frame_id": "a", "vec": [1, 2], "speed": 3}')
    with pytest.raises(InvalidArgument, match="has frame_id, vec, speed; use --map embedding=vec"):
        open_source(path, Columns())
    path.write_text('{"id": "a", "embedding": [1, 2]}')
    with pytest.raises(InvalidArgument, match="use --map frame_id=COLUMN"):
        open_source(path, Columns())


def test_deeply_nested_lines(tmp_path: Path) -> None:
    """A line that is nested too deeply is refused with its number."""
    (tmp_path / "f.jsonl").write_text("[" * 100_000)
    with pytest.raises(InvalidArgument, match="line 1 is not JSON"):
        open_source(tmp_path / "f.jsonl", Columns())
