"""Groups similar to failures: chosen jointly, or by searching each failure's neighbours.

Jointly: 0.7 · (mean over failures, by weight, of max k(f, S)) + 0.3 · (mean over the pool of
max k(i, S)). Means, not sums: the weights of the two parts must not depend on the size of the
pool. A failure that a chosen group serves attracts no second one like it, and of two groups that
serve a failure equally, the one that covers more of the pool is chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.curation.selection.facility import Admit, CandidateGain, Clients, choose
from services.curation.selection.kernel import (
    Floats,
    GroupVectors,
    Indices,
    best_kernel,
    cosines,
    kernel,
)
from sluice.errors import InvalidArgument

FAILURES_PART: Final = 0.7
NEIGHBOURS_MIN: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class Failures:
    """Groups that the model fails on, and their weights `(failures,) float32`."""

    groups: GroupVectors
    weights: Floats

    def __post_init__(self) -> None:
        if self.weights.shape != (len(self.groups),):
            raise InvalidArgument.of(
                "failures.weights",
                f"shape {self.weights.shape}; expected one for each of {len(self.groups)} failures",
            )
        invalid = np.flatnonzero(~((self.weights > 0) & np.isfinite(self.weights)))
        if invalid.size:
            raise InvalidArgument.of(
                "failures.weights",
                f"{self.weights[invalid[0]]} for failure {invalid[0]}; expected more than 0",
            )

    def __len__(self) -> int:
        return len(self.groups)

    @classmethod
    def equal(cls, groups: GroupVectors) -> Failures:
        """Failures with equal weights."""
        return cls(groups, np.ones(len(groups), np.float32))


@dataclass(frozen=True, slots=True)
class TargetedCandidate:
    """A chosen candidate, its gain, and the failure that it targets."""

    candidate: int
    gain: float
    failure: int


def choose_jointly(
    failures: Failures,
    pool: Clients,
    candidates: GroupVectors,
    covered: GroupVectors,
    count: int,
    admit: Admit,
) -> list[TargetedCandidate]:
    """Choose up to `count` candidates greedily for both parts of the objective."""
    weights = failures.weights / failures.weights.sum()
    clients = Clients(
        failures.groups.concatenate(pool.groups),
        np.concatenate([FAILURES_PART * weights, (1 - FAILURES_PART) * pool.weights]).astype(
            np.float32
        ),
    )
    selected = choose(clients, candidates, covered, count, admit)
    return _name_failures(failures, candidates, covered, selected)


def _name_failures(
    failures: Failures,
    candidates: GroupVectors,
    covered: GroupVectors,
    selected: list[CandidateGain],
) -> list[TargetedCandidate]:
    """Each choice with the failure that gains most by it, or else the most similar one."""
    served = best_kernel(failures.groups, covered)
    targeted = []
    for choice in selected:
        similarity = kernel(candidates.take([choice.candidate]), failures.groups)[0]
        gains = failures.weights * np.maximum(similarity - served, 0)
        failure = int((gains if gains.any() else similarity).argmax())
        targeted.append(TargetedCandidate(choice.candidate, choice.gain, failure))
        np.maximum(served, similarity, out=served)
    return targeted


def choose_neighbours(
    failures: Failures,
    candidates: GroupVectors,
    count: int,
    admit: Admit,
    per_failure: int | None = None,
) -> list[TargetedCandidate]:
    """Choose up to `count` of the failures' nearest candidates, round robin; gains are cosines.

    First the nearest of each failure, in descending order of weights, then the second nearest of
    each, down to `per_failure` (by default twice a failure's share of `count`, and at least 10).
    Ties go to the first candidate.
    """
    depth = per_failure or max(NEIGHBOURS_MIN, 2 * math.ceil(count / max(1, len(failures))))
    nearest, similarity = _nearest(failures.groups, candidates, min(depth, len(candidates)))
    order = np.argsort(-failures.weights, kind="stable").tolist()
    targeted: list[TargetedCandidate] = []
    seen: set[int] = set()
    for rank in range(nearest.shape[1]):
        for failure in order:
            candidate = int(nearest[failure, rank])
            if len(targeted) == count or candidate in seen:
                continue
            seen.add(candidate)
            if admit(candidate):
                targeted.append(
                    TargetedCandidate(candidate, float(similarity[failure, rank]), failure)
                )
    return targeted


def _nearest(
    failures: GroupVectors, candidates: GroupVectors, depth: int
) -> tuple[Indices, Floats]:
    """The nearest candidates of each failure and their cosines, `(failures, depth)`."""
    nearest = np.empty((len(failures), depth), np.intp)
    values = np.empty((len(failures), depth), np.float32)
    for part, block in failures.split_into_blocks(len(candidates.vectors)):
        similarity = cosines(block, candidates)
        nearest[part] = np.argsort(-similarity, axis=1, kind="stable")[:, :depth]
        values[part] = np.take_along_axis(similarity, nearest[part], axis=1)
    return nearest, values
