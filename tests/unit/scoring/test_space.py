"""What fitting knows of a space, compared with plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from sluice.scoring.prototype import Widths
from sluice.scoring.similarity import BasisRows
from sluice.scoring.space import measure_evenness, measure_structure


def rows_of(projected: object, remainder: object) -> BasisRows:
    """Rows whose lengths do not matter."""
    directions = np.asarray(projected, np.float32)
    ones = np.ones(len(directions), np.float32)
    return BasisRows(directions, np.asarray(remainder, np.float32), ones)


def plain_structure(rows: BasisRows) -> float:
    """The structure of remainders, row by row."""
    count, values = len(rows), rows.remainder.astype(np.float64)
    directions = rows.projected.astype(np.float64)
    others = [[other for other in range(count) if other != row] for row in range(count)]
    products = [[values[row] @ values[other] for other in others[row]] for row in range(count)]
    deviation = np.sqrt(np.mean(np.square(products)))
    largest = []
    for row in range(count):
        cosines = [directions[row] @ directions[other] for other in others[row]]
        nearest = np.argsort(cosines)[::-1][: max(count // 100, 1)]
        largest.append(np.delete(products[row], nearest).max())
    return float(np.clip((np.median(largest) / deviation - 4) / 2, 0, 1))


@pytest.mark.parametrize("rows", [2, 3, 60, 250])
def test_structure_is_that_of_plain_loops(rows: int) -> None:
    """The structure of a space compares each row with all but its nearest."""
    rng = np.random.default_rng(rows)
    projected = rng.normal(size=(rows, 5)).astype(np.float32)
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    # Heavy tails, so that some rows have products far beyond noise.
    remainder = (rng.standard_t(1.5, size=(rows, 9))).astype(np.float32)
    drawn = rows_of(projected, remainder)
    if rows == 2:  # its nearest row is the only other one
        assert 0 == measure_structure(drawn)
    else:
        assert plain_structure(drawn) == pytest.approx(measure_structure(drawn), abs=1e-9)


def test_noise_has_no_structure_and_rare_pairs_have_much() -> None:
    """Remainders of noise have structure 0, those of rare pairs that are alike have 1."""
    rng = np.random.default_rng(5)
    projected = rng.normal(size=(600, 8)).astype(np.float32)
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    noise = rng.normal(size=(600, 200)).astype(np.float32)
    assert 0 == measure_structure(rows_of(projected, noise))
    pairs = noise + np.repeat(rng.normal(size=(300, 200)), 2, axis=0).astype(np.float32) * 2
    assert 1 == measure_structure(rows_of(projected, pairs))
    assert 0 == measure_structure(rows_of(projected, np.zeros((600, 3), np.float32)))
    assert 0 == measure_structure(rows_of(projected, noise[:, :0]))
    assert 0 == measure_structure(rows_of(projected[:1], noise[:1]))


@pytest.mark.parametrize(
    ("deviations", "expected"),
    [([1] * 40, 1.0), ([1] * 20, 1.0), ([1] * 12 + [0] * 8, 7 / 15), ([9, 1, 1, 1, 1, 1], 0.0)],
)
def test_evenness_is_how_many_components_have_the_variance(
    deviations: list[float], expected: float
) -> None:
    """Twenty equal components and more are even, five are not; whitening does not count."""
    rng = np.random.default_rng(7)
    plain = rng.normal(size=(20_000, len(deviations))) * deviations
    widths = rng.uniform(0.5, 5, len(deviations))
    lengths = np.linalg.norm(plain * widths, axis=1)
    rows = BasisRows(
        (plain * widths / lengths[:, None]).astype(np.float32),
        np.empty((len(plain), 0), np.float32),
        (1 / lengths).astype(np.float32),
    )
    evenness = measure_evenness(rows, Widths(widths, np.empty(0)))
    # A variance of 20,000 rows is off by some 1 %, and so is the ratio.
    assert expected == pytest.approx(evenness, abs=0.05)


def test_rows_without_direction_have_no_evenness() -> None:
    """A background of equal rows has no variance that components could share."""
    rows = BasisRows(
        np.zeros((5, 3), np.float32), np.empty((5, 0), np.float32), np.zeros(5, np.float32)
    )
    assert 0 == measure_evenness(rows, Widths(np.ones(3), np.empty(0)))
