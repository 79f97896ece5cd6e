"""Frames and embeddings as callers give them: checked, put together, and split into calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from sluice.errors import InvalidArgument
from sluice.frames import Frame
from sluice.labeled_frame import LabeledFrame
from sluice.limits import BATCH_ROWS_MAX
from sluice.tensors import Embeddings, to_matrix

VECTORS_BYTES_MAX: Final = 4 * 2**20
DOCUMENTS_BYTES_MAX: Final = 4 * 2**20
"""Maximum sizes of the embeddings and of the frame messages in one call."""

_FLOAT32_BYTES: Final = 4

_Item = TypeVar("_Item")


def read_items(field: str, items: Iterable[_Item], *kinds: type[_Item]) -> list[_Item]:
    """The items of an iterable, which are all of these types.

    Raises InvalidArgument for a single item in place of a list, and for an item of another type.
    Errors of the iterable are raised as they are.
    """
    expected = " or ".join(kind.__name__ for kind in kinds)
    if isinstance(items, (*kinds, str)) or not isinstance(items, Iterable):
        problem = f"{items!r} is of type {type(items).__name__}; expected a list of {expected}"
        raise InvalidArgument.of(field, problem)
    read = list(items)
    for index, item in enumerate(read):
        if not isinstance(item, kinds):
            problem = f"{item!r} is of type {type(item).__name__}; expected {expected}"
            raise InvalidArgument.of(f"{field}[{index}]", problem)
    return read


def to_frame(frame: Frame | LabeledFrame) -> Frame:
    """The frame itself, without the embeddings that a LabeledFrame has."""
    return frame.frame() if isinstance(frame, LabeledFrame) else frame


def gather_embeddings(
    frames: Sequence[Frame | LabeledFrame],
    embeddings: ArrayLike | Embeddings | None,
    model_id: str,
    *,
    label_ids: Sequence[str] = (),
) -> Embeddings | None:
    """The embeddings of frames: those given, `(frames, dimension)`, else the frames' own.

    None if neither exist. Given rows may be of the crops `label_ids`, one per frame. Raises
    InvalidArgument if some frames have embeddings and others do not, or if numbers differ.
    """
    if isinstance(embeddings, Embeddings):
        return embeddings
    if embeddings is None:
        if label_ids:
            problem = "go with embeddings; a LabeledFrame has those of its crops already"
            raise InvalidArgument.of("label_ids", problem)
        return _own_embeddings(frames, model_id)
    rows = to_matrix(embeddings)
    if len(rows) != len(frames):
        problem = f"{len(rows)} rows for {len(frames)} frames; expected one row per frame"
        raise InvalidArgument.of("embeddings", problem)
    if label_ids and len(label_ids) != len(frames):
        problem = f"{len(label_ids)} ids for {len(frames)} frames; expected one per frame"
        raise InvalidArgument.of("label_ids", problem)
    return Embeddings(model_id, rows, np.arange(len(rows)), label_ids or [""] * len(rows))


def _own_embeddings(frames: Sequence[Frame | LabeledFrame], model_id: str) -> Embeddings | None:
    with_vectors = [frame for frame in frames if isinstance(frame, LabeledFrame) and frame.embedded]
    if not with_vectors:
        return None
    for index, frame in enumerate(frames):
        if isinstance(frame, Frame):
            problem = (
                f"required, because frames[{index}] {frame.id!r} is a Frame, which has no "
                "embedding of its own; a LabeledFrame has"
            )
            raise InvalidArgument.of("embeddings", problem)
    return stack_embeddings(
        [frame for frame in frames if isinstance(frame, LabeledFrame)], model_id
    )


def stack_embeddings(frames: Sequence[LabeledFrame], model_id: str) -> Embeddings:
    """The embeddings that frames have of themselves and their crops.

    Raises InvalidArgument for a frame without any, and for several dimensions.
    """
    parts = [frame.vectors() for frame in frames]
    if len(dimensions := {vectors.shape[1] for vectors, _ in parts}) > 1:
        problem = f"have vectors of several dimensions: {sorted(dimensions)}"
        raise InvalidArgument.of("frames", problem)
    return Embeddings(
        model_id,
        np.concatenate([vectors for vectors, _ in parts]),
        np.repeat(np.arange(len(parts)), [len(vectors) for vectors, _ in parts]),
        [label_id for _, label_ids in parts for label_id in label_ids],
    )


def split_calls(
    messages: Sequence[Any], embeddings: Embeddings | None
) -> Iterator[tuple[int, int, Embeddings | None]]:
    """Split frames into calls within the limits: first and last index, and their embeddings.

    `messages` are the frames as messages. No frames are one call, which the server answers.
    """
    counts = _rows_of_frames(len(messages), embeddings)
    row_bytes = _FLOAT32_BYTES * embeddings.vectors.shape[1] if embeddings else 0
    rows_max = min(BATCH_ROWS_MAX, VECTORS_BYTES_MAX // row_bytes if row_bytes else BATCH_ROWS_MAX)
    start = rows = size = 0
    for index, (message, count) in enumerate(zip(messages, counts, strict=True)):
        message_bytes = message.ByteSize()
        is_full = rows + count > rows_max or size + message_bytes > DOCUMENTS_BYTES_MAX
        if index > start and is_full:
            yield start, index, _of_range(embeddings, start, index)
            start, rows, size = index, 0, 0
        rows, size = rows + count, size + message_bytes
    yield start, len(messages), _of_range(embeddings, start, len(messages))


def _rows_of_frames(frames: int, embeddings: Embeddings | None) -> list[int]:
    if embeddings is None:
        return [1] * frames
    if embeddings.frame_count != frames:
        problem = f"have rows of {embeddings.frame_count} frames for {frames} frames"
        raise InvalidArgument.of("embeddings", problem)
    counts: list[int] = np.bincount(embeddings.frame_of_row, minlength=frames).tolist()
    return counts


def _of_range(embeddings: Embeddings | None, start: int, stop: int) -> Embeddings | None:
    return None if embeddings is None else embeddings.of_range(start, stop)
