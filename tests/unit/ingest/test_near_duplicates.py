"""Near duplicates are found exactly, however samples are grouped in pages."""

from __future__ import annotations

import numpy as np

from services.ingest.near_duplicates import KeptSamples
from sluice.limits import NEAR_DUPLICATE_COSINE_MIN
from sluice.scoring import normalise
from tests.unit.ingest.harness import (
    DIMENSION,
    EYE,
)


def test_the_most_similar_is_named_and_the_bound_is_inclusive() -> None:
    """A match at exactly the bound is a near duplicate, of the sample it is most like."""
    kept = KeptSamples("", ["x", "y"], EYE[:2])
    at = np.float32(NEAR_DUPLICATE_COSINE_MIN)
    like_y = np.array([0, at, np.sqrt(1 - at**2), *[0] * (DIMENSION - 3)], np.float32)
    unlike = like_y.copy()
    unlike[1:3] = at - np.float32(1e-3), np.sqrt(1 - (at - np.float32(1e-3)) ** 2)
    assert ["y", ""] == kept.keep(["at", "under"], np.stack([like_y, unlike]))


def test_kept_samples_grow_as_brute_force_says() -> None:
    """Page by page, what is kept is what a plain comparison with all kept before would keep."""
    random = np.random.default_rng(3)
    centres = random.normal(size=(30, 4))
    vectors = normalise(centres[random.integers(0, 30, 900)] + random.normal(0, 0.1, (900, 4)))
    kept = KeptSamples("", [], np.empty((0, 4), np.float32))
    plain: list[int] = []
    for page in np.array_split(np.arange(900), 7):
        named = kept.keep([str(i) for i in page], vectors[page])
        for index, name in zip(page, named, strict=True):
            similar = vectors[plain] @ vectors[index] if plain else np.array([-1.0])
            assert (not name) == (similar.max() < np.float32(NEAR_DUPLICATE_COSINE_MIN))
            if not name:
                plain.append(int(index))
    assert 30 < len(plain) < 900
