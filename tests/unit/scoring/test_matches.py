"""Matches alone are the scores that reach the threshold, out of all."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sluice.scoring import Basis, Scorer, build_basis, normalise
from tests.unit.scoring.reference import random_model, random_rows

DIMENSION = 12
BASES: list[Basis | None] = [None, build_basis(random_rows(1, 60, DIMENSION))]
BY_DIGEST = {basis.digest: basis for basis in BASES if basis is not None}

versions = st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0, 1])), max_size=7)
seeds = st.integers(0, 2**32 - 1)


@given(versions, seeds, st.lists(st.integers(1, 3), max_size=8), st.floats(0, 1), st.booleans())
def test_matches_are_the_scores_that_pass(
    sizes: list[tuple[int, int]], seed: int, crops: list[int], level: float, own: bool
) -> None:
    """They have the frames, columns, scores, contrasts and rows of full scoring, by frame.

    Elements are among the frames, thresholds differ, and some are scores, which pass themselves.
    """
    models = [
        random_model(seed + index, size, DIMENSION, BASES[basis])
        for index, (size, basis) in enumerate(sizes)
    ]
    scorer = Scorer(models, BY_DIGEST)
    rows = random_rows(seed, sum(crops), DIMENSION)
    frame_of_row = np.repeat(np.arange(len(crops)), crops)
    full = scorer.score(normalise(rows), frame_of_row, len(crops))
    thresholds = np.random.default_rng(seed).random(len(models)) * level
    if own and crops:
        thresholds = full.scores[-1]
    matches = scorer.matches(normalise(rows), thresholds, frame_of_row, len(crops))

    expected = np.argwhere(full.scores >= thresholds)
    at = tuple(expected.T)
    assert expected.tolist() == np.stack([matches.frames, matches.columns], axis=1).tolist()
    assert full.scores[at].tolist() == matches.scores.tolist()
    assert full.contrasts[at].tolist() == matches.contrasts.tolist()
    assert full.rows[at].tolist() == matches.rows.tolist()
