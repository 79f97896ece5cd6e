"""Versions in one space: without a basis, with one, and with a remainder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring import Basis, Scorer, Scores, build_basis
from tests.unit.scoring.reference import random_model, random_rows

DIMENSION = 70


def without_remainder(background: NDArray[np.float32]) -> Basis:
    """A basis of 64 components, without a remainder."""
    basis = build_basis(background)
    background_remainder = basis.background_remainder[:, :0]
    return replace(
        basis, remainder=basis.remainder[:, :0], background_remainder=background_remainder
    )


BACKGROUNDS = [random_rows(1, 256, DIMENSION), random_rows(2, 280, DIMENSION)]
BASES: list[Basis | None] = [None, without_remainder(BACKGROUNDS[0]), build_basis(BACKGROUNDS[1])]
BY_DIGEST = {basis.digest: basis for basis in BASES if basis is not None}

Version = tuple[int, int, int]
"""Number of elements, number of negatives, and index into `BASES`."""

versions = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([0, 0, 1, 7]), st.integers(0, 2)),
    min_size=1,
    max_size=7,
)
seeds = st.integers(0, 2**32 - 1)


def elements_of(seed: int, column: int, count: int) -> NDArray[np.float32]:
    """The elements of a version."""
    return random_rows(seed + column, count, DIMENSION)


def scorer_of(specs: list[Version], seed: int) -> Scorer:
    """A scorer of versions with these sizes and bases."""
    models = [
        random_model(seed + column, elements, DIMENSION, BASES[basis], negatives)
        for column, (elements, negatives, basis) in enumerate(specs)
    ]
    return Scorer(models, BY_DIGEST)


def frames_for(scorer: Scorer, seed: int) -> NDArray[np.float32]:
    """Frames of all kinds: new ones, elements, and rows of both backgrounds."""
    elements = elements_of(seed, 0, len(scorer.models[0].elements))[:3]
    background = [rows[:3] for rows in BACKGROUNDS]
    return np.concatenate([random_rows(seed + 99, 6, DIMENSION), elements, *background])


def assert_close(expected: Scores, actual: Scores) -> None:
    """Check that scores are equal up to rounding."""
    np.testing.assert_allclose(actual.contrasts, expected.contrasts, rtol=0, atol=2e-6)
    np.testing.assert_allclose(actual.scores, expected.scores, rtol=0, atol=2e-5)
    np.testing.assert_array_equal(expected.rows, actual.rows)
