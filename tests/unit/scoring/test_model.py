"""Scoring models: what a campaign version knows of its issue, whatever the issue is like."""

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


def ids(count: int) -> list[ElementId]:
    """Ids in canonical order, some of them crops."""
    return [ElementId(f"f{index // 2:05}", "crop" if index % 2 else "") for index in range(count)]


BACKGROUND = draw(1, 80)
BASIS = build_basis(BACKGROUND)
bases = pytest.mark.parametrize("basis", [None, BASIS], ids=["no basis", "basis"])


def assert_usable(built: ScoringModel, basis: Basis | None) -> None:
    """It scores, its bytes keep it, and its clusters name all elements."""
    scorer = Scorer([built], {basis.digest: basis} if basis else {})
    scores = scorer.score(normalise(draw(99, 7, built.dimension))).scores
    assert ((scores > 0) & (scores < 1)).all()
    assert built.digest == ScoringModel.from_bytes(built.to_bytes()).digest
    assert len(built.element_ids) == built.cluster_sizes.sum()
    assert (built.radii > 0).all()


@given(st.permutations(range(12)), st.booleans())
def test_the_order_of_elements_does_not_matter(order: Sequence[int], with_basis: bool) -> None:
    """The same elements in any order are the same model, to the bit."""
    embeddings, names = draw(3, 12), ids(12)
    embeddings[5] = embeddings[2]
    basis = BASIS if with_basis else None
    built = build_model(embeddings, names, basis)
    shuffled = build_model(embeddings[list(order)], [names[index] for index in order], basis)
    assert built.digest == shuffled.digest
    assert names == list(shuffled.element_ids)


@bases
def test_another_issue_is_another_model(basis: Basis | None) -> None:
    """One changed value or one changed id changes the digest."""
    embeddings, names = draw(3, 12), ids(12)
    digest = build_model(embeddings, names, basis).digest
    assert digest == build_model(embeddings * 2, names, basis).digest  # length says nothing
    changed = embeddings.copy()
    changed[7, 3] += 0.01
    assert digest != build_model(changed, names, basis).digest
    assert digest != build_model(embeddings, [*names[:-1], ElementId("g")], basis).digest


@bases
def test_equal_elements_count_but_compare_once(basis: Basis | None) -> None:
    """Copies of an element leave the curve where it is; their ids and numbers are kept."""
    embeddings = draw(4, 9)
    copied = np.concatenate([embeddings, embeddings[[3, 3, 8]]])
    single = build_model(embeddings, ids(9), basis)
    built = build_model(copied, ids(12), basis)
    assert 9 == len(built.elements)
    assert [*range(9), 3, 3, 8] == built.unique_of.tolist()
    assert list(range(9)) == built.named.tolist()
    assert ids(12) == list(built.element_ids)
    assert single.score_map == built.score_map
    assert 12 == built.cluster_sizes.sum()


def test_clusters_weigh_elements_by_their_number() -> None:
    """The centre of a cluster is the mean of its elements, copies counted each."""
    embeddings = draw(4, 3)[[0, 1, 1, 1, 1, 2]]
    built = build_model(embeddings, ids(6), None)
    mean = normalise(embeddings).mean(axis=0)
    np.testing.assert_allclose(built.centroids, mean[None], rtol=0, atol=1e-6)


@bases
@pytest.mark.parametrize("count", [1, 2, 300, 600])
def test_all_identical_elements_are_one(count: int, basis: Basis | None) -> None:
    """However often it stands in the issue, and in whichever block, one vector is one element."""
    built = build_model(np.repeat(draw(5, 1), count, axis=0), ids(count), basis)
    assert 1 == len(built.elements) == len(built.centroids)
    assert [count] == built.cluster_sizes.tolist()
    assert SCALE_MIN == built.score_map.above
    assert not built.diverse
    assert_usable(built, basis)


def test_elements_that_the_basis_cannot_tell_apart_are_one() -> None:
    """What differs only where the basis does not look is compared once."""
    blind = BASIS.projection.copy()
    blind[-1] = 0
    basis = replace(BASIS, projection=blind)
    row = np.zeros((2, DIMENSION), np.float32)
    row[:, 0] = 1
    row[:, -1] = 0.25, -0.25
    built = build_model(row, ids(2), basis)
    assert 1 == len(built.elements)
    assert [0, 0] == built.unique_of.tolist()


