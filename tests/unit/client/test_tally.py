"""Tallies equal those of a plain loop, and contradicting numbers are rejected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sluice.errors import InvalidArgument
from sluice.tally import BINS, ScoredBy, Tally, tally_scores

scores = arrays(
    np.float64,
    st.tuples(st.integers(0, 30), st.integers(0, 4)),
    elements=st.floats(0, 1),
)


def columns(count: int) -> list[ScoredBy]:
    """The sources of that many columns of scores."""
    return [ScoredBy(f"projects/p/campaigns/c{i}", i + 1, f"digest{i}") for i in range(count)]


@given(scores)
def test_tally_is_what_a_loop_counts(matrix: np.ndarray) -> None:
    """Count, sums, extremes and bins of each column equal those of a loop over its scores."""
    for column, tally in enumerate(tally_scores(matrix, columns(matrix.shape[1]))):
        values = matrix[:, column].tolist()
        bins = [0] * BINS
        for value in values:
            bins[min(int(value * BINS), BINS - 1)] += 1
        assert tuple(bins) == tally.histogram
        assert (len(values), f"digest{column}") == (tally.count, tally.model_digest)
        assert sum(values) == pytest.approx(tally.total)
        assert sum(v * v for v in values) == pytest.approx(tally.sum_squares)
        assert (min(values, default=0), max(values, default=0)) == (tally.minimum, tally.maximum)


@given(scores)
def test_tally_survives_the_wire(matrix: np.ndarray) -> None:
    """A valid tally passes its check, and is received as it was sent."""
    for tally in tally_scores(matrix, columns(matrix.shape[1])):
        assert tally == Tally.from_proto(tally.to_proto(), "tally")


VALID = tally_scores(np.array([[0.2], [0.7]]), columns(1))[0]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"count": 3}, "t.histogram"),
        ({"not_selected": 3}, "t.not_selected"),
        ({"histogram": (2,)}, "t.histogram"),
        ({"minimum": 0.8}, "t.minimum"),
        ({"minimum": float("nan")}, "t.minimum"),
        ({"maximum": 1.5}, "t.minimum"),
        ({"total": 2.1}, "t.sum"),
        ({"total": float("inf")}, "t.sum"),
        ({"sum_squares": 0.01}, "t.sum_squares"),
    ],
)
def test_a_tally_that_contradicts_itself_is_refused(changes: dict[str, Any], field: str) -> None:
    """A tally that no scores could have is rejected."""
    with pytest.raises(InvalidArgument) as refused:
        Tally.from_proto(replace(VALID, **changes).to_proto(), "t")
    assert field == refused.value.fields[0].field
