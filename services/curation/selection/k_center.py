"""Greedy k-center: always the group that is farthest from all that are chosen (Gonzalez, 1985)."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.curation.selection.facility import Admit, CandidateGain
from services.curation.selection.kernel import Floats, GroupVectors, cosines

FIRST_GAIN: Final = 2.0
"""The gain of the first of all: as far from the others as can be."""


def choose_farthest(
    candidates: GroupVectors, covered: GroupVectors, count: int, admit: Admit
) -> list[CandidateGain]:
    """Choose up to `count` candidates, each the least alike to those covered or chosen before.

    The gain is 1 − cosine to the most alike. Where nothing is covered, the candidate that is
    most like the mean comes first. Of equal distances the first candidate's counts.
    """
    alone = not len(covered)
    nearest = _alike_to_mean(candidates) if alone else _alike_to_any(candidates, covered)
    left = np.ones(len(candidates), bool)
    chosen: list[CandidateGain] = []
    while len(chosen) < count and left.any():
        candidate = int(np.where(left, nearest, np.inf).argmin())
        left[candidate] = False
        if not admit(candidate):
            continue
        first = alone and not chosen
        chosen.append(
            CandidateGain(candidate, FIRST_GAIN if first else 1 - float(nearest[candidate]))
        )
        alike = cosines(candidates.take([candidate]), candidates)[0]
        nearest = alike if first else np.maximum(nearest, alike)
    return chosen


def _alike_to_any(candidates: GroupVectors, covered: GroupVectors) -> Floats:
    nearest = np.full(len(candidates), -np.inf, np.float32)
    for _, part in covered.blocks(len(candidates.vectors)):
        np.maximum(nearest, cosines(part, candidates).max(axis=0), out=nearest)
    return nearest


def _alike_to_mean(candidates: GroupVectors) -> Floats:
    """Negated: the candidate that is most like the mean shall be taken for the farthest."""
    mean = candidates.vectors.mean(axis=0, keepdims=True)
    alike: Floats = cosines(GroupVectors.of_single_rows(mean), candidates)[0]
    return -alike
