"""Files are appended in few calls, each within the size limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from sluice.append_file import Placement, append_file
from sluice.errors import InvalidArgument
from sluice.formats import Columns
from sluice.resources.datasets import Datasets, NewFrame
from sluice.v1 import dataset_frame_pb2 as pb


class RecordingDatasets:
    """A fake of `Datasets` that records the frames of each append call."""

    def __init__(self) -> None:
        self.frames: list[list[str]] = []
        self.bytes: list[int] = []
        self.rows: list[Any] = []
        self.options: list[dict[str, Any]] = []

    def append(
        self, dataset: str, frames: list[NewFrame], embeddings: Any, **placing: Any
    ) -> pb.AppendFramesResponse:
        """See `Datasets.append`."""
        self.frames.append([frame.frame.id for frame in frames])
        self.bytes.append(sum(frame.to_proto().ByteSize() for frame in frames))
        self.rows.append(embeddings)
        self.options.append(placing | {"labelled": {frame.labelled for frame in frames}})
        return pb.AppendFramesResponse(added_count=len(frames))


def append(folder: Path, **columns: Any) -> tuple[RecordingDatasets, int]:
    """Append a file with these columns; returns the recorded calls and the frames added."""
    np.savez(folder / "frames.npz", **columns)
    calls = RecordingDatasets()
    counts = append_file(
        cast(Datasets, calls),
        "d",
        folder / "frames.npz",
        Columns(),
        model_id="m",
        placement=Placement(),
    )
    return calls, counts.added


def test_few_large_calls(tmp_path: Path) -> None:
    """A call has up to 4 MiB of embeddings, whatever the dimension, and frames keep theirs."""
    ids = [f"f{number}" for number in range(2_500)]
    rows = np.arange(2_500 * 512, dtype=np.float32).reshape(2_500, 512)
    calls, added = append(tmp_path, frame_id=ids, embedding=rows)

    assert (2_500, [2_048, 452]) == (added, [len(frame_ids) for frame_ids in calls.frames])
    assert ids == [frame_id for frame_ids in calls.frames for frame_id in frame_ids]
    np.testing.assert_array_equal(rows, np.concatenate(calls.rows))
    wide, _ = append(tmp_path, frame_id=ids[:300], embedding=np.ones((300, 8_192), np.float32))
    assert [128, 128, 44] == [len(frame_ids) for frame_ids in wide.frames]


def test_large_documents_have_smaller_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames with large documents are sent in more calls, each within the limit."""
    monkeypatch.setattr("sluice.append_file.DOCUMENTS_BYTES_MAX", 1_000)
    ids = [f"f{number}" for number in range(20)]
    notes = ["x" * (300 if number % 3 else 1_200) for number in range(20)]
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    calls, added = append(tmp_path, frame_id=ids, embedding=rows, note=notes)

    assert 20 == added
    assert ids == [frame_id for frame_ids in calls.frames for frame_id in frame_ids]
    np.testing.assert_array_equal(rows, np.concatenate(calls.rows))
    assert all(
        size <= 1_000 or len(frame_ids) == 1 for frame_ids, size in zip(calls.frames, calls.bytes)
    )
    assert 2 == max(map(len, calls.frames))


def test_a_coco_file_states_labels(tmp_path: Path) -> None:
    """All images of a COCO file are labelled, those without boxes too; URLs are file names."""
    file = tmp_path / "labels.json"
    images = [{"id": 1, "file_name": "a.jpg"}]
    file.write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    calls = RecordingDatasets()
    append_file(
        cast(Datasets, calls), "d", file, Columns(), placement=Placement(status="annotated")
    )

    [options] = calls.options
    assert ({True}, True) == (options["labelled"], options["urls_are_file_names"])
    assert ("annotated", "", False) == (options["status"], options["split"], options["replace"])
    with pytest.raises(InvalidArgument, match=r"group: 'scene': .* is COCO and has no columns"):
        append_file(cast(Datasets, calls), "d", file, Columns(), placement=Placement(group="scene"))


def test_a_file_may_state_no_embeddings(tmp_path: Path) -> None:
    """Without a model a file with metadata alone is appended, and one with embeddings is not."""
    file = tmp_path / "meta.jsonl"
    file.write_text(json.dumps({"frame_id": "a", "weather": "fog"}))
    calls = RecordingDatasets()
    placement = Placement()
    append_file(cast(Datasets, calls), "d", file, Columns(), placement=placement, replace=True)

    assert ([["a"]], [None]) == (calls.frames, calls.rows)
    [options] = calls.options
    assert ({False}, False) == (options["labelled"], options["urls_are_file_names"])
    assert ("", True, "") == (options["status"], options["replace"], options["model_id"])
    file.write_text(json.dumps({"frame_id": "a", "embedding": [1, 2]}))
    with pytest.raises(InvalidArgument, match=r"model_id: required, because .* has embeddings"):
        append_file(cast(Datasets, calls), "d", file, Columns(), placement=placement)
    file.write_text(json.dumps({"frame_id": "a"}))
    with pytest.raises(InvalidArgument, match="'embedding' is missing"):
        append_file(cast(Datasets, calls), "d", file, Columns(), model_id="m", placement=placement)
