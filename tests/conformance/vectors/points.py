"""Points to test with, and how to compare them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np

from services.vectors.interface import Collection, Kind, Points, Space
from services.vectors.naming import point_id

NewCollection = Callable[[int], Collection]
"""Names a collection of that dimension that nothing was written to yet."""

FRAMES = Collection(Kind.FRAMES, Space("p", "resnet", 8))


def random_points(count: int, *, name: str, seed: int = 0, dimension: int = 8) -> Points:
    """Unit vectors with a number as payload; the same name gives the same ids."""
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [point_id(name, str(row)) for row in range(count)]
    return Points(ids, vectors, [{"row": row} for row in range(count)])


def pick(points: Points, rows: Sequence[int]) -> Points:
    """Those rows of the points."""
    return Points(
        [points.ids[row] for row in rows],
        points.vectors[list(rows)],
        [points.payloads[row] for row in rows],
    )


def bits(points: Points) -> dict[UUID, tuple[bytes, str]]:
    """All there is to a set of points: per id, the bytes of its vector and its payload as text."""
    # As text, since Python holds 1, 1.0 and True for equal and a store could mix them up.
    return {
        point: (vector.tobytes(), repr(payload))
        for point, vector, payload in zip(points.ids, points.vectors, points.payloads, strict=True)
    }
