"""Near duplicates are found exactly, however samples are grouped in pages."""

from __future__ import annotations

import numpy as np

from services.ingest.near_duplicates import KeptSamples, KeptSamplesCache
from sluice.limits import NEAR_DUPLICATE_COSINE_MIN
from sluice.scoring import normalise
from tests.unit.ingest.harness import (
    DIMENSION,
    EYE,
)


def test_the_most_similar_sample_is_named_and_the_bound_is_inclusive() -> None:
    """A match at exactly the bound is a near duplicate of the most similar sample."""
    kept = KeptSamples("", ["x", "y"], EYE[:2])
    bound = np.float32(NEAR_DUPLICATE_COSINE_MIN)
    like_y = np.array([0, bound, np.sqrt(1 - bound**2), *[0] * (DIMENSION - 3)], np.float32)
    unlike = like_y.copy()
    below = bound - np.float32(1e-3)
    unlike[1:3] = below, np.sqrt(1 - below**2)
    assert ["y", ""] == kept.keep(["at", "under"], np.stack([like_y, unlike]))


def test_pages_decide_as_brute_force() -> None:
    """Page by page, the same matches are kept as by comparing each with all kept before it."""
    random = np.random.default_rng(3)
    centres = random.normal(size=(30, 4))
    vectors = normalise(centres[random.integers(0, 30, 900)] + random.normal(0, 0.1, (900, 4)))
    kept = KeptSamples("", [], np.empty((0, 4), np.float32))
    plain: list[int] = []
    for page in np.array_split(np.arange(900), 7):
        duplicate_of = kept.keep([str(i) for i in page], vectors[page])
        for index, sample in zip(page, duplicate_of, strict=True):
            similar = vectors[plain] @ vectors[index] if plain else np.array([-1.0])
            assert (not sample) == (similar.max() < np.float32(NEAR_DUPLICATE_COSINE_MIN))
            if not sample:
                plain.append(int(index))
    assert 30 < len(plain) < 900


def kept_rows(count: int) -> KeptSamples:
    """Samples with vectors of `16 * count` bytes."""
    return KeptSamples("basis", [str(i) for i in range(count)], np.zeros((count, 4), np.float32))


def test_the_cache_drops_the_least_recently_decided_campaigns() -> None:
    """Campaigns that do not fit are dropped; the last one stays, even if it does not fit alone."""
    cache = KeptSamplesCache(bytes_max=16 * 5)
    for campaign in ("a", "b", "a"):
        cache.put("p", campaign, kept_rows(2))
    cache.put("p", "c", kept_rows(3))
    assert [True, False, True] == [cache.get("p", c, "basis") is not None for c in "abc"]
    cache.put("p", "d", kept_rows(6))
    assert [False, True] == [cache.get("p", c, "basis") is not None for c in "ad"]


def test_the_cache_counts_samples_that_were_kept_later() -> None:
    """Samples that have grown are counted with their size when they were last put."""
    cache = KeptSamplesCache(bytes_max=16 * 300)
    growing = KeptSamples("basis", [], np.empty((0, 4), np.float32))
    cache.put("p", "a", growing)
    cache.put("p", "b", kept_rows(100))
    growing.keep(["x"], EYE[:1, :4])
    cache.put("p", "a", growing)
    assert growing.nbytes > 16 * 200
    assert cache.get("p", "b", "basis") is None


def test_the_cache_is_of_one_basis_and_forgets_a_project() -> None:
    """Samples are returned under their own basis only, and until their project is forgotten."""
    cache = KeptSamplesCache(bytes_max=1_000)
    for project in ("p", "q"):
        cache.put(project, "a", kept_rows(1))
    assert cache.get("p", "a", "other basis") is None
    cache.forget("p")
    assert [False, True] == [cache.get(p, "a", "basis") is not None for p in "pq"]
