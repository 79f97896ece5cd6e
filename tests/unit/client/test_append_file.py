"""Appending files: as many frames in a call as fit, and not one more."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from sluice.append_file import Placement, append_file
from sluice.formats import Columns
from sluice.resources.datasets import Datasets, NewFrame
from sluice.v1 import dataset_frame_pb2 as pb


class Calls:
    """Takes frames as `Datasets.append` does, and keeps what each call had."""

    def __init__(self) -> None:
        self.frames: list[list[str]] = []
        self.bytes: list[int] = []
        self.rows: list[np.ndarray[Any, Any]] = []

    def append(
        self, dataset: str, frames: list[NewFrame], embeddings: Any, **placing: Any
    ) -> pb.AppendFramesResponse:
        """See `Datasets.append`."""
        self.frames.append([each.frame.id for each in frames])
        self.bytes.append(sum(each.to_proto().ByteSize() for each in frames))
        self.rows.append(embeddings)
        return pb.AppendFramesResponse(added_count=len(frames))


def append(folder: Path, **columns: Any) -> tuple[Calls, int]:
    """Append a file of those columns; what was called, and how many frames were added."""
    np.savez(folder / "frames.npz", **columns)
    calls = Calls()
    done = append_file(
        cast(Datasets, calls),
        "d",
        folder / "frames.npz",
        Columns(),
        model_id="m",
        placement=Placement(),
    )
    return calls, done.added


def test_few_large_calls(tmp_path: Path) -> None:
    """A call has 4 MiB of embeddings, whatever their dimension, and every frame its own."""
    ids = [f"f{number}" for number in range(2_500)]
    rows = np.arange(2_500 * 512, dtype=np.float32).reshape(2_500, 512)
    calls, added = append(tmp_path, frame_id=ids, embedding=rows)

    assert (2_500, [2_048, 452]) == (added, [len(each) for each in calls.frames])
    assert ids == [id for each in calls.frames for id in each]
    np.testing.assert_array_equal(rows, np.concatenate(calls.rows))
    wide, _ = append(tmp_path, frame_id=ids[:300], embedding=np.ones((300, 8_192), np.float32))
    assert [128, 128, 44] == [len(each) for each in wide.frames]


def test_large_documents_have_smaller_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames whose documents are large come in more calls, none of them over what is accepted."""
    monkeypatch.setattr("sluice.append_file.DOCUMENTS_BYTES_MAX", 1_000)
    ids = [f"f{number}" for number in range(20)]
    notes = ["x" * (300 if number % 3 else 1_200) for number in range(20)]
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    calls, added = append(tmp_path, frame_id=ids, embedding=rows, note=notes)

    assert 20 == added
    assert ids == [id for each in calls.frames for id in each]
    np.testing.assert_array_equal(rows, np.concatenate(calls.rows))
    assert all(size <= 1_000 or len(each) == 1 for each, size in zip(calls.frames, calls.bytes))
    assert 2 == max(map(len, calls.frames))
