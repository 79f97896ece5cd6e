"""Checking the frames of an append request and turning them into rows and vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.records import FrameRow, Split, Status, StoredVector
from services.peers.datasets import Dataset
from services.records.points import create_point_id
from services.records.records import now_us
from sluice.checks import check_text, too_large
from sluice.errors import FieldViolation, InvalidArgument
from sluice.frames import Frame, MetadataValue, check_metadata
from sluice.limits import BATCH_ROWS_MAX
from sluice.scoring.vectors import normalise
from sluice.tensors import Embeddings

VECTORS_PER_FRAME_MAX: Final = 256
"""A frame and its crops; a search of the dataset has to send all of them in one batch."""


@dataclass(frozen=True, slots=True)
class FrameToAppend:
    """What a request states of a frame; a new one without a group is a group of its own.

    With `labelled`, a frame without labels shows no object; else it states nothing about labels.
    """

    frame: Frame
    group: str = ""
    slice: str = ""
    fields: Mapping[str, MetadataValue] = field(default_factory=dict)
    labelled: bool = False

    @property
    def states_labels(self) -> bool:
        """Whether the labels of the frame are stated, none included."""
        return self.labelled or bool(self.frame.labels)


@dataclass(frozen=True, slots=True, eq=False)
class AppendRequest:
    """Frames, all or none of them with embeddings, and the status and split of their groups.

    Without a status, new groups are unlabelled and existing ones keep theirs. With `replace`, what
    the request does not state of an existing frame is removed. With `urls_are_file_names`, URLs of
    sensors never replace stored ones.
    """

    frames: Sequence[FrameToAppend]
    embeddings: Embeddings | None = None
    status: Status | None = None
    split: Split = Split.NONE
    replace: bool = False
    urls_are_file_names: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFrame:
    """A checked frame: its row and document as a new frame's, and its unit vectors.

    `index` is its place in the request. The row has no number; its vectors are in the order of
    their label ids.
    """

    index: int
    new: FrameToAppend
    row: FrameRow
    document: bytes
    vectors: NDArray[np.float32]

    @property
    def label_ids(self) -> list[str]:
        """The ids of its labels."""
        return [label.id for label in self.new.frame.labels]


def check_frames(request: AppendRequest, dataset: Dataset) -> None:
    """Refuse too many frames, a duplicate, and one that does not fit the dataset."""
    if not 0 < len(request.frames) <= BATCH_ROWS_MAX:
        problem = f"{len(request.frames)} in one call; 1 to {BATCH_ROWS_MAX:,} are accepted"
        raise too_large("frames", problem, BATCH_ROWS_MAX)
    first: dict[str, int] = {}
    for index, new in enumerate(request.frames):
        frame_id = new.frame.id
        if (other := first.setdefault(frame_id, index)) != index:
            raise frame_error(index, frame_id, "", f"duplicate of frames[{other}]")
        check_text(f"frames[{index}].group", new.group, empty=True)
        check_text(f"frames[{index}].slice", new.slice, empty=True)
        check_metadata(f"frames[{index}].fields", new.fields)
        for number, label in enumerate(new.frame.labels):
            if problem := dataset.describe_mismatch(label):
                path = f".frame.labels[{number}]"
                raise frame_error(
                    index,
                    frame_id,
                    path,
                    problem,
                    "LABEL_MISMATCH",
                    label_id=label.id,
                    task_type=dataset.task_type.name.lower(),
                )


def prepare_frames(request: AppendRequest) -> list[PreparedFrame]:
    """Rows and unit vectors of the frames, with a new point id for each vector.

    Raises InvalidArgument naming a frame with invalid embeddings.
    """
    spans = _spans(request)
    return [
        _prepare_frame(index, frame, label_ids, vectors)
        for index, (frame, (label_ids, vectors)) in enumerate(
            zip(request.frames, spans, strict=True)
        )
    ]


def _prepare_frame(
    index: int, new: FrameToAppend, label_ids: tuple[str, ...], vectors: NDArray[np.float32]
) -> PreparedFrame:
    if len(set(label_ids)) < len(label_ids):
        problem = "duplicate embedding of a crop, or of the whole frame"
        raise frame_error(index, new.frame.id, "", problem)
    if len(label_ids) > 1:
        order = sorted(range(len(label_ids)), key=label_ids.__getitem__)
        label_ids, vectors = tuple(label_ids[position] for position in order), vectors[order]
    document, group = new.frame.to_bytes(), new.group or new.frame.id
    row = FrameRow(
        id=new.frame.id,
        number=0,
        group=group,
        slice=new.slice,
        document_digest=document_digest(document, group, new.slice),
        vectors_digest=vectors_digest(label_ids, vectors),
        vectors=create_vectors(label_ids),
        fields=dict(new.fields),
        labelled=new.states_labels,
        created_us=now_us(),
    )
    return PreparedFrame(index, new, row, document, vectors)


def create_vectors(label_ids: Iterable[str]) -> tuple[StoredVector, ...]:
    """A new point for each of these embeddings."""
    return tuple(
        StoredVector(label_id=label_id, point=create_point_id().bytes) for label_id in label_ids
    )


def document_digest(document: bytes, group: str, slice_: str) -> bytes:
    """Digest of a frame's document, group and slice: it changes when one of them does."""
    return _digest(document, group.encode(), slice_.encode())


