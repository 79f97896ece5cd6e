"""What every vector store refuses, before anything of it is written."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.vectors.interface import Collection, Points
from sluice.errors import InvalidArgument


def check_points(collection: Collection, points: Points) -> None:
    """Refuse points that differ in number from their payloads, or whose vectors are not right.

    Raises InvalidArgument naming the row unless the vectors are finite float32 of shape
    `(points, dimension)`.
    """
    _check_vectors(collection, points.vectors, "points.vectors", (len(points),))
    if len(points.payloads) != len(points):
        problem = f"{len(points.payloads)} for {len(points)} ids; each id has one"
        raise InvalidArgument.of("points.payloads", problem)


def check_search(collection: Collection, query: NDArray[np.float32], limit: int) -> None:
    """Refuse a query that is not one finite float32 vector of the dimension, or a limit below 1."""
    _check_vectors(collection, query, "query", ())
    if limit < 1:
        raise InvalidArgument.of("limit", f"{limit}; it must be at least 1")


def _check_vectors(
    collection: Collection, vectors: NDArray[np.float32], field: str, leading: tuple[int, ...]
) -> None:
    expected = (*leading, collection.space.dimension)
    if vectors.shape != expected or vectors.dtype != np.float32:
        problem = f"{vectors.dtype} of shape {vectors.shape}; float32 of shape {expected} is needed"
        raise InvalidArgument.of(field, problem, reason="SPACE_MISMATCH")
    bad = np.flatnonzero(~np.isfinite(np.atleast_2d(vectors)).all(axis=1))
    if bad.size:
        problem = f"NaN or infinity in row {bad[0]}"
        raise InvalidArgument.of(field, problem, reason="INVALID_EMBEDDING")
