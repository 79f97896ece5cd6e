"""The largest values of each row: the inner loop of scoring, in one place."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Float = TypeVar("_Float", np.float32, np.float64)

_GROUP_SIZE = 8
_GROUPS_MIN_PER_VALUE = 4  # with fewer, selecting groups first costs more than it saves


def top_values(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The `count` largest values along the last axis, in no order; all where there are fewer.

    Long rows are first reduced to the maxima of groups of eight: whatever is among the `count`
    largest lies in one of the `count` groups with the largest maxima, so only these are searched.
    Values must be finite.
    """
    width = values.shape[-1]
    if width <= count:
        return values
    if width // _GROUP_SIZE < _GROUPS_MIN_PER_VALUE * count:
        return _partition(values, count)
    rows = np.ascontiguousarray(values).reshape(-1, width)
    return _partition(_candidates(rows, count), count).reshape(*values.shape[:-1], count)


def top_columns(values: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """The columns of the `count` largest values along the last axis, largest first.

    Of equal values the one on the left stands first. Values must be finite.
    """
    columns = np.sort(_unordered_columns(values, min(count, values.shape[-1])), axis=-1)
    order = np.argsort(-np.take_along_axis(values, columns, axis=-1), axis=-1, kind="stable")
    return np.asarray(np.take_along_axis(columns, order, axis=-1), np.intp)


def _partition(values: NDArray[_Float], count: int) -> NDArray[_Float]:
    start = values.shape[-1] - count
    return np.partition(values, start, axis=-1)[..., start:]


def _candidates(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The members of the `count` best groups, and the columns left over by equal groups.

    Group j holds every `groups`-th column from j on, so that maxima are taken of long runs.
    """
    groups = rows.shape[1] // _GROUP_SIZE
    maxima = rows[:, : groups * _GROUP_SIZE].reshape(-1, _GROUP_SIZE, groups)
    while maxima.shape[1] > 1:
        half = maxima.shape[1] // 2
        maxima = np.maximum(maxima[:, :half], maxima[:, half:])
    best = _unordered_columns(maxima[:, 0], count)
    first = best + np.arange(len(rows))[:, None] * rows.shape[1]
    members = first[:, None, :] + np.arange(_GROUP_SIZE)[:, None] * groups
    found = rows.ravel()[members.reshape(len(rows), -1)]
    return np.concatenate([found, rows[:, groups * _GROUP_SIZE :]], axis=1)


def _unordered_columns(values: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """The columns of the `count` largest values, in no order.

    Twice as fast as argpartition: a float32 leaves 29 bits of a float64 unused, enough to carry
    its column through a partition by value. (Infinities would turn into NaN.)
    """
    width = values.shape[-1]
    column_bits = (1 << (width - 1).bit_length()) - 1
    keys = values.astype(np.float64)
    keys.view(np.int64)[...] |= np.arange(width)
    return np.asarray(_partition(keys, count).view(np.int64) & column_bits, np.intp)
