"""Greedy k-center: always the group farthest from all chosen groups (Gonzalez, 1985)."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.curation.selection.facility import Admit, CandidateGain
from services.curation.selection.kernel import Floats, GroupVectors, cosines

FIRST_GAIN: Final = 2.0
"""The gain of the first pick if nothing is covered: the largest possible distance."""


def choose_farthest(
    candidates: GroupVectors, covered: GroupVectors, count: int, admit: Admit
) -> list[CandidateGain]:
    """Choose up to `count` candidates, each the farthest from the groups covered and chosen.

    The gain is the distance, 1 − cosine, to the nearest of those. If nothing is covered, the
    candidate nearest to the mean is chosen first. Ties go to the first candidate.
    """
    nothing_covered = not len(covered)
    nearest = (
        _similarity_to_mean(candidates)
        if nothing_covered
        else _similarity_to_any(candidates, covered)
    )
    open_candidates = np.ones(len(candidates), bool)
    selected: list[CandidateGain] = []
    while len(selected) < count and open_candidates.any():
        candidate = int(np.where(open_candidates, nearest, np.inf).argmin())
        open_candidates[candidate] = False
        if not admit(candidate):
            continue
        first = nothing_covered and not selected
        selected.append(
            CandidateGain(candidate, FIRST_GAIN if first else 1 - float(nearest[candidate]))
        )
        similarity = cosines(candidates.take([candidate]), candidates)[0]
        nearest = similarity if first else np.maximum(nearest, similarity)
    return selected


def _similarity_to_any(candidates: GroupVectors, covered: GroupVectors) -> Floats:
    nearest = np.full(len(candidates), -np.inf, np.float32)
    for _, part in covered.split_into_blocks(len(candidates.vectors)):
        np.maximum(nearest, cosines(part, candidates).max(axis=0), out=nearest)
    return nearest


def _similarity_to_mean(candidates: GroupVectors) -> Floats:
    """Negated: the candidate nearest to the mean is treated as the farthest."""
    mean = candidates.vectors.mean(axis=0, keepdims=True)
    similarity: Floats = cosines(GroupVectors.of_single_rows(mean), candidates)[0]
    return -similarity
