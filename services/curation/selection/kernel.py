"""Similarity of groups: an RBF kernel in the basis space, the largest over their rows.

Rows of a basis have length 1, so that ‖x − y‖² = 2 − 2 cos and the kernel exp(−‖x − y‖² / 2σ²) is
a function of the cosine, exp((cos − 1) / σ²). It increases with the cosine, so the largest kernel
of two groups is that of their largest cosine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.curation.selection.checks import check_vectors
from sluice.errors import InvalidArgument

VARIANCE: Final = np.float32(0.5)
"""σ²: cosines of 0.9 and 0.5 are kernels of 0.82 and 0.37."""

CELLS_PER_BLOCK: Final = 1 << 20
"""Similarities computed at a time."""

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class GroupVectors:
    """The vectors of groups: of the slices of a scene, and of their crops.

    `vectors` are `(rows, components) float32` of length 1 (or 0: unlike all others); `starts`
    `(groups,)` are the first rows of groups. Every group has at least one row.
    """

    vectors: Floats
    starts: Indices

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of_single_rows(cls, vectors: Floats) -> GroupVectors:
        """Each row a group of its own."""
        return cls(vectors, np.arange(len(vectors)))

    @classmethod
    def from_rows(
        cls, field: str, vectors: Floats, group_of: ArrayLike
    ) -> tuple[GroupVectors, Indices]:
        """Group rows given in any order; also returns each group's number, ascending.

        Raises InvalidArgument unless `vectors` are finite `(rows, components) float32` and
        `group_of` is `(rows,)` of integers.
        """
        check_vectors(field, vectors)
        owners = np.asarray(group_of)
        if owners.shape != (len(vectors),) or owners.dtype.kind not in "iu":
            raise InvalidArgument.of(
                f"{field}.group_of",
                f"{owners.dtype} of shape {owners.shape}; expected a group's number for each of "
                f"{len(vectors)} rows",
            )
        order = np.argsort(owners, kind="stable")
        numbers, starts = np.unique(owners[order], return_index=True)
        return cls(vectors[order], starts), numbers.astype(np.intp)

    def take(self, groups: ArrayLike) -> GroupVectors:
        """Some of the groups, in the given order."""
        indices = np.asarray(groups, np.intp)
        if len(self) == len(self.vectors):
            return GroupVectors.of_single_rows(self.vectors[indices])
        sizes = np.diff(self.starts, append=len(self.vectors))[indices]
        starts = np.cumsum(sizes) - sizes
        rows = np.repeat(self.starts[indices] - starts, sizes) + np.arange(sizes.sum())
        return GroupVectors(self.vectors[rows], starts)

    def concatenate(self, others: GroupVectors) -> GroupVectors:
        """These groups, followed by others."""
        starts = np.concatenate([self.starts, others.starts + len(self.vectors)])
        return GroupVectors(np.concatenate([self.vectors, others.vectors]), starts)

    def split_into_blocks(self, width: int) -> Iterator[tuple[slice, GroupVectors]]:
        """Slices and their groups, such that similarities to `width` rows take bounded memory."""
        step = max(1, CELLS_PER_BLOCK * len(self) // max(1, len(self.vectors) * width))
        for start in range(0, len(self), step):
            part = slice(start, min(start + step, len(self)))
            yield part, self.take(np.arange(part.start, part.stop))


def cosines(left: GroupVectors, right: GroupVectors) -> Floats:
    """The largest cosine of two groups' rows: `(left, right) float32`, all in memory."""
    similarity: Floats = left.vectors @ right.vectors.T
    if len(right) < len(right.vectors):
        similarity = np.maximum.reduceat(similarity, right.starts, axis=1)
    if len(left) < len(left.vectors):
        similarity = np.maximum.reduceat(similarity, left.starts, axis=0)
    return similarity


def kernel(left: GroupVectors, right: GroupVectors) -> Floats:
    """The kernel of groups, 0 … 1: `(left, right) float32`, all in memory."""
    similarity = cosines(left, right)
    similarity -= 1
    similarity /= VARIANCE
    return np.exp(similarity, out=similarity)


def best_kernel(groups: GroupVectors, others: GroupVectors) -> Floats:
    """The largest kernel of each group with others: `(groups,) float32`; 0 without any."""
    best = np.zeros(len(groups), np.float32)
    for _, part in others.split_into_blocks(len(groups.vectors)):
        np.maximum(best, kernel(part, groups).max(axis=0), out=best)
    return best