def vectors_digest(label_ids: Iterable[str], vectors: NDArray[np.float32]) -> bytes:
    """Digest of a frame's unit vectors and their label ids; empty without vectors."""
    return _digest(*(id.encode() for id in label_ids), _little_endian(vectors))


def _little_endian(vectors: NDArray[np.float32]) -> bytes:
    return vectors.astype("<f4", copy=False).tobytes()


def _digest(*parts: bytes) -> bytes:
    """The SHA-256 of parts, each prefixed with its length; empty if all parts are."""
    content = sha256()
    for part in parts if any(parts) else ():
        content.update(len(part).to_bytes(8, "little"))
        content.update(part)
    return content.digest() if any(parts) else b""


def _spans(request: AppendRequest) -> list[tuple[tuple[str, ...], NDArray[np.float32]]]:
    """The label ids and unit vectors of each frame."""
    embeddings = request.embeddings
    if embeddings is None:
        return [((), np.empty((0, 0), np.float32))] * len(request.frames)
    if embeddings.frame_count != len(request.frames):
        problem = f"{embeddings.frame_count} frames; expected {len(request.frames)}, as in frames"
        raise InvalidArgument.of("embeddings", problem)
    unit = _unit(request.frames, embeddings)
    ends = np.searchsorted(embeddings.frame_of_row, np.arange(len(request.frames)), side="right")
    starts = [0, *ends[:-1].tolist()]
    return [
        (tuple(embeddings.label_ids[start:stop]), unit[start:stop])
        for start, stop in zip(starts, ends.tolist(), strict=True)
    ]


def _unit(frames: Sequence[FrameToAppend], embeddings: Embeddings) -> NDArray[np.float32]:
    try:
        return normalise(embeddings.vectors)
    except InvalidArgument as error:
        # The error names a row; callers know frames.
        row = int(error.metadata["rows"].partition(",")[0])
        index = int(embeddings.frame_of_row[row])
        raise InvalidArgument(
            f"frames[{index}] (frame {frames[index].frame.id!r}): {error.message}",
            reason=error.reason,
            fields=error.fields,
            metadata=error.metadata,
        ) from None


def check_crops(index: int, frame: Frame, label_ids: Sequence[str]) -> None:
    """Refuse too many embeddings of a frame, and one of a label that the frame does not have."""
    if len(label_ids) > VECTORS_PER_FRAME_MAX:
        problem = f"{len(label_ids)} embeddings; at most {VECTORS_PER_FRAME_MAX} are accepted"
        raise frame_error(
            index, frame.id, "", problem, "TOO_LARGE", limit=str(VECTORS_PER_FRAME_MAX)
        )
    labels = {label.id for label in frame.labels}
    for label_id in label_ids:
        if label_id and label_id not in labels:
            problem = f"embedding of {label_id!r}, which is not a label of the frame"
            raise frame_error(index, frame.id, "", problem)


def frame_error(
    index: int,
    frame_id: str,
    path: str,
    problem: str,
    reason: str | None = None,
    **metadata: str,
) -> InvalidArgument:
    """InvalidArgument naming a frame by its index and id, and the invalid field below it."""
    field_path = f"frames[{index}]{path}"
    return InvalidArgument(
        f"{field_path} (frame {frame_id!r}): {problem}",
        reason=reason,
        fields=[FieldViolation(field_path, problem)],
        metadata={"frame_id": frame_id} | metadata,
    )
