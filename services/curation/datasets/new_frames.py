"""What may be appended to a dataset; everything else is refused, naming the frame."""

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
    """A frame that shall be one of a dataset's; without a group it is one by itself."""

    frame: Frame
    group: str = ""
    slice: str = ""
    fields: Mapping[str, MetadataValue] = field(default_factory=dict)

    @property
    def group_id(self) -> str:
        """The group that it is a slice of."""
        return self.group or self.frame.id


@dataclass(frozen=True, slots=True, eq=False)
class AppendRequest:
    """Frames, all with embeddings of one model or none with any; and how new groups start."""

    frames: Sequence[FrameToAppend]
    embeddings: Embeddings | None = None
    status: Status = Status.UNLABELLED
    split: Split = Split.NONE


@dataclass(frozen=True, slots=True, eq=False)
class CheckedFrame:
    """A frame that was checked: its row, still without a number, its document, its vectors."""

    row: FrameRow
    document: bytes
    vectors: NDArray[np.float32]
    label_ids: tuple[str, ...]


def check_frames(new: AppendRequest, dataset: Dataset) -> None:
    """Refuse too many frames, and one that is sent twice or does not fit the dataset."""
    if not 0 < len(new.frames) <= BATCH_ROWS_MAX:
        problem = f"{len(new.frames)} in one call; 1 to {BATCH_ROWS_MAX:,} are accepted"
        raise too_large("frames", problem, BATCH_ROWS_MAX)
    first: dict[str, int] = {}
    for index, candidate in enumerate(new.frames):
        known = first.setdefault(candidate.frame.id, index)
        if known != index:
            raise frame_error(index, candidate.frame.id, "", f"is the same as frames[{known}]")
        check_text(f"frames[{index}].group", candidate.group, empty=True)
        check_text(f"frames[{index}].slice", candidate.slice, empty=True)
        check_metadata(f"frames[{index}].fields", candidate.fields)
        for number, label in enumerate(candidate.frame.labels):
            if problem := dataset.describe_mismatch(label):
                where = f".frame.labels[{number}]"
                raise frame_error(
                    index, candidate.frame.id, where, problem, "LABEL_MISMATCH", label_id=label.id
                )


def make_rows(new: AppendRequest) -> list[CheckedFrame]:
    """The frames as rows, with points of their own for their unit vectors.

    Raises InvalidArgument naming a frame whose embeddings are not right.
    """
    spans = _spans(new)
    return [
        _candidate(index, frame, label_ids, vectors)
        for index, (frame, (label_ids, vectors)) in enumerate(zip(new.frames, spans, strict=True))
    ]


def _candidate(
    index: int, new: FrameToAppend, label_ids: tuple[str, ...], vectors: NDArray[np.float32]
) -> CheckedFrame:
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
    known = tuple(label.id for label in new.frame.labels)
    return CheckedFrame(row, document, vectors, known)


def document_digest(document: bytes, group: str, slice_: str) -> bytes:
    """What tells whether a frame that is appended again has another document or place."""
    return _digest(document, group.encode(), slice_.encode())


def vectors_digest(label_ids: Iterable[str], vectors: NDArray[np.float32]) -> bytes:
    """What tells whether unit vectors, one for each label id, are others; empty for none."""
    return _digest(*(id.encode() for id in label_ids), _little_endian(vectors))


def _little_endian(vectors: NDArray[np.float32]) -> bytes:
    return vectors.astype("<f4", copy=False).tobytes()


def _digest(*parts: bytes) -> bytes:
    """The SHA-256 of some parts, each after its length; empty for nothing but empty ones."""
    content = sha256()
    for part in parts if any(parts) else ():
        content.update(len(part).to_bytes(8, "little"))
        content.update(part)
    return content.digest() if any(parts) else b""


def _spans(new: AppendRequest) -> list[tuple[tuple[str, ...], NDArray[np.float32]]]:
    """The label ids and unit vectors of each frame."""
    embeddings = new.embeddings
    if embeddings is None:
        return [((), np.empty((0, 0), np.float32))] * len(new.frames)
    if embeddings.frame_count != len(new.frames):
        problem = f"are of {embeddings.frame_count} frames, and {len(new.frames)} are sent"
        raise InvalidArgument.of("embeddings", problem)
    unit = _unit(new.frames, embeddings)
    stops = np.searchsorted(embeddings.frame_of_row, np.arange(len(new.frames)), side="right")
    starts = [0, *stops[:-1].tolist()]
    return [
        (tuple(embeddings.label_ids[start:stop]), unit[start:stop])
        for start, stop in zip(starts, stops.tolist(), strict=True)
    ]


def _unit(frames: Sequence[FrameToAppend], embeddings: Embeddings) -> NDArray[np.float32]:
    try:
        return normalise(embeddings.vectors)
    except InvalidArgument as error:
        # It knows rows; whoever sent them knows frames.
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
        problem = f"has {len(label_ids)} embeddings; at most {VECTORS_PER_FRAME_MAX} are accepted"
        raise frame_error(
            index, frame.id, "", problem, "TOO_LARGE", limit=str(VECTORS_PER_FRAME_MAX)
        )
    if len(set(label_ids)) < len(label_ids):
        raise frame_error(
            index, frame.id, "", "has two embeddings of one crop, or of the whole frame"
        )
    labels = {label.id for label in frame.labels}
    for label_id in label_ids:
        if label_id and label_id not in labels:
            raise frame_error(
                index, frame.id, "", f"has an embedding of {label_id!r}, no label of it"
            )


def frame_error(
    index: int,
    frame_id: str,
    path: str,
    problem: str,
    reason: str | None = None,
    **metadata: str,
) -> InvalidArgument:
    """The error that names a frame by its place and id, and the field of it that is wrong."""
    where = f"frames[{index}]{path}"
    return InvalidArgument(
        f"{where} (frame {frame_id!r}): {problem}",
        reason=reason,
        fields=[FieldViolation(where, problem)],
        metadata={"frame_id": frame_id} | metadata,
    )
