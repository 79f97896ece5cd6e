"""Appending a whole file of frames to a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluice.background import dimension_of
from sluice.errors import InvalidArgument
from sluice.formats import Columns, Source, open_source
from sluice.formats.coco import read_coco
from sluice.frames import Frame
from sluice.limits import BATCH_ROWS_MAX
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
    """How many frames of a file were added, changed, left unchanged or skipped as deleted so far.

    `kept_status` groups keep a status later than the one of the call.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    kept_status: int = 0
    deleted: int = 0

    def add(self, response: pb.AppendFramesResponse) -> None:
        """Add the counts of one call."""
        self.added += response.added_count
        self.changed += response.changed_count
        self.unchanged += response.unchanged_count
        self.kept_status += response.kept_status_count
        self.deleted += len(response.deleted_frame_ids)


@dataclass(frozen=True, slots=True)
class Placement:
    """How the frames of a file are grouped, and the status and split of their groups.

    `group` and `slice` are the names of the columns with a frame's group (the scene) and its slice
    (the view of that scene). Without a status, new groups are unlabelled.
    """

    group: str = ""
    slice: str = ""
    status: str = ""
    split: str = ""


def append_file(
    datasets: Datasets,
    dataset: str,
    file: Path,
    columns: Columns,
    *,
    model_id: str = "",
    placement: Placement,
    replace: bool = False,
    on_skip: Callable[[str], None] = lambda _problem: None,
) -> AppendCounts:
    """Append all frames of a file; after an interruption, append the same file again.

    Frames that exist are merged: columns that the file lacks, and values that are missing, stay as
    they are; with `replace` they are removed. Columns without another use become fields. A COCO
    file has labels, and neither columns nor embeddings; `on_skip` is called with the reason for
    each label that is skipped. Raises InvalidArgument naming the file, column and row of an invalid
    value; rows of earlier calls stay appended.
    """
    counts = AppendCounts()
    for frames, embeddings in work_ahead(_batches(file, columns, model_id, placement, on_skip)):
        response = datasets.append(
            dataset,
            frames,
            embeddings,
            model_id=model_id,
            status=placement.status,
            split=placement.split,
            replace=replace,
            urls_are_file_names=_is_coco(file),
        )
        counts.add(response)
    return counts


def _is_coco(file: Path) -> bool:
    return file.suffix.lower() == COCO


def _batches(
    file: Path,
    columns: Columns,
    model_id: str,
    placement: Placement,
    on_skip: Callable[[str], None],
) -> Iterator[_Batch]:
    if _is_coco(file):
        for option, column in (("group", placement.group), ("slice", placement.slice)):
            if column:
                raise InvalidArgument.of(option, f"{column!r}: {file} is COCO and has no columns")
        frames = read_coco(file, on_skip=on_skip)
        # An image without annotations is one that shows no object.
        labelled = (NewFrame(frame, labelled=True) for frame in frames)
        while batch := list(islice(labelled, LABELLED_PER_CALL)):
            yield from _split(batch, None)
        return
    source = open_source(file, columns, embeddings_required=bool(model_id))
    # The server flushes its disk once per call, so few large calls are faster.
    for rows in source.batches(_rows_per_call(file, source, model_id)):
        new_frames = [_new_frame(file, rows.frame(index), placement) for index in range(len(rows))]
        yield from _split(new_frames, rows.embeddings if model_id else None)


def _rows_per_call(file: Path, source: Source, model_id: str) -> int:
    if model_id:
        return batch_rows(dimension_of(source))
    first = next(source.batches(1), None)
    if first is not None and first.embeddings.size:
        raise InvalidArgument.of("model_id", f"required, because {file} has embeddings")
    return BATCH_ROWS_MAX


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
