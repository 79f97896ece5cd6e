"""Greedy facility location: the groups that together are most alike to all that is to be served.

The objective is Σ over clients of weight · max over chosen groups of the kernel. It is monotone
and submodular, so that the greedy choice has at least 1 − 1/e of the best (Nemhauser, Wolsey and
Fisher, 1978), and a gain once computed bounds all later ones: only what leads is computed again
(Minoux, 1978; CELF, Leskovec et al., 2007). The choice is that of plain greedy.

Of a large pool a random sample of groups stands for all as clients; every group is a candidate.
By Hoeffding's inequality the mean over 8,192 clients is within 0.015 of that over the pool, for
any one batch, with a probability of 95 %. Memory: a block of kernels, and a few numbers a group.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.selection.draws import Stream, shuffled
from services.curation.selection.kernel import GroupVectors, Indices, best_kernel, kernel

CLIENTS_MAX: Final = 8_192
_REFRESHED: Final = 16
"""Candidates whose gains are computed again at a time: fewer waste less, more multiply faster."""

Admit = Callable[[int], bool]
"""Says whether a candidate may be chosen, when it leads; if so, it is."""


@dataclass(frozen=True, slots=True)
class CandidateGain:
    """A candidate that was chosen, and what it was worth then."""

    candidate: int
    gain: float


@dataclass(frozen=True, slots=True, eq=False)
class Clients:
    """What is to be served, and how much each weighs: `(clients,) float32`, in total 1."""

    groups: GroupVectors
    weights: NDArray[np.float32]

    @classmethod
    def sample(cls, pool: GroupVectors, seed: int, clients_max: int = CLIENTS_MAX) -> Clients:
        """The pool, or a random sample of it; all weigh the same."""
        groups = pool.take(sample_indices(len(pool), seed, clients_max))
        return cls(groups, np.full(len(groups), 1 / max(1, len(groups)), np.float32))


def sample_indices(count: int, seed: int, count_max: int) -> Indices:
    """All numbers below `count`, or a random sample of so many, ascending."""
    if count <= count_max:
        return np.arange(count)
    return np.sort(shuffled(seed, Stream.SAMPLE, count)[:count_max])


def choose(
    clients: Clients, candidates: GroupVectors, covered: GroupVectors, count: int, admit: Admit
) -> list[CandidateGain]:
    """Choose up to `count` candidates by greed, beginning from what `covered` groups serve.

    Of equal gains the first candidate's counts. Fewer are chosen only where fewer are admitted.
    """
    served = best_kernel(clients.groups, covered)
    gains = np.concatenate(
        [_gains(clients, part, served) for _, part in candidates.blocks(len(served))]
        or [np.zeros(0)]
    )
    # Gain negated, candidate, and how many were chosen when the gain was computed.
    queue = [(-gain, candidate, 0) for candidate, gain in enumerate(gains.tolist())]
    heapq.heapify(queue)
    chosen: list[CandidateGain] = []
    while queue and len(chosen) < count:
        gain, candidate, at = queue[0]
        if at < len(chosen):
            _refresh(queue, clients, candidates, served, len(chosen))
            continue
        heapq.heappop(queue)
        if admit(candidate):
            chosen.append(CandidateGain(candidate, -gain))
            alike = kernel(candidates.take([candidate]), clients.groups)[0]
            np.maximum(served, alike, out=served)
    return chosen


def _refresh(
    queue: list[tuple[float, int, int]],
    clients: Clients,
    candidates: GroupVectors,
    served: NDArray[np.float32],
    now: int,
) -> None:
    """Compute the gains of those that lead again, down to the first whose gain is of now."""
    stale: list[int] = []
    while queue and queue[0][2] < now and len(stale) < _REFRESHED:
        stale.append(heapq.heappop(queue)[1])
    gains = _gains(clients, candidates.take(stale), served)
    for candidate, gain in zip(stale, gains.tolist()):
        heapq.heappush(queue, (-gain, candidate, now))


def _gains(
    clients: Clients, candidates: GroupVectors, served: NDArray[np.float32]
) -> NDArray[np.float64]:
    """What each candidate would add to the objective: `(candidates,)`."""
    alike = kernel(candidates, clients.groups)
    alike -= served
    np.maximum(alike, 0, out=alike)
    return (alike @ clients.weights).astype(np.float64)
