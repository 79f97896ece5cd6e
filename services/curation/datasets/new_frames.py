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
    """A frame to append to a dataset; without a group it is a group of its own."""

    frame: Frame
    group: str = ""
    slice: str = ""
    fields: Mapping[str, MetadataValue] = field(default_factory=dict)

    @property
    def group_id(self) -> str:
        """The group that the frame is a slice of."""
        return self.group or self.frame.id


@dataclass(frozen=True, slots=True, eq=False)
class AppendRequest:
    """Frames, all or none of them with embeddings, and the status and split of new groups."""

    frames: Sequence[FrameToAppend]
    embeddings: Embeddings | None = None
    status: Status = Status.UNLABELLED
    split: Split = Split.NONE


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFrame:
    """A checked frame: its row without a number, document, unit vectors and label ids."""

    row: FrameRow
    document: bytes
    vectors: NDArray[np.float32]
    label_ids: tuple[str, ...]


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
                    index, frame_id, path, problem, "LABEL_MISMATCH", label_id=label.id
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
    _check_crops(index, new.frame, label_ids)
    document = new.frame.to_bytes()
    row = FrameRow(
        id=new.frame.id,
        number=0,
        group=new.group_id,
        slice=new.slice,
        document_digest=document_digest(document, new.group_id, new.slice),
        vectors_digest=vectors_digest(label_ids, vectors),
        vectors=tuple(
            StoredVector(label_id=label_id, point=create_point_id().bytes) for label_id in label_ids
        ),
        fields=dict(new.fields),
        created_us=now_us(),
    )
    labels = tuple(label.id for label in new.frame.labels)
    return PreparedFrame(row, document, vectors, labels)


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


def _check_crops(index: int, frame: Frame, label_ids: tuple[str, ...]) -> None:
    if len(label_ids) > VECTORS_PER_FRAME_MAX:
        problem = f"{len(label_ids)} embeddings; at most {VECTORS_PER_FRAME_MAX} are accepted"
        raise frame_error(
            index, frame.id, "", problem, "TOO_LARGE", limit=str(VECTORS_PER_FRAME_MAX)
        )
    if len(set(label_ids)) < len(label_ids):
        problem = "duplicate embedding of a crop, or of the whole frame"
        raise frame_error(index, frame.id, "", problem)
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
