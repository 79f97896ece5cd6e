"""Ids and vectors of points that records name."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID

import numpy as np

from services.records.points import create_point_id, made_us, read_points
from services.vectors.edge.vectors import EdgeVectors
from services.vectors.interface import Collection, Kind, Points, Space
from services.vectors.naming import point_id


def test_a_created_id_holds_its_time() -> None:
    """Ids are different UUIDs of version 7, and give the millisecond of their creation."""
    before_ms = time.time_ns() // 1_000_000
    ids = [create_point_id() for _ in range(100)]
    after_ms = time.time_ns() // 1_000_000

    assert 100 == len(set(ids))
    assert {(7, "specified in RFC 4122")} == {(id.version, id.variant) for id in ids}
    assert all(before_ms <= made_us(id) // 1_000 <= after_ms for id in ids)


def test_another_id_has_no_time() -> None:
    """A derived id is of no age."""
    assert 0 == made_us(point_id("p", "a"))
    assert 0 == made_us(UUID(int=2**128 - 1))


async def test_missing_points_read_as_zeros(tmp_path: Path) -> None:
    """Vectors come in the order of the ids, with a row of zeros for each missing point."""
    collection = Collection(Kind.FRAMES, Space("p", "resnet", 2))
    ids = [point_id(name) for name in "abc"]
    vectors = np.array([[1, 2], [3, 4]], np.float32)
    store = await EdgeVectors.open(tmp_path)
    await store.write(collection, "t", Points([ids[2], ids[0]], vectors, [{}, {}]))

    rows = await read_points(store, collection, "t", ids)
    assert [[3, 4], [0, 0], [1, 2]] == rows.tolist()
    assert np.float32 == rows.dtype
    await store.close()
