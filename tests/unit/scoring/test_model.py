"""Scoring models: what a campaign version stores about its issue, for issues of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.scoring import (
    Basis,
    ElementId,
    Scorer,
    ScoringModel,
    build_basis,
    build_model,
    normalise,
)
from sluice.scoring.score_map import SCALE_MIN

DIMENSION = 10
seeds = st.integers(0, 2**32 - 1)


def draw(seed: int, rows: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Rows that all differ, away from the origin."""
    return (1 + np.random.default_rng(seed).normal(size=(rows, dimension))).astype(np.float32)


def numbered_ids(count: int) -> list[ElementId]:
    """Ids in canonical order, some of them crops."""
    return [ElementId(f"f{index // 2:05}", "crop" if index % 2 else "") for index in range(count)]


BACKGROUND = draw(1, 80)
BASIS = build_basis(BACKGROUND)
bases = pytest.mark.parametrize("basis", [None, BASIS], ids=["no basis", "basis"])


def assert_usable(model: ScoringModel, basis: Basis | None) -> None:
    """The model gives scores, survives encoding, and its clusters count all elements."""
    scorer = Scorer([model], {basis.digest: basis} if basis else {})
    scores = scorer.score(normalise(draw(99, 7, model.dimension))).scores
    assert ((scores > 0) & (scores < 1)).all()
    assert model.digest == ScoringModel.from_bytes(model.to_bytes()).digest
    assert len(model.element_ids) == model.cluster_sizes.sum()
    assert (model.radii > 0).all()


@given(st.permutations(range(12)), st.booleans())
def test_the_order_of_elements_does_not_matter(order: Sequence[int], with_basis: bool) -> None:
    """The same elements in any order give the same model, bit for bit."""
    embeddings, element_ids = draw(3, 12), numbered_ids(12)
    embeddings[5] = embeddings[2]
    basis = BASIS if with_basis else None
    model = build_model(embeddings, element_ids, basis)
    shuffled = build_model(embeddings[list(order)], [element_ids[index] for index in order], basis)
    assert model.digest == shuffled.digest
    assert element_ids == list(shuffled.element_ids)


@bases
def test_another_issue_is_another_model(basis: Basis | None) -> None:
    """A change of one value or one id changes the digest."""
    embeddings, element_ids = draw(3, 12), numbered_ids(12)
    digest = build_model(embeddings, element_ids, basis).digest
    assert digest == build_model(embeddings * 2, element_ids, basis).digest  # lengths are ignored
    other_embeddings = embeddings.copy()
    other_embeddings[7, 3] += 0.01
    assert digest != build_model(other_embeddings, element_ids, basis).digest
    assert digest != build_model(embeddings, [*element_ids[:-1], ElementId("g")], basis).digest


@bases
def test_equal_elements_count_but_compare_once(basis: Basis | None) -> None:
    """Duplicate elements leave the score map unchanged; their ids and counts are kept."""
    embeddings = draw(4, 9)
    copied = np.concatenate([embeddings, embeddings[[3, 3, 8]]])
    single = build_model(embeddings, numbered_ids(9), basis)
    model = build_model(copied, numbered_ids(12), basis)
    assert 9 == len(model.elements)
    assert [*range(9), 3, 3, 8] == model.unique_of.tolist()
    assert list(range(9)) == model.named.tolist()
    assert numbered_ids(12) == list(model.element_ids)
    assert single.score_map == model.score_map
    assert 12 == model.cluster_sizes.sum()


def test_clusters_weigh_elements_by_their_number() -> None:
    """A centroid is the mean of all elements of its cluster, duplicates included."""
    embeddings = draw(4, 3)[[0, 1, 1, 1, 1, 2]]
    model = build_model(embeddings, numbered_ids(6), None)
    mean = normalise(embeddings).mean(axis=0)
    np.testing.assert_allclose(model.centroids, mean[None], rtol=0, atol=1e-6)


@bases
@pytest.mark.parametrize("count", [1, 2, 300, 600])
def test_all_identical_elements_are_one(count: int, basis: Basis | None) -> None:
    """A vector repeated in an issue, also across blocks, is one unique element."""
    model = build_model(np.repeat(draw(5, 1), count, axis=0), numbered_ids(count), basis)
    assert 1 == len(model.elements) == len(model.centroids)
    assert [count] == model.cluster_sizes.tolist()
    assert SCALE_MIN == model.score_map.above
    assert not model.diverse
    assert_usable(model, basis)


