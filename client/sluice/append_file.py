"""Appending a whole file of frames to a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluice.background import dimension_of
from sluice.errors import InvalidArgument
from sluice.formats import Columns, open_source
from sluice.formats.coco import read_coco
from sluice.frames import Frame
from sluice.resources.datasets import Datasets, NewFrame
from sluice.scan import batch_rows, work_ahead
from sluice.v1 import dataset_frame_pb2 as pb

LABELLED_PER_CALL: Final = 512
"""Frames of a COCO file in one call."""

DOCUMENTS_BYTES_MAX: Final = 4 * 2**20
"""Maximum bytes of the frame messages in one call; their embeddings are bounded separately."""

COCO: Final = ".json"

_Batch = tuple[Sequence[NewFrame], NDArray[np.float32] | None]


@dataclass(slots=True)
class AppendCounts:
    """How many frames of a file were added, replaced, left unchanged or skipped as deleted."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    deleted: int = 0

    def add(self, response: pb.AppendFramesResponse) -> None:
        """Add the counts of one call."""
        self.added += response.added_count
        self.replaced += response.replaced_count
        self.unchanged += response.unchanged_count
        self.deleted += response.deleted_count


@dataclass(frozen=True, slots=True)
class Placement:
    """How the frames of a file are grouped, and the status and split of new groups.

    `group` and `slice` are the names of the columns with a frame's group (the scene) and its slice
    (the view of that scene).
    """

    group: str = ""
    slice: str = ""
    status: str = "unlabelled"
    split: str = ""


def append_file(
    datasets: Datasets,
    dataset: str,
    file: Path,
    columns: Columns,
    *,
    model_id: str = "",
    placement: Placement,
) -> AppendCounts:
    """Append all frames of a file; after an interruption, append the same file again.

    Columns without another use become fields. A COCO file has neither columns nor embeddings.
    Raises InvalidArgument naming the file, column and row of an invalid value.
    """
    counts = AppendCounts()
    for frames, embeddings in work_ahead(_batches(file, columns, model_id, placement)):
        response = datasets.append(
            dataset,
            frames,
            embeddings,
            model_id=model_id,
            status=placement.status,
            split=placement.split,
        )
        counts.add(response)
    return counts


def _batches(file: Path, columns: Columns, model_id: str, placement: Placement) -> Iterator[_Batch]:
    if file.suffix.lower() == COCO:
        labelled = map(NewFrame, read_coco(file))
        while batch := list(islice(labelled, LABELLED_PER_CALL)):
            yield from _split(batch, None)
        return
    if not model_id:
        raise InvalidArgument.of("model_id", f"required, because {file} has embeddings")
    source = open_source(file, columns)
    # The server flushes its disk once per call, so few large calls are faster.
    for rows in source.batches(batch_rows(dimension_of(source))):
        frames = [rows.frame(index) for index in range(len(rows))]
        yield from _split([_new_frame(file, frame, placement) for frame in frames], rows.embeddings)


def _split(frames: Sequence[NewFrame], embeddings: NDArray[np.float32] | None) -> Iterator[_Batch]:
    """Split frames into parts whose messages are small enough for one call."""
    start = size_bytes = 0
    for index, frame in enumerate(frames):
        frame_bytes = frame.to_proto().ByteSize()
        size_bytes += frame_bytes
        if index > start and size_bytes > DOCUMENTS_BYTES_MAX:
            yield frames[start:index], None if embeddings is None else embeddings[start:index]
            start, size_bytes = index, frame_bytes
    yield frames[start:], None if embeddings is None else embeddings[start:]


def _new_frame(file: Path, frame: Frame, placement: Placement) -> NewFrame:
    """Move a frame's metadata to its fields, except for the group and the slice."""
    fields = dict(frame.metadata)
    group = _text(file, frame, fields.pop(placement.group, None), placement.group)
    slice_ = _text(file, frame, fields.pop(placement.slice, None), placement.slice)
    return NewFrame(replace(frame, metadata={}), group, slice_, fields)


def _text(file: Path, frame: Frame, value: object, column: str) -> str:
    if column and value is None:
        raise InvalidArgument.of(column, f"{file}: frame {frame.id!r} has no value")
    return str(value) if column else ""
