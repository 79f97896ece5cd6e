"""The components of a basis beyond the first 64, and scores of its own background rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring import (
    Basis,
    Scorer,
    build_basis,
    build_model,
    normalise,
)
from sluice.scoring.basis import REMAINDER_MAX
from tests.unit.scoring.reference import (
    Located,
    background_of,
    fitted,
    locate,
    numbered,
    random_rows,
    similarities,
)

Rows = NDArray[np.float64]


def draw(seed: int, rows: int, dimension: int) -> Rows:
    """Rows whose dimensions vary unequally, away from the origin."""
    rng = np.random.default_rng(seed)
    return 1 + rng.normal(size=(rows, dimension)) * rng.uniform(0.05, 1, dimension)


@pytest.mark.parametrize(
    ("rows", "dimension", "remainder_dimension"),
    [
        (40, 3, 0),
        (2_000, 64, 0),  # no dimension remains
        (256, 300, 64),  # two rows for each of all components
        (259, 300, 65),
        (300, 65, 1),
        (1_000, 300, 236),
        (2_000, 600, REMAINDER_MAX),
    ],
)
def test_remainders_are_the_next_components(
    rows: int, dimension: int, remainder_dimension: int
) -> None:
    """Remainder components fill the dimensions and rows available, orthogonal to all others."""
    basis = build_basis(draw(1, rows, dimension))
    components = min(dimension, 64)
    assert (dimension, components) == basis.projection.shape
    assert (dimension, remainder_dimension) == basis.remainder.shape
    assert (len(basis.background), remainder_dimension) == basis.background_remainder.shape
    directions = np.concatenate([basis.projection, basis.remainder], axis=1).astype(np.float64)
    directions /= np.linalg.norm(directions, axis=0)
    identity = np.eye(components + remainder_dimension)
    np.testing.assert_allclose(directions.T @ directions, identity, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("rows", "dimension"), [(1_000, 100), (400, 500)])
def test_remainders_are_half_whitened_and_weigh_as_the_variance_outside(
    rows: int, dimension: int
) -> None:
    """Remainders are half-whitened and scaled to the ratio of variance outside to inside."""
    background = draw(1, rows, dimension)
    basis = build_basis(background)
    unit = background / np.linalg.norm(background, axis=1, keepdims=True)
    variances = np.linalg.eigvalsh(np.cov(unit.T, bias=True))[::-1]
    remainder_dimension = basis.remainder.shape[1]
    assert min(dimension, rows // 2) - 64 == remainder_dimension
    inside, outside = variances[:64], variances[64:].sum()
    whitening = (variances[: 64 + remainder_dimension] + 0.05 * inside.mean()) ** -0.5
    scale = outside / inside.sum() / (inside * whitening[:64]).sum()
    expected = scale * whitening[64:] * variances[64 : 64 + remainder_dimension]
    actual = basis.background_remainder.astype(np.float64).var(axis=0)
    np.testing.assert_allclose(actual, expected, rtol=1e-3)
    np.testing.assert_allclose(basis.background_remainder.mean(axis=0), 0, atol=1e-5)
    lengths = np.linalg.norm(basis.remainder, axis=0)
    np.testing.assert_allclose(lengths, np.sqrt(scale * whitening[64:]), rtol=1e-4)


def test_projected_rows_are_those_of_the_formulas() -> None:
    """Projections and remainders of many blocks of frames follow the formulas."""
    basis, frames = build_basis(draw(1, 300, 75)), draw(2, 600, 75).astype(np.float32)
    rows = basis.project_rows(normalise(frames))
    expected = locate(frames, basis)
    assert 11 == rows.remainder.shape[1]
    np.testing.assert_allclose(rows.projected, expected.directions, rtol=0, atol=1e-5)
    np.testing.assert_allclose(rows.remainder, expected.remainders, rtol=0, atol=1e-5)
    exact = Located.of(rows.projected, rows.remainder)
    pairs = similarities(exact, background_of(basis, exact))
    similar = rows.similarities(basis.ordinary.rows).total(1.0)
    np.testing.assert_allclose(similar, pairs, rtol=0, atol=1e-12)


def test_a_frame_that_the_projection_hardly_sees_is_scored_by_its_other_terms() -> None:
    """The prototype's term is at most that of a frame as long as the shortest background row."""
    basis = build_basis(draw(1, 300, 75))
    near_mean = basis.mean + 1e-4 * np.random.default_rng(4).normal(size=(9, 75))
    # Not normalised: these have no direction but what little they differ from the mean.
    projected, inverse_lengths = basis.locate(near_mean.astype(np.float32))
    assert (inverse_lengths == basis.background_inverse_lengths.max()).all()
    np.testing.assert_allclose(np.linalg.norm(projected, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("noise", [0, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-2])
def test_a_background_that_hardly_varies_drowns_no_ridge(noise: float) -> None:
    """With a nearly constant background, elements still have the contrasts fitted to them.

    Those of the regressions are 1 minus the ridge times their weight.
    """
    background = draw(1, 1, 300) + noise * np.random.default_rng(2).normal(size=(1_000, 300))
    basis = build_basis(background)
    elements = draw(3, 300, 300)
    model = build_model(elements, numbered(300), basis)
    unit = normalise(elements)
    scores = Scorer([model], {basis.digest: basis}).score(unit)
    assert model.summary is not None
    expected = 1 - model.summary.prototype_share - 0.1 * model.weights[model.unique_of]
    if model.prototype.size:
        expected += (unit - basis.mean) @ model.prototype * basis.locate(unit)[1]
    np.testing.assert_allclose(scores.contrasts[:, 0], expected, rtol=0, atol=5e-5)
    assert (scores.scores > 0.5).mean() > 0.8


def plain_similarities(frames: NDArray[np.float32], basis: Basis) -> Rows:
    """exp(4 · (cosine − 1)), pair by pair."""
    frame_rows, background_rows = frames.astype(np.float64), basis.background.astype(np.float64)
    similarities = np.empty((len(frames), len(background_rows)))
    for frame, row in np.ndindex(*similarities.shape):
        similarities[frame, row] = np.exp(4 * (frame_rows[frame] @ background_rows[row] - 1))
    return similarities


@given(st.integers(0, 2**32 - 1), st.sampled_from([(64, 6), (280, 70)]))
def test_background_rows_are_known(seed: int, shape: tuple[int, int]) -> None:
    """Frames are compared with all background rows; those that are background rows are reported."""
    background = random_rows(seed, *shape)
    basis = build_basis(background)
    frames = np.concatenate([random_rows(seed + 1, 5, shape[1]), background[:5]])
    projected = basis.project(normalise(frames))
    similarities, own_rows = basis.background_similarity(projected)
    # Rounding may move a cosine of 64 float32 products by 4e-6, and 4 times that its exponential.
    np.testing.assert_allclose(
        similarities, plain_similarities(projected, basis), rtol=0, atol=2e-5
    )
    assert own_rows is not None
    assert [*zip(range(5, 10), range(5), strict=True)] == [*zip(*map(list, own_rows), strict=True)]
    for row, frame in enumerate(frames):
        own_rows = basis.background_similarity(basis.project(normalise(frame[None])))[1]
        assert (None if row < 5 else [row - 5]) == (
            None if own_rows is None else own_rows.background.tolist()
        )


@pytest.mark.parametrize("elements", [1, 12, 90])
def test_a_background_row_scores_as_if_it_were_not_there(elements: int) -> None:
    """A background row's contrast is that of a regression without this row."""
    background = random_rows(1, 300, 75)
    basis = build_basis(background)
    rows = random_rows(2, elements, 75)
    model = build_model(rows, numbered(elements), basis)
    contrasts = Scorer([model], {basis.digest: basis}).score(normalise(background)).contrasts[:, 0]
    expected = fitted(rows, basis).left_out()[elements:]
    np.testing.assert_allclose(contrasts, expected, rtol=0, atol=1e-5)