@pytest.mark.parametrize("size", [1, 2, 5, 20])
@pytest.mark.parametrize("with_basis", [False, True])
def test_fewer_elements_than_dimensions(size: int, with_basis: bool) -> None:
    """An issue may have fewer elements than the space has dimensions."""
    basis = build_basis(draw(6, 256, 200)) if with_basis else None
    assert_usable(build_model(draw(7, size, 200), ids(size), basis), basis)


@bases
def test_dimensions_that_never_vary_do_no_harm(basis: Basis | None) -> None:
    """Elements that are constant where the background is not, or all the way, make a model."""
    embeddings = draw(8, 20)
    embeddings[:, ::2] = 1
    assert_usable(build_model(embeddings, ids(20), basis), basis)


@pytest.mark.parametrize("size", [1, 2, 30])
def test_an_issue_of_background_rows(size: int) -> None:
    """Elements may all be frames of the background."""
    assert_usable(build_model(BACKGROUND[:size], ids(size), BASIS), BASIS)


@pytest.mark.parametrize("size", [1, 2, 30])
def test_a_degenerate_background(size: int) -> None:
    """A background of one frame, repeated, makes a model that scores, also of that frame."""
    basis = build_basis(np.repeat(BACKGROUND[:1], 80, axis=0))
    assert_usable(build_model(draw(9, size), ids(size), basis), basis)
    assert_usable(build_model(BACKGROUND[:1], ids(1), basis), basis)


def test_without_a_basis_it_says_so() -> None:
    """A version made without a background names no basis and keeps the vectors as they are."""
    embeddings = draw(9, 4)
    built = build_model(embeddings, ids(4), None)
    assert ("", DIMENSION) == (built.basis_digest, built.dimension)
    np.testing.assert_array_equal(normalise(embeddings), built.elements)
    assert BASIS.digest == build_model(embeddings, ids(4), BASIS).basis_digest


def test_a_diverse_issue_is_called_so() -> None:
    """Elements drawn from everywhere are diverse; copies of one, slightly moved, are not."""
    alike = np.repeat(draw(10, 1), 12, axis=0) + 0.02 * draw(11, 12)
    assert build_model(draw(12, 12), ids(12), BASIS).diverse
    assert not build_model(alike, ids(12), BASIS).diverse


def test_invalid_elements_are_refused() -> None:
    """No elements, one id too many, an id twice, NaN: each is named."""
    with pytest.raises(InvalidArgument, match="0 ids for 0 vectors"):
        build_model(np.empty((0, 3)), [], None)
    with pytest.raises(InvalidArgument, match="5 ids for 4 vectors"):
        build_model(draw(1, 4), ids(5), None)
    with pytest.raises(InvalidArgument, match=r"duplicate .*frame_id='f00001', label_id='crop'"):
        build_model(draw(1, 5), [*ids(4), ElementId("f00001", "crop")], None)
    embeddings = draw(1, 4)
    embeddings[2, 0] = np.nan
    with pytest.raises(InvalidArgument, match="row 2"):
        build_model(embeddings, ids(4), None)


def test_a_row_number_is_the_callers() -> None:
    """A bad row is named by its place in what was given, not in canonical order."""
    embeddings = draw(1, 4)
    embeddings[1] = 0
    with pytest.raises(InvalidArgument, match="row 1"):
        build_model(embeddings, ids(4)[::-1], None)


def test_a_basis_of_another_space_is_refused() -> None:
    """Elements must have the dimension of the basis that they are taken into."""
    with pytest.raises(InvalidArgument, match=f"dimension 4, expected {DIMENSION}"):
        build_model(draw(1, 4, 4), ids(4), BASIS)


def test_a_model_does_not_change() -> None:
    """What content-addressing names cannot be written to."""
    built = build_model(draw(1, 4), ids(4), BASIS, draw(2, 3))
    arrays = [name for name, value in vars(built).items() if isinstance(value, np.ndarray)]
    assert 12 == len(arrays)
    for name in arrays:
        with pytest.raises(ValueError, match="read-only"):
            getattr(built, name)[...] = 0
