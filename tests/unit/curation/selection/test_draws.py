"""Random numbers that follow from a seed and a position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.selection.draws import Stream, shuffled, triangular, uniforms


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**9), st.integers(0, 50), st.integers(0, 50))
def test_a_number_follows_from_its_position(seed: int, start: int, count: int, cut: int) -> None:
    """The numbers of a range are those of its parts."""
    whole = uniforms(seed, Stream.DRAWS, start, count + cut)

    parts = [
        *uniforms(seed, Stream.DRAWS, start, count),
        *uniforms(seed, Stream.DRAWS, start + count, cut),
    ]
    assert whole.tolist() == parts


def test_numbers_are_even() -> None:
    """Each tenth of the range has its share, each stream and seed has numbers of its own."""
    some = uniforms(1, Stream.DRAWS, 0, 100_000)

    counts, _ = np.histogram(some, bins=10, range=(0, 1))
    assert pytest.approx(np.full(10, 10_000), abs=500) == counts
    for other in (uniforms(2, Stream.DRAWS, 0, 100_000), uniforms(1, Stream.SCORES, 0, 100_000)):
        assert pytest.approx(0, abs=0.02) == np.corrcoef(some, other)[0, 1]


def test_successive_numbers_are_unrelated() -> None:
    """A number says nothing of the next."""
    some = uniforms(1, Stream.DRAWS, 0, 100_000)

    assert pytest.approx(0, abs=0.02) == np.corrcoef(some[:-1], some[1:])[0, 1]


def test_triangular_numbers_have_their_mean() -> None:
    """The mean of a triangular distribution is that of its three corners."""
    ones = np.ones(100_000)

    drawn = triangular(uniforms(1, Stream.DRAWS, 0, 100_000), -2 * ones, ones, 7 * ones)

    assert -2 <= drawn.min() <= drawn.max() <= 7
    assert pytest.approx(2, abs=0.03) == drawn.mean()


@pytest.mark.parametrize(("low", "mode", "high"), [(3, 3, 3), (0, 0, 1), (0, 1, 1)])
def test_triangles_may_be_flat(low: float, mode: float, high: float) -> None:
    """Corners may fall together."""
    drawn = triangular(
        uniforms(0, Stream.DRAWS, 0, 9), *(np.full(9, float(c)) for c in (low, mode, high))
    )

    assert low <= drawn.min() <= drawn.max() <= high


def test_shuffling_keeps_every_number() -> None:
    """Each number stands once, in an order of the seed's own."""
    first, second = shuffled(1, Stream.ORDER, 50), shuffled(2, Stream.ORDER, 50)

    assert list(range(50)) == sorted(first.tolist()) == sorted(second.tolist())
    assert first.tolist() != second.tolist()
