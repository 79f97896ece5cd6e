"""Vectors without a direction are found, whatever their magnitude."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sluice.errors import InvalidArgument
from sluice.formats.vectors import NOT_FINITE, NULL, ZERO, find_bad_vectors, to_float32
from sluice.scoring import normalise

_ANY = st.floats(width=32) | st.sampled_from([0.0, 1e-44, 3e38, -1e30, 1e-30])


def test_problems() -> None:
    """Each problem is named; tiny and huge vectors are usable."""
    nan, inf = np.nan, np.inf
    rows = [[1, 2], [nan, nan], [nan, 1], [inf, 1], [0, 0], [1e-44, 0], [3e38, 3e38], [-0.0, 0]]
    expected = {1: NULL, 2: NOT_FINITE, 3: NOT_FINITE, 4: ZERO, 7: ZERO}
    assert expected == find_bad_vectors(np.array(rows, np.float32))
    assert {0: NULL, 1: NULL} == find_bad_vectors(np.empty((2, 0), np.float32))


@given(vectors=arrays(np.float32, st.tuples(st.integers(0, 4), st.integers(1, 3)), elements=_ANY))
def test_the_others_can_be_normalised(vectors: np.ndarray) -> None:
    """A vector has a problem exactly if it cannot be scaled to length 1."""
    problems = find_bad_vectors(vectors)
    for index, vector in enumerate(vectors):
        if index in problems:
            with pytest.raises(InvalidArgument):
                normalise(vector[None])
        else:
            assert 1 == pytest.approx(float(np.linalg.norm(normalise(vector[None]))), abs=1e-3)


def test_numbers_out_of_range() -> None:
    """Numbers over the range of float32 become infinite, without a warning."""
    assert [np.inf, -np.inf, 1] == to_float32(np.array([1e300, -1e300, 1])).tolist()
