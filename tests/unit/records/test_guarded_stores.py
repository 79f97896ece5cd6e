"""Guarded stores keep nothing of a deleted project, whoever writes it, and whenever."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from services.blobs.folder import FolderBlobs
from services.ledger.interface import ABSENT, Conflict, Ledger, Transaction
from services.records.guarded_stores import guard_stores
from services.records.project_marks import ProjectMark, delete_records, put_mark
from services.records.stores import Stores
from services.vectors.edge.vectors import EdgeVectors
from services.vectors.interface import Collection, Kind, Points, Space
from sluice.errors import NotFound
from tests.unit.campaign.faults import overtaken


async def mark(ledger: Ledger, project: str) -> None:
    """Begin the deletion of a project."""
    await put_mark(ledger, project, ProjectMark(deleted_us=1), {})


async def test_a_deleted_project_is_not_changed(ledger: Ledger, tmp_path: Path) -> None:
    """A transaction is NotFound, and applies nothing; other partitions go on."""
    stores = guard_stores(Stores(ledger, EdgeVectors, FolderBlobs(tmp_path)))  # type: ignore[arg-type]
    await stores.ledger.commit(Transaction("p", puts={"a": b"1"}))
    await mark(stores.ledger, "p")

    with pytest.raises(NotFound, match="projects/p does not exist: it was deleted"):
        await stores.ledger.commit(Transaction("p", puts={"b": b"1"}, deletes=["a"]))
    for partition in ("q", "_system"):
        await stores.ledger.commit(Transaction(partition, puts={"b": b"1"}))

    assert {"a"} == set(await stores.ledger.get("p", ["a", "b"]))
    await delete_records(stores.ledger, "p")
    assert {} == await stores.ledger.get("p", ["a", "b"])


async def test_other_conflicts_stay_conflicts(ledger: Ledger, tmp_path: Path) -> None:
    """A check that fails in a project that exists is a Conflict naming its key."""
    stores = guard_stores(Stores(ledger, EdgeVectors, FolderBlobs(tmp_path)))  # type: ignore[arg-type]
    await stores.ledger.commit(Transaction("p", puts={"a": b"1"}))

    with pytest.raises(Conflict) as info:
        await stores.ledger.commit(Transaction("p", checks={"a": ABSENT}))

    assert "a" == info.value.subject


@pytest.mark.parametrize("late", [False, True])
async def test_points_of_a_deleted_project_are_removed(
    ledger: Ledger, tmp_path: Path, late: bool
) -> None:
    """They are not left behind, even if the project is deleted while they are written."""
    vectors = await EdgeVectors.open(tmp_path / "vectors")
    store = overtaken(vectors, "write", mark(ledger, "p")) if late else vectors
    if not late:
        await mark(ledger, "p")
    stores = guard_stores(Stores(ledger, store, FolderBlobs(tmp_path / "blobs")))
    points = Points([UUID(int=1)], np.ones((1, 8), np.float32), [{}])

    of_deleted, of_other = (Collection(Kind.FRAMES, Space(p, "m", 8)) for p in ("p", "q"))
    with pytest.raises(NotFound, match="it was deleted"):
        await stores.vectors.write(of_deleted, "t", points)
    await stores.vectors.write(of_other, "t", points)

    assert (0, 1) == (await vectors.count(of_deleted, "t"), await vectors.count(of_other, "t"))
    await vectors.close()
