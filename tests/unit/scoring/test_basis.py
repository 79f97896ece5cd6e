"""Bases: half-whitened principal components, and the background rows kept with them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.scoring import Basis, build_basis, normalise
from sluice.scoring.basis import BACKGROUND_ROWS_MAX, PCA_ROWS_MAX

Rows = NDArray[np.float64]

TENSORS = ("mean", "projection", "remainder", "background", "background_remainder")


def draw(seed: int, rows: int, dimension: int) -> Rows:
    """Rows whose dimensions vary unequally, away from the origin."""
    rng = np.random.default_rng(seed)
    return 1 + rng.normal(size=(rows, dimension)) * rng.uniform(0.05, 1, dimension)


def unit_rows(rows: Rows) -> Rows:
    """The rows scaled to length 1, in float64."""
    lengths: Rows = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return rows / lengths


def reference_cosines(background: Rows, rows: Rows) -> Rows:
    """Cosines of all pairs of rows in the basis of a background, by the design's formula."""
    components = min(64, background.shape[1])
    sample = unit_rows(background)
    mean = sample.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(sample.T, bias=True))
    variances, directions = variances[-components:], directions[:, -components:]
    scales = (variances + 0.05 * variances.mean()) ** -0.25
    projected = unit_rows((unit_rows(rows) - mean) @ (directions * scales))
    cosines: Rows = projected @ projected.T
    return cosines


@pytest.mark.parametrize(
    ("rows", "dimension"), [(40, 3), (64, 16), (256, 64), (400, 100), (260, 300), (300, 299)]
)
def test_cosines_are_those_of_half_whitened_components(rows: int, dimension: int) -> None:
    """Cosines follow the design's formula, with more dimensions than rows and with fewer."""
    background, frames = draw(1, rows, dimension), draw(2, 20, dimension)
    projected = build_basis(background).project(normalise(frames))
    assert np.float32 == projected.dtype
    assert (20, min(64, dimension)) == projected.shape
    expected = reference_cosines(background, frames)
    np.testing.assert_allclose(projected @ projected.T, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("rows", "dimension"), [(300, 70), (260, 300)])
def test_a_basis_is_reproducible(rows: int, dimension: int) -> None:
    """The same background gives the same digest; each component's largest entry is positive."""
    basis, rebuilt = (build_basis(draw(3, rows, dimension)) for _ in range(2))
    assert basis.digest == rebuilt.digest
    assert basis.digest != build_basis(draw(4, rows, dimension)).digest
    largest = np.abs(basis.projection).argmax(axis=0)
    assert (basis.projection[largest, np.arange(64)] > 0).all()


@pytest.mark.parametrize(("dimension", "rows_min"), [(2, 8), (10, 40), (64, 256), (1_000, 256)])
def test_a_small_background_is_refused(dimension: int, rows_min: int) -> None:
    """A background needs four rows per component; the error says how many rows that is."""
    assert dimension == build_basis(draw(1, rows_min, dimension)).dimension
    with pytest.raises(InvalidArgument, match=rf"{rows_min - 1} background rows.* {rows_min} are"):
        build_basis(draw(1, rows_min - 1, dimension))


def test_an_invalid_background_row_is_named() -> None:
    """A background row with NaN is refused by its row number."""
    background = draw(1, 40, 3)
    background[17, 1] = np.nan
    with pytest.raises(InvalidArgument, match="row 17"):
        build_basis(background)


@pytest.mark.parametrize("dimension", [6, 300])
def test_dimensions_that_never_vary_do_no_harm(dimension: int) -> None:
    """With constant dimensions, every frame still has a finite projection of length 1."""
    background = draw(1, 260, dimension)
    background[:, 1::3] = 2
    background[:, 2::3] = 0
    basis = build_basis(background)
    lengths = np.linalg.norm(basis.project(normalise(draw(2, 9, dimension))), axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)


@pytest.mark.parametrize("dimension", [2, 20, 300])
def test_an_all_identical_background_is_one_row(dimension: int) -> None:
    """A background of one repeated frame is kept as one row, with cosine 0 to every frame."""
    background = np.repeat(draw(1, 1, dimension), 256, axis=0)
    basis = build_basis(background)
    assert (1, min(64, dimension)) == basis.background.shape
    assert not basis.background.any()
    projected = basis.project(normalise(draw(2, 3, dimension)))
    assert np.isfinite(projected).all()
    # The similarity at cosine 0, within the rounding of exp.
    at_right_angles = np.full((3, 1), np.exp(-4))
    similarity, own_rows = basis.background_similarity(projected)
    np.testing.assert_allclose(similarity, at_right_angles, rtol=1e-6)
    assert own_rows is None


def test_rounding_makes_no_background() -> None:
    """Rows that differ only by rounding are kept as one row and give no component."""
    background = np.repeat(normalise(draw(1, 1, 300)), 256, axis=0)
    background[::2, 0] = np.nextafter(background[0, 0], np.float32(2))
    basis = build_basis(background)
    assert (1, 64) == basis.background.shape
    assert not basis.background.any()


def test_the_background_is_bounded_distinct_and_spread() -> None:
    """Of a large background, a thousand distinct rows are kept, evenly spaced."""
    distinct = draw(1, 1_500, 4)
    basis = build_basis(np.repeat(distinct, 3, axis=0))
    assert (BACKGROUND_ROWS_MAX, 4) == basis.background.shape
    assert BACKGROUND_ROWS_MAX == len(np.unique(basis.background, axis=0))
    kept = distinct[np.arange(BACKGROUND_ROWS_MAX) * 1_500 // BACKGROUND_ROWS_MAX]
    expected = basis.project(normalise(kept))
    np.testing.assert_allclose(basis.background, expected, rtol=0, atol=1e-6)


def test_components_come_from_a_bounded_sample() -> None:
    """The components of a large background are computed from evenly spaced rows."""
    large = draw(1, 3 * PCA_ROWS_MAX, 5)
    basis, thinned = build_basis(large), build_basis(large[::3])
    np.testing.assert_array_equal(thinned.mean, basis.mean)
    np.testing.assert_array_equal(thinned.projection, basis.projection)


def test_a_basis_does_not_change() -> None:
    """The arrays of a basis are read-only, because its digest names their content."""
    basis = build_basis(draw(1, 40, 3))
    for name in TENSORS:
        array = getattr(basis, name)
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_bytes_keep_the_basis() -> None:
    """A basis read from its bytes has the same arrays and the same digest."""
    basis = build_basis(draw(1, 300, 70))
    decoded = Basis.from_bytes(basis.to_bytes())
    assert basis.digest == decoded.digest
    for name in TENSORS:
        np.testing.assert_array_equal(getattr(basis, name), getattr(decoded, name))
