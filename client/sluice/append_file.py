"""Appending a whole file of frames to a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluice.background import dimension_of
from sluice.class_names import rename_classes
from sluice.errors import InvalidArgument
from sluice.formats import Columns, SkippedRows, Source, open_source
from sluice.formats.coco import read_coco
from sluice.frames import Frame
from sluice.limits import BATCH_ROWS_MAX
from sluice.progress import OnProgress
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

    @property
    def frames(self) -> int:
        """The frames of the file so far."""
        return self.added + self.changed + self.unchanged + self.deleted

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


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What of a file is renamed or left out, and callbacks on what is read.

    `class_map` has new names of classes. `skipped` lists rows without a usable vector, which are an
    error without it. `on_skip` and `on_clip` are called with the reason for each label that is
    skipped or clipped, `on_passed_over` with the columns that cannot be fields, and `on_progress`
    after each call.
    """

    class_map: Mapping[str, str] = field(default_factory=dict)
    skipped: SkippedRows | None = None
    on_skip: Callable[[str], None] = _ignore
    on_clip: Callable[[str], None] = _ignore
    on_passed_over: Callable[[Mapping[str, str]], None] = _ignore
    on_progress: OnProgress = _ignore


def append_file(
    datasets: Datasets,
    dataset: str,
    file: Path,
    columns: Columns,
    *,
    model_id: str = "",
    placement: Placement,
    replace: bool = False,
    options: ReadOptions | None = None,
) -> AppendCounts:
    """Append all frames of a file; after an interruption, append the same file again.

    `file` may also be a folder or a pattern, as in `open_source`. Frames that exist are merged:
    columns that the file lacks, and values that are missing, stay as they are; with `replace` they
    are removed. Columns without another use become fields. A COCO file has labels, and neither
    columns nor embeddings. Raises InvalidArgument naming the file, column and row of an invalid
    value; rows of earlier calls stay appended.
    """
    options = options or ReadOptions()
    frames = _FrameFile(file, columns, model_id, placement, options)
    counts = AppendCounts()
    for new_frames, embeddings in work_ahead(frames.batches()):
        try:
            response = datasets.append(
                dataset,
                new_frames,
                embeddings,
                model_id=model_id,
                status=placement.status,
                split=placement.split,
                replace=replace,
                urls_are_file_names=frames.is_coco,
            )
        except InvalidArgument as error:
            raise _name_file(file, error) from error
        counts.add(response)
        options.on_progress("frames", counts.frames, frames.row_count or 0)
    return counts


def _name_file(file: Path, error: InvalidArgument) -> InvalidArgument:
    """The error of a call with the file, and for labels that do not fit, the next step."""
    message = f"{file}: {error.message}"
    if error.reason == "LABEL_MISMATCH":
        task = error.metadata.get("task_type", "")
        if task and task != "box_2d":
            message += f"; COCO files have 2D boxes, for datasets of --task box_2d, not {task}"
        else:
            message += "; rename classes by --class-map OLD=NEW"
    return InvalidArgument(
        message, reason=error.reason, fields=error.fields, metadata=error.metadata
    )


class _FrameFile:
    """A file of frames, read in batches that fit into one call each."""

    def __init__(
        self,
        path: Path,
        columns: Columns,
        model_id: str,
        placement: Placement,
        options: ReadOptions,
    ) -> None:
        self._path, self._columns, self._model_id = path, columns, model_id
        self._placement, self._options = placement, options
        self.is_coco = path.suffix.lower() == COCO
        self.row_count: int | None = None

    def batches(self) -> Iterator[_Batch]:
        """The frames with their embeddings, if there are any."""
        return self._read_coco() if self.is_coco else self._read_table()

    def _read_coco(self) -> Iterator[_Batch]:
        placement = self._placement
        for option, column in (("group", placement.group), ("slice", placement.slice)):
            if column:
                problem = f"{column!r}: {self._path} is COCO and has no columns"
                raise InvalidArgument.of(option, problem)
        options = self._options
        frames = read_coco(self._path, on_skip=options.on_skip, on_clip=options.on_clip)
        frames = rename_classes(frames, options.class_map)
        # An image without annotations is one that shows no object.
        labelled = (NewFrame(frame, labelled=True) for frame in frames)
        while batch := list(islice(labelled, LABELLED_PER_CALL)):
            yield from _split(batch, None)

    def _read_table(self) -> Iterator[_Batch]:
        if self._options.class_map:
            problem = f"{self._path} has no labels; classes are renamed in COCO files"
            raise InvalidArgument.of("class_map", problem)
        source = open_source(
            self._path,
            self._columns,
            embeddings_required=bool(self._model_id),
            skipped=self._options.skipped,
        )
        self.row_count = source.row_count
        # The server flushes its disk once per call, so few large calls are faster.
        for rows in source.batches(self._rows_per_call(source)):
            frames = [rows.frame(index) for index in range(len(rows))]
            new_frames = [_new_frame(self._path, frame, self._placement) for frame in frames]
            yield from _split(new_frames, rows.embeddings if self._model_id else None)
        self._options.on_passed_over(source.passed_over)

    def _rows_per_call(self, source: Source) -> int:
        if self._model_id:
            return batch_rows(dimension_of(source))
        first = next(source.batches(1), None)
        if first is not None and first.embeddings.size:
            problem = f"required, because {self._path} has embeddings"
            raise InvalidArgument.of("model_id", problem)
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
