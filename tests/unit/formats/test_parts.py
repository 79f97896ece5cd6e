"""A folder and a pattern are read as one file, each part by its own types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.errors import InvalidArgument
from sluice.formats import Columns, open_source
from sluice.formats.parts import find_files, is_pattern, side_file


def write(path: Path, ids: list[str], vectors: Any = None, **others: Any) -> Path:
    """Write a Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    vectors = vectors if vectors is not None else [[1.0, 2.0]] * len(ids)
    pq.write_table(pa.table({"frame_id": ids, "embedding": vectors, **others}), path)
    return path


def read(path: Path, size: int = 2) -> list[str]:
    """The ids of all rows."""
    return [i for batch in open_source(path, Columns()).batches(size) for i in batch.ids]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three files, with the notes of the tool that wrote them."""
    folder = tmp_path / "parts"
    for number, ids in ((10, ["d"]), (2, ["a", "b", "c"]), (1, ["e", "f"])):
        write(folder / f"part-{number:03}.parquet", ids)
    for name in ("_SUCCESS", ".part-001.parquet.crc", "_metadata.parquet", "state.json"):
        (folder / name).write_bytes(b"notes")
    return folder


@pytest.mark.parametrize(
    "pattern", ["", "part-*.parquet", "*.parquet", "../parts/part-0??.parquet"]
)
def test_files_are_read_by_name(folder: Path, pattern: str) -> None:
    """Files are read in the order of their names, all rows once, without the tool's notes."""
    path = folder / pattern if pattern else folder
    assert ["e", "f", "a", "b", "c", "d"] == read(path)
    assert 6 == open_source(path, Columns()).row_count
    batches = list(open_source(path, Columns()).batches(2))
    numbers = [(Path(batch.file).name[5:8], list(batch.numbers)) for batch in batches]
    assert [("001", [0, 1]), ("002", [0, 1]), ("002", [2]), ("010", [0])] == numbers


def test_patterns_of_subfolders(tmp_path: Path) -> None:
    """A pattern may name subfolders; a folder that has files there only says so."""
    write(tmp_path / "d" / "year=2026" / "0.parquet", ["b"])
    write(tmp_path / "d" / "year=2025" / "0.parquet", ["a"])
    assert ["a", "b"] == read(tmp_path / "d" / "**" / "*.parquet")
    with pytest.raises(InvalidArgument, match=r"in subfolders only; use a pattern .*\*\*"):
        read(tmp_path / "d")


def test_each_file_has_its_own_types(tmp_path: Path) -> None:
    """Types may differ between files; no value is cast to the type of another file."""
    write(
        tmp_path / "d" / "0.parquet", ["a"], pa.array([[1, 2]], pa.list_(pa.float32())), speed=[1]
    )
    doubles = pa.array([[1.0, 1e300]], pa.list_(pa.float64()))
    write(tmp_path / "d" / "1.parquet", ["b"], doubles, speed=["fast"])
    with pytest.raises(InvalidArgument, match=r"1\.parquet: .* numbers over 3.4e38 in row 0"):
        read(tmp_path / "d")
    write(tmp_path / "d" / "1.parquet", ["b"], [[1.0, 3.0]], speed=["fast"])
    frames = [batch.frame(0) for batch in open_source(tmp_path / "d", Columns()).batches(9)]
    assert [{"speed": 1}, {"speed": "fast"}] == [frame.metadata for frame in frames]


def test_errors_name_the_file(tmp_path: Path) -> None:
    """A file without a column, of another dimension or with an id of another file is named."""
    first = write(tmp_path / "d" / "0.parquet", ["a", "b"])
    second = write(tmp_path / "d" / "1.parquet", ["c", "b"])
    with pytest.raises(InvalidArgument) as raised:
        read(tmp_path / "d", 1)
    problem = f"{second}: column 'frame_id' has duplicate 'b', which row 1 of {first} has too,"
    assert f"{problem} in row 1" == raised.value.message
    write(second, ["c"], [[1.0, 2.0, 3.0]])
    with pytest.raises(InvalidArgument, match=r"1\.parquet: .* has 3 numbers, not 2 .* in row 0"):
        read(tmp_path / "d")
    pq.write_table(pa.table({"frame_id": ["c"], "vec": [[1.0]]}), second)
    with pytest.raises(InvalidArgument, match=r"1\.parquet: .*'embedding' is missing.*--map"):
        open_source(tmp_path / "d", Columns())


def test_columns_that_cannot_be_metadata(tmp_path: Path) -> None:
    """Columns that are left out of any file are named once, with their first type."""
    write(tmp_path / "d" / "0.parquet", ["a"], x=[b"x"])
    write(tmp_path / "d" / "1.parquet", ["b"], x=[[1]], y=[b"y"])
    source = open_source(tmp_path / "d", Columns())
    assert {"x": "binary", "y": "binary"} == source.passed_over


def test_folders_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder without files of one kind says what to do."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.lance" / "_versions").mkdir(parents=True)
    (tmp_path / "x.lance" / "data").mkdir()
    write(tmp_path / "mixed" / "0.parquet", ["a"])
    np.savez(tmp_path / "mixed" / "1.npz", frame_id=["b"])
    for name, message in (
        ("empty", "has no files of frames; supported: .parquet"),
        ("x.lance", "is a Lance dataset; write it as Parquet"),
        ("mixed", r"several kinds \(1 .npz, 1 .parquet\); use a pattern such as"),
        ("*.parquet", "no file matches"),
    ):
        with pytest.raises(InvalidArgument, match=message):
            find_files(tmp_path / name)


def test_side_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beside the data has the name of the file, folder, link or pattern."""
    folder = tmp_path / "parts"
    folder.mkdir()
    (tmp_path / "link.parquet").symlink_to(folder / "0.parquet")
    monkeypatch.chdir(folder)
    names = {
        tmp_path / "a.parquet": tmp_path / "a.parquet.scan",
        folder: tmp_path / "parts.scan",
        Path(): tmp_path / "parts.scan",
        tmp_path / "link.parquet": tmp_path / "link.parquet.scan",
        folder / "*.parquet": folder / "_.parquet.scan",
        tmp_path / "*" / "a[0-9].parquet": tmp_path / "_-a_0-9_.parquet.scan",
    }
    assert names == {path: side_file(path, ".scan") for path in names}
    (tmp_path / "a[1].parquet").touch()
    assert not is_pattern(tmp_path / "a[1].parquet")
