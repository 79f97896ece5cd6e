"""Groups with rows of their own, at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.curation.selection.kernel import GroupVectors, Indices
from services.curation.selection.pool import (
    CoverageMethod,
    Pool,
    SelectionSettings,
    TargetedMethod,
)
from services.curation.selection.targeted import Failures
from sluice.scoring import normalise

COMPONENTS = 4

seeds = st.integers(0, 2**32 - 3)


@dataclass(frozen=True)
class RandomGroups:
    """Groups of one to `rows_max` rows each, in any order of rows."""

    vectors: NDArray[np.float32]
    group_of: Indices
    size: int

    @property
    def groups(self) -> GroupVectors:
        """The vectors of all groups."""
        return GroupVectors.from_rows("vectors", self.vectors, self.group_of)[0]

    @property
    def rows(self) -> list[NDArray[np.float32]]:
        """The rows of each group."""
        return [self.vectors[self.group_of == group] for group in range(self.size)]


def random_groups(seed: int, size: int, rows_max: int = 1) -> RandomGroups:
    """Random groups; the same for the same arguments."""
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
    pool = random_groups(seed, size, rows_max)
    role = random.integers(0, 5, size)
    scenes = random.integers(-1, max(1, 2 * size), size)
    zcore = random.random(size)
    labelled = (role == 1) | (role == 0) & (random.random(size) < 0.5)
    return Pool(size, role == 0, role == 1, pool.vectors, pool.group_of, scenes, zcore, labelled)


def plain_pool(size: int, seed: int = 0) -> Pool:
    """A pool of unlike groups, nothing labelled."""
    none = np.zeros(size, bool)
    vectors = np.random.default_rng(seed).standard_normal((size, 40)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return Pool(size, none, none, unit, np.arange(size))


def like(pool: Pool, groups: list[int]) -> Failures:
    """Failures that are those groups."""
    assert pool.vectors is not None
    return Failures.equal(GroupVectors.of_single_rows(pool.vectors[groups]))


def admit_all(candidate: int) -> bool:
    """Admits every candidate."""
    return candidate >= 0


selection_settings = st.builds(
    SelectionSettings,
    seed=seeds,
    budget=st.one_of(st.integers(1, 60), st.floats(0.05, 1)),
    targeted_share=st.sampled_from([0, 0.5, 0.7, 1]),
    coverage=st.sampled_from(CoverageMethod),
    targeted=st.sampled_from(TargetedMethod),
)
pools = st.builds(random_pool, seeds, st.integers(0, 60), st.sampled_from([1, 3]))
some_examples = settings(max_examples=60, deadline=None)
sizes = st.integers(1, 14)
rows_maxes = st.sampled_from([1, 3])
few_examples = settings(max_examples=40, deadline=None)
