"""Near duplicates: groups so like one that is labelled or picked that labelling both is a waste."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.selection.kernel import GroupVectors, Indices, cosines

SIMILARITY_MIN: Final = 0.97
"""Two groups with at least this cosine in the basis are near duplicates; as ingest has it."""

NO_SCENE: Final = -1
_GROWTH: Final = 2


class Admission:
    """Admits candidates to a batch: one of a scene, and none that is like one already there."""

    def __init__(self, candidates: GroupVectors, scenes: Indices, labelled: GroupVectors) -> None:
        """`scenes` are `(candidates,)`: the scene of each, or −1.

        Candidates that are like `labelled` groups are never admitted.
        """
        self.pruned = 0
        self._candidates = candidates
        self._scenes = scenes
        self._scenes_taken: set[int] = set()
        self._left = np.ones(len(candidates), bool)
        self._like_labelled = like_any(candidates, labelled)
        self._rows = np.empty((1, candidates.vectors.shape[1]), np.float32)
        self._rows_taken = 0

    def take_scenes(self, scenes: Iterable[int]) -> None:
        """Admit no candidate of those scenes from now on."""
        self._scenes_taken |= set(scenes) - {NO_SCENE}

    def admit(self, candidate: int) -> bool:
        """Take a candidate, unless it was taken or pruned before, or is pruned now."""
        if not self._left[candidate]:
            return False
        self._left[candidate] = False
        group = self._candidates.take([candidate])
        taken = GroupVectors.of_single_rows(self._rows[: self._rows_taken])
        scene = int(self._scenes[candidate])
        if (
            scene in self._scenes_taken
            or self._like_labelled[candidate]
            or (len(taken) and cosines(group, taken).max() >= SIMILARITY_MIN)
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
    alike = np.zeros(len(groups), bool)
    for _, part in others.blocks(len(groups.vectors)):
        alike |= (cosines(part, groups) >= SIMILARITY_MIN).any(axis=0)
    return alike
