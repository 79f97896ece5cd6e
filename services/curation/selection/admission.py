"""Keeping near duplicates of labelled or picked groups, and groups of one scene, out of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.selection.kernel import GroupVectors, Indices, cosines
from sluice.limits import NEAR_DUPLICATE_COSINE_MIN

NO_SCENE: Final = -1
_GROWTH: Final = 2


class Admission:
    """Admits candidates to a batch: one per scene, and no near duplicates."""

    def __init__(self, candidates: GroupVectors, scenes: Indices, labelled: GroupVectors) -> None:
        """`scenes` `(candidates,)` holds the scene of each candidate, or −1.

        Near duplicates of `labelled` groups are never admitted.
        """
        self.pruned = 0
        self._candidates = candidates
        self._scenes = scenes
        self._scenes_taken: set[int] = set()
        self._open = np.ones(len(candidates), bool)
        self._like_labelled = like_any(candidates, labelled)
        self._rows = np.empty((1, candidates.vectors.shape[1]), np.float32)
        self._rows_taken = 0

    def take_scenes(self, scenes: Iterable[int]) -> None:
        """Admit no more candidates of those scenes."""
        self._scenes_taken |= set(scenes) - {NO_SCENE}

    def admit(self, candidate: int) -> bool:
        """Admit a candidate; False if it was decided before, or is pruned now."""
        if not self._open[candidate]:
            return False
        self._open[candidate] = False
        group = self._candidates.take([candidate])
        taken = GroupVectors.of_single_rows(self._rows[: self._rows_taken])
        scene = int(self._scenes[candidate])
        if (
            scene in self._scenes_taken
            or self._like_labelled[candidate]
            or (len(taken) and cosines(group, taken).max() >= NEAR_DUPLICATE_COSINE_MIN)
        ):
            self.pruned += 1
            return False
        self.take_scenes([scene])
        self._keep(group.vectors)
        return True

    def _keep(self, rows: NDArray[np.float32]) -> None:
        after = self._rows_taken + len(rows)
        if after > len(self._rows):
            grown = np.empty((_GROWTH * after, rows.shape[1]), np.float32)
            grown[: self._rows_taken] = self._rows[: self._rows_taken]
            self._rows = grown
        self._rows[self._rows_taken : after] = rows
        self._rows_taken = after


def like_any(groups: GroupVectors, others: GroupVectors) -> NDArray[np.bool_]:
    """Whether each group is a near duplicate of one of the others: `(groups,)`."""
    is_like = np.zeros(len(groups), bool)
    for _, part in others.split_into_blocks(len(groups.vectors)):
        is_like |= (cosines(part, groups) >= NEAR_DUPLICATE_COSINE_MIN).any(axis=0)
    return is_like
