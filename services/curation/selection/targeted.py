"""Groups that are like failures: chosen jointly, or by searching each failure's neighbours.

Jointly: 0.7 · (mean over failures, by weight, of max k(f, S)) + 0.3 · (mean over the pool of
max k(i, S)). Means and not sums, so that the two parts weigh the same in a pool of a thousand
groups and of a million. A failure that a chosen group answers to attracts no second one like it,
and of two groups that answer alike the one that stands for more of the pool is chosen.
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
    """Groups that the model fails on, and how much each weighs: `(failures,) float32`."""

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
        """Failures that all weigh the same."""
        return cls(groups, np.ones(len(groups), np.float32))


@dataclass(frozen=True, slots=True)
class TargetedCandidate:
    """A candidate that was chosen, its gain, and the failure it answers to."""

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
    """Choose up to `count` candidates by greed for both parts of the objective."""
    weights = failures.weights / failures.weights.sum()
    clients = Clients(
        failures.groups.and_then(pool.groups),
        np.concatenate([FAILURES_PART * weights, (1 - FAILURES_PART) * pool.weights]).astype(
            np.float32
        ),
    )
    chosen = choose(clients, candidates, covered, count, admit)
    return _answers(failures, candidates, covered, chosen)


def _answers(
    failures: Failures, candidates: GroupVectors, covered: GroupVectors, chosen: list[CandidateGain]
) -> list[TargetedCandidate]:
    """Each choice with the failure that it served most anew, or if none, is most like."""
    served = best_kernel(failures.groups, covered)
    answers = []
    for choice in chosen:
        alike = kernel(candidates.take([choice.candidate]), failures.groups)[0]
        gains = failures.weights * np.maximum(alike - served, 0)
        failure = int((gains if gains.any() else alike).argmax())
        answers.append(TargetedCandidate(choice.candidate, choice.gain, failure))
        np.maximum(served, alike, out=served)
    return answers


def choose_neighbours(
    failures: Failures,
    candidates: GroupVectors,
    count: int,
    admit: Admit,
    per_failure: int | None = None,
) -> list[TargetedCandidate]:
    """Choose up to `count` of the failures' nearest candidates, round robin; gains are cosines.

    First the nearest of each failure, the weightiest failure's first, then the second nearest of
    each, down to `per_failure` (if not given, twice a failure's share of `count`, and at least
    10). Of equal cosines the first candidate's counts.
    """
    depth = per_failure or max(NEIGHBOURS_MIN, 2 * math.ceil(count / max(1, len(failures))))
    found, alike = _nearest(failures.groups, candidates, min(depth, len(candidates)))
    order = np.argsort(-failures.weights, kind="stable").tolist()
    answers: list[TargetedCandidate] = []
    seen: set[int] = set()
    for rank in range(found.shape[1]):
        for failure in order:
            candidate = int(found[failure, rank])
            if len(answers) == count or candidate in seen:
                continue
            seen.add(candidate)
            if admit(candidate):
                answers.append(TargetedCandidate(candidate, float(alike[failure, rank]), failure))
    return answers


def _nearest(
    failures: GroupVectors, candidates: GroupVectors, depth: int
) -> tuple[Indices, Floats]:
    """The nearest candidates of each failure and their cosines, `(failures, depth)`."""
    found = np.empty((len(failures), depth), np.intp)
    values = np.empty((len(failures), depth), np.float32)
    for part, some in failures.blocks(len(candidates.vectors)):
        alike = cosines(some, candidates)
        found[part] = np.argsort(-alike, axis=1, kind="stable")[:, :depth]
        values[part] = np.take_along_axis(alike, found[part], axis=1)
    return found, values
