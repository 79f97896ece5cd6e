"""Tombstones: a deleted id is known for good, and writers notice a deletion meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.ledger.interface import Conflict, Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.records.tombstones import DeletionCounts, Tombstones, check_frame_ids
from sluice.errors import InvalidArgument

TOMBSTONES = Tombstones("test")
ONE, TWO = DeletionCounts(frames=1), DeletionCounts(frames=2, samples=1)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    """A ledger."""
    opened = await SqliteLedger.open(tmp_path / "ledger.sqlite")
    yield opened
    await opened.close()


async def test_the_first_counts_stay(ledger: SqliteLedger) -> None:
    """A deletion that is repeated has the counts of the first one, whatever it finds now."""
    await TOMBSTONES.put(ledger, "p", {"a": TWO})

    total = await TOMBSTONES.put(ledger, "p", {"a": DeletionCounts(), "b": ONE})

    assert DeletionCounts(frames=3, samples=1) == total
    assert total == await TOMBSTONES.sum_counts(ledger, "p", {"a": ONE, "b": TWO})
    assert frozenset("ab") == (await TOMBSTONES.read(ledger, "p", "abc")).deleted


async def test_a_writer_notices_a_deletion(ledger: SqliteLedger) -> None:
    """A transaction with the checks of before conflicts with a deletion of any frame."""
    deletions = await TOMBSTONES.read(ledger, "p", ["a"])
    await ledger.commit(Transaction("p", checks=deletions.checks, puts={"x": b""}))
    await TOMBSTONES.put(ledger, "p", {"b": ONE})

    with pytest.raises(Conflict):
        await ledger.commit(Transaction("p", checks=deletions.checks, puts={"y": b""}))


@pytest.mark.parametrize("ids", [[], ["a", "a"], [""], ["x"] * 1_001])
def test_invalid_ids_are_refused(ids: list[str]) -> None:
    """No frames, duplicates, empty ids and too many frames are refused by their field."""
    with pytest.raises(InvalidArgument, match="frame_ids"):
        check_frame_ids(ids)
