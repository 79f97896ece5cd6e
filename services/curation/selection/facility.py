"""Greedy facility location: the groups that together are most similar to all clients.

The objective is Σ over clients of weight · max over chosen groups of the kernel. It is monotone
and submodular, so that the greedy choice has at least 1 − 1/e of the best (Nemhauser, Wolsey and
Fisher, 1978), and a gain once computed bounds all later ones: only leading gains are computed
again (Minoux, 1978; CELF, Leskovec et al., 2007). The result is that of plain greedy.

In a large pool, the clients are a random sample of groups; every group is a candidate. By
Hoeffding's inequality the mean over 8,192 clients is within 0.015 of that over the pool, for any
one batch, with a probability of 95 %. Memory: a block of kernels, and a few numbers per group.
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
_REFRESHED_AT_ONCE: Final = 16
"""Stale gains recomputed at a time: a larger number wastes more, but multiplies faster."""

Admit = Callable[[int], bool]
"""Whether the leading candidate may be chosen; if so, it is."""


@dataclass(frozen=True, slots=True)
class CandidateGain:
    """A chosen candidate, and its gain at that time."""

    candidate: int
    gain: float


@dataclass(frozen=True, slots=True, eq=False)
class Clients:
    """The groups to serve, and their weights `(clients,) float32`, in total 1."""

    groups: GroupVectors
    weights: NDArray[np.float32]

    @classmethod
    def sample(cls, pool: GroupVectors, seed: int, clients_max: int = CLIENTS_MAX) -> Clients:
        """The pool, or a random sample of it, with equal weights."""
        groups = pool.take(sample_indices(len(pool), seed, clients_max))
        return cls(groups, np.full(len(groups), 1 / max(1, len(groups)), np.float32))


def sample_indices(count: int, seed: int, count_max: int) -> Indices:
    """The indices below `count`, or a random sample of `count_max` of them, ascending."""
    if count <= count_max:
        return np.arange(count)
    return np.sort(shuffled(seed, Stream.SAMPLE, count)[:count_max])


def choose(
    clients: Clients, candidates: GroupVectors, covered: GroupVectors, count: int, admit: Admit
) -> list[CandidateGain]:
    """Choose up to `count` candidates greedily, given what `covered` groups serve already.

    Ties go to the first candidate. Fewer are chosen only if fewer are admitted.
    """
    served = best_kernel(clients.groups, covered)
    gains = np.concatenate(
        [_gains(clients, part, served) for _, part in candidates.split_into_blocks(len(served))]
        or [np.zeros(0)]
    )
    # Negated gain, candidate, and the number of chosen candidates when the gain was computed.
    queue = [(-gain, candidate, 0) for candidate, gain in enumerate(gains.tolist())]
    heapq.heapify(queue)
    selected: list[CandidateGain] = []
    while queue and len(selected) < count:
        gain, candidate, computed_at = queue[0]
        if computed_at < len(selected):
            _refresh(queue, clients, candidates, served, len(selected))
            continue
        heapq.heappop(queue)
        if admit(candidate):
            selected.append(CandidateGain(candidate, -gain))
            similarity = kernel(candidates.take([candidate]), clients.groups)[0]
            np.maximum(served, similarity, out=served)
    return selected


def _refresh(
    queue: list[tuple[float, int, int]],
    clients: Clients,
    candidates: GroupVectors,
    served: NDArray[np.float32],
    count: int,
) -> None:
    """Recompute leading gains until one that was computed for the current choice leads."""
    stale: list[int] = []
    while queue and queue[0][2] < count and len(stale) < _REFRESHED_AT_ONCE:
        stale.append(heapq.heappop(queue)[1])
    gains = _gains(clients, candidates.take(stale), served)
    for candidate, gain in zip(stale, gains.tolist()):
        heapq.heappush(queue, (-gain, candidate, count))


def _gains(
    clients: Clients, candidates: GroupVectors, served: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The gain of the objective by each candidate: `(candidates,)`."""
    similarity = kernel(candidates, clients.groups)
    similarity -= served
    np.maximum(similarity, 0, out=similarity)
    return (similarity @ clients.weights).astype(np.float64)
