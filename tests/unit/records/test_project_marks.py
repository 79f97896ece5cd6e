"""The mark of a deleted project, and the deletion of its records."""

from __future__ import annotations

import pytest

from services.ledger.interface import Add, Conflict, Ledger, Transaction
from services.records.project_marks import (
    MARK,
    ProjectMark,
    check_marked,
    delete_records,
    find_mark,
    has_records,
    is_marked,
    put_mark,
)
from services.records.tombstones import DeletionCounts
from sluice.errors import FailedPrecondition, NotFound

RECORDED = ProjectMark(deleted_us=7, counts=DeletionCounts(frames=3))


async def test_the_first_mark_stays(ledger: Ledger) -> None:
    """A second mark is a conflict, and changes nothing."""
    await put_mark(ledger, "p", RECORDED, {"generation": Add(1)})

    with pytest.raises(Conflict):
        await put_mark(ledger, "p", ProjectMark(deleted_us=8), {"generation": Add(1)})

    stored = await find_mark(ledger, "p")
    assert stored is not None
    assert stored.record == RECORDED
    assert {"generation": 1} == await ledger.counters("p", ["generation"])
    assert (True, False) == (await is_marked(ledger, "p"), await is_marked(ledger, "q"))


async def test_all_records_but_the_mark_are_deleted(ledger: Ledger) -> None:
    """Counters and other projects stay."""
    records = {f"frame/{number:03}": b"x" for number in range(600)}
    for project in ("p", "q"):
        await ledger.commit(Transaction(project, puts=records, adds={"seen": Add(5)}))
    await put_mark(ledger, "p", RECORDED, {})
    assert await has_records(ledger, "p")

    await delete_records(ledger, "p")

    assert [MARK] == [entry.key for entry in await ledger.scan("p", "", limit=10)]
    assert not await has_records(ledger, "p")
    assert {"seen": 5} == await ledger.counters("p", ["seen"])
    assert len(records) == len(await ledger.scan("q", "", limit=1_000))


async def test_a_project_without_a_mark_keeps_its_records(ledger: Ledger) -> None:
    """Neither its records nor what services know of it can be deleted by mistake."""
    await ledger.commit(Transaction("p", puts={"frame/a": b"x"}))

    with pytest.raises(NotFound, match="the mark of 'p'"):
        await delete_records(ledger, "p")
    with pytest.raises(FailedPrecondition, match="projects/p is not being deleted"):
        await check_marked(ledger, "p")

    assert 1 == len(await ledger.scan("p", "", limit=10))
