"""Rows are scaled to length 1 at any magnitude, or refused by row number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.scoring import normalise
from sluice.scoring.selection import top_columns
from sluice.scoring.vectors import ROWS_PER_BLOCK, blocks, evenly_spaced, group_equal, read_only

ordinary = arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(1, 9)),
    elements=st.floats(-100, 100).map(lambda value: round(value, 3)),
).filter(lambda rows: bool(np.abs(rows).max(axis=1).min() > 0))

# Few values: many are equal, and both zeros are among them.
cosines = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 300)),
    elements=st.sampled_from([-4.0, -1.0, -0.25, -0.0, 0.0, 1e-38, 0.125, 0.5, 0.75, 1.0]),
)


@given(ordinary, st.integers(-30, 30), st.sampled_from([np.float32, np.float64]))
def test_direction_is_kept_at_any_magnitude(
    rows: NDArray[np.float64], exponent: int, dtype: type[Any]
) -> None:
    """From 1e-30 to 1e30 a row keeps its direction and gets length 1."""
    unit = normalise((rows * 10.0**exponent).astype(dtype))
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    assert np.float32 == unit.dtype
    np.testing.assert_allclose(unit, rows / lengths, rtol=0, atol=1e-6)


@pytest.mark.parametrize("exponent", range(-37, 38))
def test_no_magnitude_costs_precision(exponent: int) -> None:
    """Directions stay precise even if squares overflow or underflow float32."""
    unit = normalise((np.array([[3, 4]]) * 10.0**exponent).astype(np.float32))
    np.testing.assert_allclose(unit, [[0.6, 0.8]], rtol=3e-7)


@pytest.mark.parametrize("magnitude", [5e-324, 1e-310, 1e-300, 1e300, 1.7e308])
def test_float64_is_used_to_its_ends(magnitude: float) -> None:
    """A row outside the range of float32 is normalised before it becomes float32."""
    unit = normalise(np.array([[magnitude, 0, -magnitude]]))
    np.testing.assert_allclose(unit, [[0.5**0.5, 0, -(0.5**0.5)]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint8, np.int64])
def test_real_numbers_of_any_kind_are_taken(dtype: type[Any]) -> None:
    """Integers and half floats are accepted without conversion by the caller."""
    np.testing.assert_allclose(normalise(np.array([[3, 4]], dtype)), [[0.6, 0.8]], rtol=1e-6)


def test_the_callers_rows_stay_as_they_are() -> None:
    """The caller's array is neither changed nor shared, at ordinary and extreme magnitudes."""
    rows = np.array([[3, 4], [1e-30, 0]], np.float32)
    before = rows.copy()
    unit = normalise(rows)
    unit[:] = 0
    np.testing.assert_array_equal(before, rows)


def test_rows_do_not_depend_on_their_company() -> None:
    """A row has the same bits alone, in a batch, and beside rows of extreme magnitude."""
    rows = np.random.default_rng(1).normal(size=(9, 33)).astype(np.float32)
    rows[4] *= np.float32(1e30)
    batch = normalise(rows)
    for index in range(9):
        assert normalise(rows[index : index + 1]).tobytes() == batch[index].tobytes()


@pytest.mark.parametrize("invalid_value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_without_direction_are_named(invalid_value: float, dtype: type[Any]) -> None:
    """NaN, infinite and zero rows are refused with their numbers, in message and metadata."""
    rows = np.ones((9, 3), dtype)
    rows[2] = 0
    rows[5, 1] = invalid_value
    rows[7] = 1e30  # extreme, but valid
    with pytest.raises(InvalidArgument, match=r"embeddings: 2 .*: row 2, 5$") as raised:
        normalise(rows)
    assert {"rows": "2, 5"} == raised.value.metadata
    assert "INVALID_EMBEDDING" == raised.value.reason
    assert ["embeddings"] == [violation.field for violation in raised.value.fields]


def test_the_first_ten_of_many_bad_rows_are_named() -> None:
    """An error about many bad rows gives the numbers of the first ten."""
    with pytest.raises(InvalidArgument, match=r"4000 .*: row 0, 1, 2, .*, 8, 9, …$"):
        normalise(np.zeros((4_000, 3)))
    with pytest.raises(InvalidArgument, match=r"10 .*: row 0, .*, 9$"):
        normalise(np.zeros((10, 3)))


@pytest.mark.parametrize(
    "values",
    [
        np.ones(3),
        np.ones((2, 2, 2)),
        np.ones((3, 0)),
        np.ones((2, 2), complex),
        np.ones((2, 2), bool),
        np.array([["a", "b"]]),
        np.array([[1, None]], object),
    ],
)
def test_anything_but_rows_of_numbers_is_refused(values: NDArray[Any]) -> None:
    """Anything but a matrix of real numbers is refused, with its shape and what is accepted."""
    with pytest.raises(InvalidArgument, match=r"shape .*; expected real numbers of shape \(rows"):
        normalise(values)


def test_no_rows_are_no_error() -> None:
    """A batch may be empty."""
    assert (0, 3) == normalise(np.empty((0, 3))).shape


@given(arrays(np.float32, (12, 2), elements=st.sampled_from([-0.0, 0.0, 1.0, 2.0])))
def test_equal_rows_are_found(rows: NDArray[np.float32]) -> None:
    """Equal rows are grouped by value, in the order of first occurrence."""
    first, unique_of = group_equal(rows)
    distinct: list[tuple[float, ...]] = []
    expected = []
    for row in map(tuple, rows.tolist()):
        if row not in distinct:
            distinct.append(row)
        expected.append(distinct.index(row))
    assert expected == unique_of.tolist()
    assert [expected.index(number) for number in range(len(distinct))] == first.tolist()


@given(st.integers(0, 5_000), st.integers(1, 1_000))
def test_evenly_spaced_samples_are_even(count: int, count_max: int) -> None:
    """A sample has the requested size, no duplicates, and gaps that differ by at most one."""
    indices = evenly_spaced(count, count_max)
    assert min(count, count_max) == len(indices)
    gaps = np.diff(indices, append=count)
    assert len(gaps) == 0 or 0 == indices[0]
    assert len(gaps) == 0 or (gaps.min() >= 1 and np.ptp(gaps) <= 1)


@given(st.integers(0, 2_000))
def test_blocks_cover_all_rows(count: int) -> None:
    """Blocks are within the limit and cover each row once, in order."""
    covered = [index for block in blocks(count) for index in range(block.start, block.stop)]
    assert list(range(count)) == covered
    assert all(block.stop - block.start <= ROWS_PER_BLOCK for block in blocks(count))


def test_arrays_that_are_kept_refuse_writes() -> None:
    """An array kept by a model or basis cannot be written to."""
    with pytest.raises(ValueError, match="read-only"):
        read_only(np.ones((2, 2)), np.float32)[0, 0] = 2


@given(cosines, st.integers(1, 12))
def test_top_columns_hold_the_top_values(values: NDArray[np.float32], count: int) -> None:
    """Columns are distinct and sorted by value; equal values are sorted by column."""
    columns = top_columns(values, count)
    for row, row_columns in zip(values, columns, strict=True):
        expected = np.sort(row)[::-1][:count]
        np.testing.assert_array_equal(expected, row[row_columns])
        assert len(set(row_columns.tolist())) == len(expected)
        pairs = [(-row[column], column) for column in row_columns.tolist()]
        assert sorted(pairs) == pairs
