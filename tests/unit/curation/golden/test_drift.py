"""Whether two rounds differ by more than chance."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import binomtest, permutation_test

from services.curation import intervals
from services.curation.golden.drift import (
    PERMUTATIONS,
    SMOOTHING,
    holm,
    jensen_shannon,
    mcnemar,
    measure_drift,
    psi,
    sign_flip,
)
from sluice.errors import InvalidArgument
from tests.unit.curation.golden.annotated_rounds import CLASSES

counts = arrays(np.int64, 4, elements=st.integers(0, 50))
# Five standard errors of a p-value of PERMUTATIONS draws, at its widest.
TOLERANCE = 5 * 0.5 / PERMUTATIONS**0.5


@given(arrays(np.int64, st.tuples(st.integers(1, 9), st.just(2)), elements=st.integers(-2, 2)))
def test_sign_flips_give_the_p_value_of_all_signs(differences: NDArray[np.int64]) -> None:
    """Within sampling error, the share of all 2ⁿ signs that sum up to as much or more."""
    signs = np.array(list(product([-1, 1], repeat=len(differences))))
    sums = np.abs(signs @ differences)
    expected = (sums >= np.abs(differences.sum(axis=0))).mean(axis=0)

    np.testing.assert_allclose(expected, sign_flip(differences), atol=TOLERANCE)


def test_sign_flips_agree_with_scipy() -> None:
    """Another implementation finds the same p-value for a hundred images with drift."""
    rng = np.random.default_rng(5)
    differences = rng.integers(-2, 3, (100, 1)) - (rng.random((100, 1)) < 0.2)
    expected = permutation_test(
        (differences[:, 0], np.zeros(100)),
        lambda x, y, axis: (x - y).sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=1,
    )

    assert 0.001 < expected.pvalue < 0.2
    assert expected.pvalue == pytest.approx(sign_flip(differences)[0], abs=0.01)


def test_no_difference_has_p_value_one() -> None:
    """Also where another class differs in every image."""
    differences = np.array([[0, -1]] * 50)

    p_values = sign_flip(differences)

    assert [1, 1 / (PERMUTATIONS + 1)] == p_values.tolist()


def test_images_without_a_difference_do_not_matter() -> None:
    """More unchanged images give the same p-value, bit for bit."""
    differences = np.array([[1], [-1], [-1], [-1], [0], [-1]])

    padded = np.concatenate([np.zeros((100, 1), np.int64), differences])

    assert sign_flip(differences).tolist() == sign_flip(padded).tolist()


def test_sign_flips_are_deterministic_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal seeds give equal p-values; drawing in parts gives the same p-value within error."""
    differences = np.random.default_rng(0).integers(-1, 2, (40, 3))
    measured = sign_flip(differences, seed=1).tolist()

    assert measured == sign_flip(differences, seed=1).tolist()
    assert measured != sign_flip(differences, seed=2).tolist()
    monkeypatch.setattr(intervals, "_DRAWS_AT_ONCE", 1_000)
    np.testing.assert_allclose(measured, sign_flip(differences, seed=1), atol=TOLERANCE)


def test_a_large_class_map_leaves_room_for_small_p_values() -> None:
    """With a thousand classes that change, Holm's correction can still find one that drifts."""
    differences = np.random.default_rng(0).choice([-1, 1], (60, 1_000))
    differences[:, 7] = -1

    adjusted = holm(sign_flip(differences))

    assert [7] == np.flatnonzero(adjusted <= 0.01).tolist()


def test_holm_is_worked_by_hand() -> None:
    """Times 4, 3, 2, 1 in order, never under the one before, never over 1."""
    p_values = np.array([0.04, 0.01, 0.6, 0.02])

    np.testing.assert_allclose([0.08, 0.04, 0.6, 0.06], holm(p_values))
    np.testing.assert_allclose([1, 1], holm(np.array([0.7, 0.8])))
    np.testing.assert_allclose([0.06, 0.06], holm(np.array([0.03, 0.04])))


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    """The p-value of as many heads among as many tosses of a fair coin."""
    expected = binomtest(first, first + second).pvalue if first + second else 1

    assert expected == pytest.approx(mcnemar(first, second), rel=1e-9)


@given(counts, counts)
def test_jensen_shannon_is_scipys_squared(
    first: NDArray[np.int64], second: NDArray[np.int64]
) -> None:
    """The divergence of smoothed counts, in bits: between 0 and 1, and 0 for equal mixes."""
    expected = jensenshannon(first + SMOOTHING, second + SMOOTHING, base=2) ** 2

    assert expected == pytest.approx(jensen_shannon(first, second), abs=1e-12)
    assert 0 == jensen_shannon(first, first)


def test_psi_is_worked_by_hand() -> None:
    """Shares of a half each become 3/4 and 1/4: (1/4) ln(3/2) − (1/4) ln(1/2) = (1/4) ln 3."""
    assert np.log(3) / 4 == pytest.approx(psi(np.array([4, 4]), np.array([4, 1])))


def test_a_class_that_is_new_leaves_divergences_finite() -> None:
    """Counts are smoothed, so that no class has a share of 0."""
    assert 0 < psi(np.array([10, 0]), np.array([0, 10])) < 10
    assert 0 < jensen_shannon(np.array([10, 0]), np.array([0, 10])) < 1


def test_a_comparison_is_worked_by_hand() -> None:
    """Counts, empty images and detections of five images of three classes."""
    reference = np.array([[1, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]])
    current = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]])

    measured = measure_drift(reference, current, CLASSES)

    assert [("car", 3, 1), ("van", 1, 1), ("tram", 0, 0)] == [
        (x.name, x.reference, x.current) for x in measured.classes
    ]
    assert [pytest.approx(-2 / 3), 0, None] == [x.change for x in measured.classes]
    empty = measured.empty
    assert (2, 3, 5) == (empty.reference.count, empty.current.count, empty.current.total)
    assert (2, 1, 1.0) == (empty.emptied, empty.filled, empty.p_value)
    detections = measured.detections
    assert (0.8, 0.4, -0.4) == (detections.reference, detections.current, detections.difference)
    assert detections.difference_interval.low < -0.4 < detections.difference_interval.high


def test_classes_that_never_change_do_not_weaken_the_test() -> None:
    """Holm's correction is over the classes that could have drifted: two here, not 200."""
    classes = [f"c{index}" for index in range(200)]
    reference = np.ones((60, 200), np.int64)
    current = reference.copy()
    current[:12, 0] = 0
    current[20, 1] = 2

    measured = measure_drift(reference, current, classes)

    assert pytest.approx(2 * measured.classes[0].p_value) == measured.classes[0].p_adjusted
    assert measured.classes[0].p_adjusted < 0.01


@pytest.mark.parametrize(
    ("reference", "current", "said"),
    [((2, 3), (3, 3), "(3, 3) and (2, 3)"), ((2, 2), (2, 2), "(images, 3)"),
     ((0, 3), (0, 3), "no images")],
)  # fmt: skip
def test_counts_of_different_shapes_are_refused(
    reference: tuple[int, int], current: tuple[int, int], said: str
) -> None:
    """Both rounds need the same images and classes, and at least one image."""
    with pytest.raises(InvalidArgument) as refused:
        measure_drift(np.zeros(reference, np.int64), np.zeros(current, np.int64), CLASSES)

    assert said in refused.value.message
