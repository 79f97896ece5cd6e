"""Malformed points and searches that every vector store rejects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.vectors.interface import Points, Vectors
from sluice.errors import InvalidArgument
from tests.conformance.vectors.points import FRAMES, random_points


def altered(vectors: NDArray[np.float32], value: float) -> NDArray[np.float32]:
    """A copy with that value in the last place."""
    copy = vectors.copy()
    copy[-1, -1] = value
    return copy


WRONG_VECTORS: dict[str, Callable[[NDArray[np.float32]], NDArray[Any]]] = {
    "dimension": lambda good: good[:, :7],
    "rows": lambda good: good[:2],
    "type": lambda good: good.astype(np.float64),
    "NaN": lambda good: altered(good, np.nan),
    "infinity": lambda good: altered(good, np.inf),
}


@pytest.mark.parametrize("wrong", WRONG_VECTORS.values(), ids=WRONG_VECTORS)
async def test_malformed_vectors_are_rejected(
    vectors: Vectors, wrong: Callable[[NDArray[np.float32]], NDArray[Any]]
) -> None:
    """A write with malformed vectors is InvalidArgument, and none of its points is stored."""
    good = random_points(3, name="a")
    with pytest.raises(InvalidArgument, match=r"points\.vectors"):
        await vectors.write(FRAMES, "t", Points(good.ids, wrong(good.vectors), good.payloads))

    assert 0 == await vectors.count(FRAMES, "t")


async def test_each_point_has_one_payload(vectors: Vectors) -> None:
    """Fewer payloads than ids is InvalidArgument, not points that go missing."""
    good = random_points(3, name="a")
    with pytest.raises(InvalidArgument, match=r"points\.payloads"):
        await vectors.write(FRAMES, "t", Points(good.ids, good.vectors, good.payloads[:2]))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("query", "limit", "field"),
    [
        (np.ones(7, np.float32), 1, "query"),
        (np.ones((1, 8), np.float32), 1, "query"),
        (np.full(8, np.nan, np.float32), 1, "query"),
        (np.ones(8, np.float32), 0, "limit"),
        (np.ones(8, np.float32), -1, "limit"),
    ],
)
async def test_a_malformed_search_is_rejected(
    vectors: Vectors, query: NDArray[np.float32], limit: int, field: str, known: bool
) -> None:
    """A query of another shape or a limit below 1 is InvalidArgument, in any collection."""
    if known:
        await vectors.write(FRAMES, "t", random_points(1, name="a"))
    with pytest.raises(InvalidArgument, match=field):
        await vectors.search(FRAMES, "t", query, limit=limit)
