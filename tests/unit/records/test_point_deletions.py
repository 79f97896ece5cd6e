"""Points that are listed for deletion are deleted, also by a later call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.blobs.folder import FolderBlobs
from services.ledger.interface import Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.records.point_deletions import (
    delete_listed_points,
    list_points,
    read_point_deletions,
)
from services.records.points import create_point_id
from services.records.records import now_us
from services.records.stores import Stores
from services.vectors.edge.vectors import EdgeVectors
from services.vectors.interface import Collection, Kind, Points, Space
from sluice.errors import Unavailable
from tests.unit.campaign.faults import failing

COLLECTION = Collection(Kind.FRAMES, Space("p", "m", 2))


async def test_listed_points_are_deleted(tmp_path: Path) -> None:
    """A deletion that fails leaves its list, and the next call empties it."""
    ledger = await SqliteLedger.open(tmp_path / "ledger.sqlite")
    vectors = await EdgeVectors.open(tmp_path / "vectors")
    stores = Stores(ledger, vectors, FolderBlobs(tmp_path / "blobs"))
    ids = [create_point_id() for _ in range(2)]
    await vectors.write(COLLECTION, "t", Points(ids, np.eye(2, dtype=np.float32), [{}, {}]))
    puts = list_points("test", COLLECTION, "t", [ids[0].bytes])
    await ledger.commit(Transaction("p", puts=puts))

    broken = Stores(ledger, failing(vectors, "delete"), stores.blobs)
    with pytest.raises(Unavailable):
        await delete_listed_points(broken, "p", "test")
    [listed] = [deletion async for deletion in read_point_deletions(stores, "p", "test")]
    await delete_listed_points(stores, "p", "test")

    assert (COLLECTION, "t", [ids[0]]) == (listed.collection, listed.tenant, listed.points)
    assert now_us() - 60_000_000 < listed.started_us <= now_us()
    assert [ids[1]] == (await vectors.read(COLLECTION, "t")).ids
    assert [] == [deletion async for deletion in read_point_deletions(stores, "p", "test")]
    await vectors.close()
    await ledger.close()


def test_no_points_are_not_listed() -> None:
    """Without points there is nothing to put."""
    assert {} == list_points("test", COLLECTION, "t", [])
