"""Vectors in messages: packed as float32, and read without a copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.checks import check_text, too_large
from sluice.errors import InvalidArgument
from sluice.limits import BATCH_BYTES_MAX, BATCH_ROWS_MAX, DIMENSION_MAX, DIMENSION_MIN
from sluice.v1 import frame_pb2

_FLOAT32 = np.dtype("<f4")


def pack(vectors: ArrayLike) -> frame_pb2.Tensor:
    """The message of `(rows, dimension)` vectors, as float32; InvalidArgument for other values."""
    rows = to_matrix(vectors)
    return frame_pb2.Tensor(dimension=rows.shape[1], data=rows.tobytes())


def to_matrix(vectors: ArrayLike) -> NDArray[np.float32]:
    """The `(rows, dimension) float32` vectors of an array or of lists of numbers.

    Raises InvalidArgument for values that are not numbers, rows of different lengths, and arrays
    without two axes. Numbers out of float32's range become infinity, which is rejected later.
    """
    try:
        with np.errstate(over="ignore"):
            rows = np.ascontiguousarray(vectors, _FLOAT32)
    except (TypeError, ValueError) as error:
        problem = f"not an array of numbers (rows, dimension): {error}"
        raise InvalidArgument.of("embeddings", problem) from error
    if rows.ndim != 2:
        raise InvalidArgument.of("embeddings", f"has {rows.ndim} axes, not rows and dimension")
    return rows


def unpack(
    tensor: frame_pb2.Tensor, field: str, *, rows_max: int = BATCH_ROWS_MAX
) -> NDArray[np.float32]:
    """The `(rows, dimension) float32` vectors of a message: a read-only view of its bytes.

    Raises InvalidArgument naming `field` for a dimension, length or number of rows out of range.
    `sluice.scoring.normalise` checks that the values are finite.
    """
    data = tensor.data  # each access copies it
    dimension, size_bytes = tensor.dimension, len(data)
    if not DIMENSION_MIN <= dimension <= DIMENSION_MAX:
        raise InvalidArgument.of(
            f"{field}.dimension", f"{dimension} is not in {DIMENSION_MIN}…{DIMENSION_MAX:,}"
        )
    row_bytes = dimension * _FLOAT32.itemsize
    if size_bytes % row_bytes:
        raise InvalidArgument.of(
            f"{field}.data",
            f"{size_bytes:,} bytes are not whole rows of {dimension} float32 ({row_bytes:,} bytes)",
        )
    rows = size_bytes // row_bytes
    for what, value, bound in (("rows", rows, rows_max), ("bytes", size_bytes, BATCH_BYTES_MAX)):
        if value > bound:
            raise too_large(f"{field}.data", f"{value:,} {what} are more than {bound:,}", bound)
    return np.frombuffer(data, _FLOAT32).reshape(rows, dimension)


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Embeddings of a batch of frames: rows for the frames themselves, for crops, or for both.

    `vectors` is `(rows, dimension) float32`. `frame_of_row`, `(rows,)`, has the frame index of each
    row, in ascending order and with every frame of the batch. `label_ids` has the label id of each
    row's crop, "" for the frame itself.
    """

    model_id: str
    vectors: NDArray[np.float32]
    frame_of_row: NDArray[np.intp]
    label_ids: Sequence[str]

    @classmethod
    def of_frames(cls, model_id: str, vectors: ArrayLike) -> Embeddings:
        """One row for each frame, `(frames, dimension)`."""
        rows = to_matrix(vectors)
        return cls(model_id, rows, np.arange(len(rows)), [""] * len(rows))

    @property
    def frame_count(self) -> int:
        """The number of frames."""
        return int(self.frame_of_row[-1]) + 1 if len(self.frame_of_row) else 0

    @property
    def one_row_each(self) -> bool:
        """Whether row i belongs to frame i."""
        return self.frame_count == len(self.vectors)

    def of_elements(self) -> Embeddings:
        """The same rows, each as the one row of a frame."""
        return Embeddings(self.model_id, self.vectors, np.arange(len(self.vectors)), self.label_ids)

    def of_range(self, start: int, stop: int) -> Embeddings:
        """The embeddings of the frames `start` to `stop`, without the last, as a batch."""
        rows = slice(*np.searchsorted(self.frame_of_row, [start, stop]).tolist())
        return Embeddings(
            self.model_id,
            self.vectors[rows],
            self.frame_of_row[rows] - start,
            self.label_ids[rows],
        )

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming an invalid column, by its path below `field`."""
        rows = len(self.vectors)
        check_text(f"{field}.model_id", self.model_id)
        _check_column(f"{field}.frame_indices", len(self.frame_of_row), rows)
        _check_column(f"{field}.label_ids", len(self.label_ids), rows)
        if rows:
            _check_frames(f"{field}.frame_indices", self.frame_of_row)
        if any(self.label_ids):
            for row, label_id in enumerate(self.label_ids):
                if label_id:
                    check_text(f"{field}.label_ids[{row}]", label_id)

    def to_proto(self, field: str = "embeddings") -> frame_pb2.Embeddings:
        """The embeddings as a message; columns with default values only are omitted.

        Raises InvalidArgument for invalid columns, which would assign rows to wrong frames.
        """
        self.check(field)
        return frame_pb2.Embeddings(
            model_id=self.model_id,
            tensor=pack(self.vectors),
            frame_indices=[] if self.one_row_each else self.frame_of_row.tolist(),
            label_ids=self.label_ids if any(self.label_ids) else [],
        )

    @classmethod
    def from_proto(cls, message: frame_pb2.Embeddings, field: str = "embeddings") -> Embeddings:
        """The embeddings in a message; InvalidArgument naming an invalid field."""
        vectors = unpack(message.tensor, f"{field}.tensor")
        indices, label_ids = message.frame_indices, list(message.label_ids)
        embeddings = cls(
            message.model_id,
            vectors,
            np.array(indices, np.intp) if indices else np.arange(len(vectors)),
            label_ids or [""] * len(vectors),
        )
        embeddings.check(field)
        return embeddings


def _check_column(field: str, length: int, rows: int) -> None:
    if length != rows:
        raise InvalidArgument.of(
            field, f"has {length} entries for {rows} rows; expected one per row, or none"
        )


def _check_frames(field: str, frame_of_row: NDArray[np.intp]) -> None:
    """Reject indices that do not begin at 0, that fall, or that skip a frame."""
    steps = np.diff(frame_of_row, prepend=-1)
    invalid_rows = np.flatnonzero((steps < 0) | (steps > 1))
    if frame_of_row[0] != 0:
        invalid_rows = np.array([0])
    if invalid_rows.size:
        row = int(invalid_rows[0])
        raise InvalidArgument.of(
            f"{field}[{row}]",
            f"{frame_of_row[row]} is out of sequence; expected 0 in the first row, and in others "
            "the index of the row before or the next one",
        )
