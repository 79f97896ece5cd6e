"""What of an issue a frame is like, against a search of everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sluice.scoring import (
    ElementId,
    Scorer,
    build_basis,
    build_model,
    nearest,
    normalise,
    vectors,
)

DIMENSION = 8


def draw(seed: int, rows: int) -> NDArray[np.float32]:
    """Rows that all differ."""
    return (1 + np.random.default_rng(seed).normal(size=(rows, DIMENSION))).astype(np.float32)


def ids(prefix: str, count: int) -> list[ElementId]:
    """Ids in canonical order."""
    return [ElementId(f"{prefix}{index:05}") for index in range(count)]


BASIS = build_basis(draw(1, 40))
SCORER = Scorer(
    [
        build_model(draw(2, 60), ids("a", 60), BASIS),
        build_model(draw(3, 2), ids("b", 2), BASIS),
        build_model(draw(4, 400), ids("c", 400), None),
    ],
    {BASIS.digest: BASIS},
)


@given(st.lists(st.integers(0, 2), max_size=20), st.integers(0, 2**32 - 1))
def test_the_nearest_are_those_of_a_full_search(columns: list[int], seed: int) -> None:
    """Nearest cluster, its distance, and the three nearest elements, whatever is asked together."""
    unit = normalise(draw(seed, len(columns))) if columns else np.empty((0, DIMENSION), np.float32)
    found = nearest(SCORER, unit, np.array(columns, np.intp))
    assert len(columns) == len(found)
    for row, column, near in zip(unit, columns, found, strict=True):
        model = SCORER.models[column]
        place = row if column == 2 else BASIS.project(row[None])[0]
        distances = np.linalg.norm(model.centroids - place, axis=1)
        assert distances.min() == pytest.approx(near.distance, abs=1e-5)
        assert distances[near.cluster] == pytest.approx(near.distance, abs=1e-5)
        assert float(model.radii[near.cluster]) == near.radius
        cosines = model.elements @ place
        wanted = np.argsort(-cosines)[:3]
        assert [model.element_ids[index] for index in wanted] == [name for name, _ in near.elements]
        np.testing.assert_allclose([c for _, c in near.elements], cosines[wanted], atol=1e-6)


def test_small_issues_name_the_elements_they_have() -> None:
    """Of an issue of two elements both are named, and no third."""
    (near,) = nearest(SCORER, normalise(draw(5, 1)), np.array([1]))
    assert set(ids("b", 2)) == {element for element, _ in near.elements}


def test_an_element_is_explained_by_itself() -> None:
    """A frame that is an element is nearest to it, inside the reach of a cluster of the issue."""
    unit = normalise(draw(2, 60))
    for element, near in zip(ids("a", 60), nearest(SCORER, unit, np.zeros(60, int)), strict=True):
        assert element == near.elements[0][0]
        assert 1 == pytest.approx(near.elements[0][1], abs=1e-6)


def test_equal_elements_are_named_once_and_counted_each() -> None:
    """The first id stands for its copies; the cluster's size counts them."""
    rows = draw(6, 3)
    model = build_model(rows.repeat(3, axis=0), ids("d", 9), None)
    (near,) = nearest(Scorer([model], {}), normalise(rows[1:2]), np.array([0]))
    first, second, third = ids("d", 9)[::3]
    assert second == near.elements[0][0]
    assert {first, second, third} == {element for element, _ in near.elements}
    assert 9 == near.cluster_size


def test_many_are_explained_as_one() -> None:
    """More frames than fit a block have the explanations that each has alone."""
    unit = normalise(draw(7, 600))
    columns = np.arange(600) % 3
    together = nearest(SCORER, unit, columns)
    for row in (0, 1, 2, 255, 256, 257, 599):
        (alone,) = nearest(SCORER, unit[row : row + 1], columns[row : row + 1])
        assert alone.cluster == together[row].cluster
        assert alone.distance == pytest.approx(together[row].distance, abs=1e-5)
        assert [name for name, _ in alone.elements] == [name for name, _ in together[row].elements]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many matches there are, only a block of them meets an issue's elements at a time."""
    held: list[int] = []

    class Watched(Scorer):
        def project(self, unit: NDArray[np.float32], column: int) -> NDArray[np.float32]:
            held.append(len(unit))
            return super().project(unit, column)

    monkeypatch.setattr(vectors, "ROWS_PER_BLOCK", 4)
    nearest(Watched(SCORER.models, SCORER.bases), normalise(draw(7, 10)), np.zeros(10, int))
    assert [4, 4, 2] == held


def test_distances_of_a_centroid_itself_are_none() -> None:
    """A lone element is its own centroid: the distance is 0, not the rounding of a difference."""
    row = draw(8, 1)
    model = build_model(row, ids("e", 1), None)
    (near,) = nearest(Scorer([model], {}), normalise(row), np.array([0]))
    assert 0 == near.distance < near.radius
