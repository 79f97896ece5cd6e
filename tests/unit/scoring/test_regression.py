"""Kernel ridge regression in blocks and closed forms, compared with one dense solution."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring.regression import Background, SharedRows, Solution, System
from sluice.scoring.similarity import BasisRows, concatenate
from tests.unit.scoring.reference import Located, Regression

seeds = st.integers(0, 2**32 - 1)
counts = st.integers(0, 12)


def draw_rows(seed: int, rows: int, remainder_dimension: int = 3) -> BasisRows:
    """Rows of length 1 in four dimensions, with remainders; every fifth repeats the row before."""
    rng = np.random.default_rng([seed, rows])
    values = rng.normal(size=(rows, 4 + remainder_dimension)).astype(np.float32)
    values[4::5] = values[3::5][: len(values[4::5])]
    projected, remainder = values[:, :4], values[:, 4:] * np.float32(0.5)
    lengths = np.linalg.norm(projected, axis=1).astype(np.float32)
    return BasisRows(projected / lengths[:, None], remainder, 1 / lengths)


def dense_regression(
    elements: BasisRows, negatives: BasisRows, background: BasisRows, remainder_weight: float
) -> Regression:
    """The reference regression of the same rows."""
    unlike = Located.of(negatives.projected, negatives.remainder)
    return Regression.of(
        Located.of(elements.projected, elements.remainder),
        unlike,
        Located.of(background.projected, background.remainder),
        remainder_weight,
    )


def solved_system(
    elements: BasisRows, negatives: BasisRows, background: Background, remainder_weight: float
) -> System:
    """The equations of these rows."""
    shared = SharedRows.of(background, negatives, len(elements), remainder_weight)
    to_shared = concatenate(background.rows, negatives).similarities(elements)
    among = elements.similarities(elements)
    return shared.system(to_shared.total(remainder_weight), among.total(remainder_weight))


def all_weights(solution: Solution, background: int) -> NDArray[np.float64]:
    """All weights, in the reference's order: elements, negatives, background."""
    shared = solution.shared
    return np.concatenate([solution.elements, shared[background:], shared[:background]])


remainder_weights = st.sampled_from([0.0, 0.3, 1.0])


@given(seeds, st.integers(1, 20), counts, counts, st.sampled_from([0, 3]), remainder_weights)
def test_weights_are_the_dense_solution(
    seed: int,
    elements: int,
    negatives: int,
    background: int,
    remainder_dimension: int,
    remainder_weight: float,
) -> None:
    """Weights equal the dense solution, with any number of rows, duplicates and remainders."""
    sizes = enumerate((elements, negatives, background))
    of_issue, unlike, ordinary = (draw_rows(seed + i, n, remainder_dimension) for i, n in sizes)
    expected = dense_regression(of_issue, unlike, ordinary, remainder_weight)
    solution = solved_system(of_issue, unlike, Background(ordinary), remainder_weight).solve()
    weights = all_weights(solution, background)
    np.testing.assert_allclose(weights, expected.weights(), rtol=0, atol=1e-8)
    own = expected.contrasts(expected.rows)[:elements]
    np.testing.assert_allclose(solution.contrasts.own, own, rtol=0, atol=1e-8)


@given(seeds, st.integers(1, 12), counts, counts, remainder_weights)
def test_leaving_one_out_is_leaving_it_out(
    seed: int, elements: int, negatives: int, background: int, remainder_weight: float
) -> None:
    """The closed forms give each row's contrast in a solution without that row."""
    sizes = enumerate((elements, negatives, background))
    of_issue, unlike, ordinary = (draw_rows(seed + i, n) for i, n in sizes)
    expected = dense_regression(of_issue, unlike, ordinary, remainder_weight)
    solution = solved_system(of_issue, unlike, Background(ordinary), remainder_weight).solve()
    element_contrasts = [expected.left_out(i) for i in range(elements)]
    np.testing.assert_allclose(
        solution.contrasts.leave_one_out, element_contrasts, rtol=0, atol=1e-8
    )
    background_contrasts = [expected.left_out(elements + negatives + i) for i in range(background)]
    np.testing.assert_allclose(solution.ordinary, background_contrasts, rtol=0, atol=1e-8)
    full_contrasts = expected.contrasts(expected.rows)[elements + negatives :]
    np.testing.assert_allclose(
        solution.background_gains, full_contrasts - background_contrasts, rtol=0, atol=1e-8
    )


