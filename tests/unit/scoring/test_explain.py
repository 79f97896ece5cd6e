"""Explanations of matches: the nearest cluster and elements, compared with a full search."""

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


def numbered_ids(prefix: str, count: int) -> list[ElementId]:
    """Consecutive ids, in canonical order."""
    return [ElementId(f"{prefix}{index:05}") for index in range(count)]


BASIS = build_basis(draw(1, 40))
SCORER = Scorer(
    [
        build_model(draw(2, 60), numbered_ids("a", 60), BASIS),
        build_model(draw(3, 2), numbered_ids("b", 2), BASIS),
        build_model(draw(4, 400), numbered_ids("c", 400), None),
    ],
    {BASIS.digest: BASIS},
)


@given(st.lists(st.integers(0, 2), max_size=20), st.integers(0, 2**32 - 1))
def test_the_nearest_are_those_of_a_full_search(columns: list[int], seed: int) -> None:
    """Nearest cluster, distance and elements are those of a full search, for any columns."""
    unit = normalise(draw(seed, len(columns))) if columns else np.empty((0, DIMENSION), np.float32)
    explanations = nearest(SCORER, unit, np.array(columns, np.intp))
    assert len(columns) == len(explanations)
    for row, column, explanation in zip(unit, columns, explanations, strict=True):
        model = SCORER.models[column]
        position = row if column == 2 else BASIS.project(row[None])[0]
        distances = np.linalg.norm(model.centroids - position, axis=1)
        assert distances.min() == pytest.approx(explanation.distance, abs=1e-5)
        assert distances[explanation.cluster] == pytest.approx(explanation.distance, abs=1e-5)
        assert float(model.radii[explanation.cluster]) == explanation.radius
        cosines = model.elements @ position
        expected = np.argsort(-cosines)[:3]
        assert [model.element_ids[index] for index in expected] == [
            element for element, _ in explanation.elements
        ]
        np.testing.assert_allclose(
            [cosine for _, cosine in explanation.elements], cosines[expected], atol=1e-6
        )


def test_small_issues_name_the_elements_they_have() -> None:
    """A match to an issue of two elements names both of them and no third."""
    (explanation,) = nearest(SCORER, normalise(draw(5, 1)), np.array([1]))
    assert set(numbered_ids("b", 2)) == {element for element, _ in explanation.elements}


def test_an_element_is_explained_by_itself() -> None:
    """The nearest element of a frame that is an element is that element, with cosine 1."""
    unit = normalise(draw(2, 60))
    for element, explanation in zip(
        numbered_ids("a", 60), nearest(SCORER, unit, np.zeros(60, int)), strict=True
    ):
        assert element == explanation.elements[0][0]
        assert 1 == pytest.approx(explanation.elements[0][1], abs=1e-6)


def test_equal_elements_are_named_once_and_counted_each() -> None:
    """Equal elements are named once, by their first id, and all count in the cluster's size."""
    rows = draw(6, 3)
    model = build_model(rows.repeat(3, axis=0), numbered_ids("d", 9), None)
    (explanation,) = nearest(Scorer([model], {}), normalise(rows[1:2]), np.array([0]))
    first, second, third = numbered_ids("d", 9)[::3]
    assert second == explanation.elements[0][0]
    assert {first, second, third} == {element for element, _ in explanation.elements}
    assert 9 == explanation.cluster_size


def test_many_are_explained_as_one() -> None:
    """Frames explained in several blocks get the same explanations as each gets alone."""
    unit = normalise(draw(7, 600))
    columns = np.arange(600) % 3
    explanations = nearest(SCORER, unit, columns)
    for row in (0, 1, 2, 255, 256, 257, 599):
        (single,) = nearest(SCORER, unit[row : row + 1], columns[row : row + 1])
        assert single.cluster == explanations[row].cluster
        assert single.distance == pytest.approx(explanations[row].distance, abs=1e-5)
        assert [element for element, _ in single.elements] == [
            element for element, _ in explanations[row].elements
        ]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most one block of matches is compared with an issue's elements at a time."""
    block_sizes: list[int] = []

    class RecordingScorer(Scorer):
        def project(self, unit: NDArray[np.float32], column: int) -> NDArray[np.float32]:
            block_sizes.append(len(unit))
            return super().project(unit, column)

    monkeypatch.setattr(vectors, "ROWS_PER_BLOCK", 4)
    nearest(RecordingScorer(SCORER.models, SCORER.bases), normalise(draw(7, 10)), np.zeros(10, int))
    assert [4, 4, 2] == block_sizes


def test_distances_of_a_centroid_itself_are_none() -> None:
    """A frame equal to a centroid has distance exactly 0, without a rounding error."""
    row = draw(8, 1)
    model = build_model(row, numbered_ids("e", 1), None)
    (explanation,) = nearest(Scorer([model], {}), normalise(row), np.array([0]))
    assert 0 == explanation.distance < explanation.radius
