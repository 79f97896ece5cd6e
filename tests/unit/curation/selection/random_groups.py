"""Groups with rows of their own, at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.curation.selection.kernel import GroupVectors, Indices
from services.curation.selection.pool import Pool
from services.curation.selection.targeted import Failures
from sluice.scoring import normalise

COMPONENTS = 4


@dataclass(frozen=True)
class RandomGroups:
    """Groups of one to `rows_max` rows each, in any order of rows."""

    vectors: NDArray[np.float32]
    group_of: Indices
    size: int

    @property
    def groups(self) -> GroupVectors:
        """All of them."""
        return GroupVectors.from_rows("vectors", self.vectors, self.group_of)[0]

    @property
    def rows(self) -> list[NDArray[np.float32]]:
        """The rows of each."""
        return [self.vectors[self.group_of == group] for group in range(self.size)]


def random_groups(seed: int, size: int, rows_max: int = 1) -> RandomGroups:
    """A world; the same for the same arguments."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, rows_max + 1, size)
    group_of = random.permutation(np.repeat(np.arange(size), sizes))
    vectors = random.standard_normal((len(group_of), COMPONENTS)) + 1
    unit = normalise(vectors) if size else vectors.astype(np.float32)
    return RandomGroups(unit, group_of, size)


def random_failures(seed: int, size: int, rows_max: int = 1) -> Failures:
    """Failures of different weights."""
    weights = np.random.default_rng(seed).uniform(0.5, 3, size).astype(np.float32)
    return Failures(random_groups(seed, size, rows_max).groups, weights)


def random_pool(seed: int, size: int, rows_max: int = 1) -> Pool:
    """A pool in which a fifth is covered, a fifth is excluded, and some share a scene.

    Some of what is excluded is labelled, and yet not covered: failures.
    """
    random = np.random.default_rng(seed)
    of = random_groups(seed, size, rows_max)
    role = random.integers(0, 5, size)
    scenes = random.integers(-1, max(1, 2 * size), size)
    zcore = random.random(size)
    labelled = (role == 1) | (role == 0) & (random.random(size) < 0.5)
    return Pool(size, role == 0, role == 1, of.vectors, of.group_of, scenes, zcore, labelled)