@given(seeds, st.integers(1, 12), counts, st.integers(3, 12), st.integers(1, 3), remainder_weights)
def test_rows_set_aside_are_left_out(
    seed: int, elements: int, negatives: int, background: int, aside: int, remainder_weight: float
) -> None:
    """A solution with background rows set aside is the dense solution of all other rows."""
    sizes = enumerate((elements, negatives, background))
    of_issue, unlike, ordinary = (draw_rows(seed + i, n) for i, n in sizes)
    first = elements + negatives
    kept = np.arange(aside, background)
    dense = dense_regression(of_issue, unlike, ordinary, remainder_weight)
    expected = dense.without([*range(first, first + aside)])
    system = solved_system(of_issue, unlike, Background(ordinary), remainder_weight)
    solution = system.set_aside(np.arange(aside))
    weights = all_weights(solution, background)
    assert [0.0] * aside == weights[first : first + aside].tolist()
    others = np.delete(weights, np.arange(first, first + aside))
    np.testing.assert_allclose(others, expected.weights(), rtol=0, atol=1e-7)
    left_out = expected.all_left_out()
    np.testing.assert_allclose(
        solution.contrasts.leave_one_out, left_out[:elements], rtol=0, atol=1e-7
    )
    np.testing.assert_allclose(solution.ordinary[kept], left_out[first:], rtol=0, atol=1e-7)
    unseen = Located.of(ordinary.projected[:aside], ordinary.remainder[:aside])
    contrasts = expected.contrasts(unseen)
    np.testing.assert_allclose(solution.ordinary[:aside], contrasts, rtol=0, atol=1e-7)
    gains = expected.contrasts(expected.rows)[first:] - left_out[first:]
    np.testing.assert_allclose(solution.background_gains[kept], gains, rtol=0, atol=1e-7)
    assert [0.0] * aside == solution.background_gains[:aside].tolist()


def test_a_background_may_be_fitted_to_again() -> None:
    """A background used for several fits gives each the weights of its own ridge and remainder."""
    background = Background(draw_rows(3, 60))
    for size, remainder_weight in ((2, 0.0), (2, 1.0), (5, 1.0), (2, 0.0), (9, 0.3)):
        elements = draw_rows(1, size)
        none = elements[:0]
        solution = solved_system(elements, none, background, remainder_weight).solve()
        expected = dense_regression(elements, none, background.rows, remainder_weight)
        weights = all_weights(solution, 60)
        np.testing.assert_allclose(weights, expected.weights(), rtol=0, atol=1e-8)


def test_neither_side_outweighs_the_other() -> None:
    """Inverse ridges of elements and background have equal sums, less 3 / elements.

    For nearly dissimilar rows, a weight is the remaining target over own similarity plus ridge.
    """
    remainder = np.eye(66, dtype=np.float32) * 9
    dissimilar = BasisRows(np.zeros((66, 1), np.float32), remainder, np.ones(66, np.float32))
    common_similarity = np.exp(-4)  # the similarity at cosine 0
    for elements, background, ridge in ((1, 40, 16.0), (2, 60, 7.5), (5, 60, 1.92), (20, 40, 1.15)):
        rows = dissimilar[:elements], dissimilar[:0]
        system = solved_system(*rows, Background(dissimilar[66 - background :]), 1.0)
        solution = system.solve()
        total = common_similarity * all_weights(solution, background).sum()
        np.testing.assert_allclose(solution.shared, (-1 - total) / (81 + ridge), rtol=1e-9)
        np.testing.assert_allclose(solution.elements, (1 - total) / (81 + 0.1), rtol=1e-9)