def test_elements_that_the_basis_cannot_tell_apart_are_one() -> None:
    """Elements with equal projections into the basis are one unique element."""
    projection = BASIS.projection.copy()
    projection[-1] = 0
    basis = replace(BASIS, projection=projection)
    embeddings = np.zeros((2, DIMENSION), np.float32)
    embeddings[:, 0] = 1
    embeddings[:, -1] = 0.25, -0.25
    model = build_model(embeddings, numbered_ids(2), basis)
    assert 1 == len(model.elements)
    assert [0, 0] == model.unique_of.tolist()


@pytest.mark.parametrize("size", [1, 2, 5, 20])
@pytest.mark.parametrize("with_basis", [False, True])
def test_fewer_elements_than_dimensions(size: int, with_basis: bool) -> None:
    """An issue may have fewer elements than the space has dimensions."""
    basis = build_basis(draw(6, 256, 200)) if with_basis else None
    assert_usable(build_model(draw(7, size, 200), numbered_ids(size), basis), basis)


@bases
def test_dimensions_that_never_vary_do_no_harm(basis: Basis | None) -> None:
    """Elements with constant dimensions give a usable model."""
    embeddings = draw(8, 20)
    embeddings[:, ::2] = 1
    assert_usable(build_model(embeddings, numbered_ids(20), basis), basis)


@pytest.mark.parametrize("size", [1, 2, 30])
def test_an_issue_of_background_rows(size: int) -> None:
    """An issue may consist of background frames only."""
    assert_usable(build_model(BACKGROUND[:size], numbered_ids(size), BASIS), BASIS)


@pytest.mark.parametrize("size", [1, 2, 30])
def test_a_degenerate_background(size: int) -> None:
    """A background of one repeated frame gives a usable model, also for that frame."""
    basis = build_basis(np.repeat(BACKGROUND[:1], 80, axis=0))
    assert_usable(build_model(draw(9, size), numbered_ids(size), basis), basis)
    assert_usable(build_model(BACKGROUND[:1], numbered_ids(1), basis), basis)


def test_without_a_basis_it_says_so() -> None:
    """A model without a basis has an empty basis digest and keeps the normalised vectors."""
    embeddings = draw(9, 4)
    model = build_model(embeddings, numbered_ids(4), None)
    assert ("", DIMENSION) == (model.basis_digest, model.dimension)
    np.testing.assert_array_equal(normalise(embeddings), model.elements)
    assert BASIS.digest == build_model(embeddings, numbered_ids(4), BASIS).basis_digest


def test_a_diverse_issue_is_called_so() -> None:
    """Elements from everywhere are diverse; near copies of one element are not."""
    near_copies = np.repeat(draw(10, 1), 12, axis=0) + 0.02 * draw(11, 12)
    assert build_model(draw(12, 12), numbered_ids(12), BASIS).diverse
    assert not build_model(near_copies, numbered_ids(12), BASIS).diverse


def test_invalid_elements_are_refused() -> None:
    """No elements, a wrong number of ids, a duplicate id and NaN are refused by name."""
    with pytest.raises(InvalidArgument, match="0 ids for 0 vectors"):
        build_model(np.empty((0, 3)), [], None)
    with pytest.raises(InvalidArgument, match="5 ids for 4 vectors"):
        build_model(draw(1, 4), numbered_ids(5), None)
    with pytest.raises(InvalidArgument, match=r"duplicate .*frame_id='f00001', label_id='crop'"):
        build_model(draw(1, 5), [*numbered_ids(4), ElementId("f00001", "crop")], None)
    embeddings = draw(1, 4)
    embeddings[2, 0] = np.nan
    with pytest.raises(InvalidArgument, match="row 2"):
        build_model(embeddings, numbered_ids(4), None)


def test_a_row_number_is_the_callers() -> None:
    """The error about a bad row gives its number in the caller's order."""
    embeddings = draw(1, 4)
    embeddings[1] = 0
    with pytest.raises(InvalidArgument, match="row 1"):
        build_model(embeddings, numbered_ids(4)[::-1], None)


def test_a_basis_of_another_space_is_refused() -> None:
    """Elements whose dimension differs from the basis are refused."""
    with pytest.raises(InvalidArgument, match=f"dimension 4, expected {DIMENSION}"):
        build_model(draw(1, 4, 4), numbered_ids(4), BASIS)


def test_a_model_does_not_change() -> None:
    """The arrays of a model are read-only, because its digest names their content."""
    model = build_model(draw(1, 4), numbered_ids(4), BASIS, draw(2, 3))
    arrays = [name for name, value in vars(model).items() if isinstance(value, np.ndarray)]
    assert 13 == len(arrays)
    for name in arrays:
        with pytest.raises(ValueError, match="read-only"):
            getattr(model, name)[...] = 0
