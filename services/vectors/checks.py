"""Checks of arguments that every vector store makes before it writes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.vectors.interface import Collection, Points
from sluice.errors import InvalidArgument


def check_points(collection: Collection, points: Points) -> None:
    """Raise InvalidArgument for malformed points.

    Vectors must be finite float32 of shape `(points, dimension)`, else the error names the row;
    each id must have a payload.
    """
    _check_vectors(collection, points.vectors, "points.vectors", (len(points),))
    if len(points.payloads) != len(points):
        problem = f"{len(points.payloads)} for {len(points)} ids, expected one per id"
        raise InvalidArgument.of("points.payloads", problem)


def check_search(collection: Collection, query: NDArray[np.float32], limit: int) -> None:
    """Raise InvalidArgument for a malformed query vector or a limit below 1."""
    _check_vectors(collection, query, "query", ())
    if limit < 1:
        raise InvalidArgument.of("limit", f"{limit}, expected at least 1")


def _check_vectors(
    collection: Collection, vectors: NDArray[np.float32], field: str, leading: tuple[int, ...]
) -> None:
    expected = (*leading, collection.space.dimension)
    if vectors.shape != expected or vectors.dtype != np.float32:
        problem = f"{vectors.dtype} of shape {vectors.shape}, expected float32 of shape {expected}"
        raise InvalidArgument.of(field, problem, reason="SPACE_MISMATCH")
    bad_rows = np.flatnonzero(~np.isfinite(np.atleast_2d(vectors)).all(axis=1))
    if bad_rows.size:
        problem = f"NaN or infinity in row {bad_rows[0]}"
        raise InvalidArgument.of(field, problem, reason="INVALID_EMBEDDING")
