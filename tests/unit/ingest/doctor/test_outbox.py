"""The outbox holds exactly the pending matches; strays and its counter are repaired."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.doctor.findings import FindingKind
from services.ingest.counters import OUTBOX, Count
from services.ingest.projects import PARTITION
from services.ingest.records import DECIDED, PendingMatch, outbox_key
from services.ledger.interface import Add, Entry, Transaction
from services.records.records import encode
from tests.unit.ingest.doctor.repairs import (
    Tamper,
    assert_repairs,
    assert_reports_loss,
    examine,
)
from tests.unit.ingest.harness import CAMPAIGN, EYE, MODEL_ID, PROJECT, IngestHarness
from tests.unit.ingest.tampering import (
    SAMPLES,
    TENANT,
    TODAY_US,
    add_to_counter,
    decide_without_writing,
    send,
    write_directly,
)


async def lower_outbox_counter(harness: IngestHarness) -> None:
    """Count one outbox entry too few."""
    await add_to_counter(harness, OUTBOX, -1)


async def add_entry_without_row(harness: IngestHarness) -> None:
    """Add an outbox entry without a match."""
    pending = PendingMatch(
        campaign="c", frame_id="ghost", model_id=MODEL_ID, basis_digest="", vector=EYE[0].tobytes()
    )
    puts = {outbox_key(TODAY_US, "other", 1, 0): encode(pending)}
    await harness.stores.ledger.commit(Transaction(PROJECT, puts=puts, adds={OUTBOX: Add(1)}))


async def unregister_project(harness: IngestHarness) -> None:
    """Hide the project from the projector."""
    ledger = harness.stores.ledger
    await ledger.commit(Transaction(PARTITION, deletes=[f"project/{PROJECT}"]))


async def delete_entry(harness: IngestHarness) -> None:
    """Delete the outbox entry of frame `c`, the first one."""
    [entry, *_] = await harness.stores.ledger.scan(PROJECT, "outbox/", limit=1)
    transaction = Transaction(PROJECT, deletes=[entry.key], adds={OUTBOX: Add(-1)})
    await harness.stores.ledger.commit(transaction)


@pytest.mark.parametrize(
    ("tamper", "kind", "subject"),
    [
        (lower_outbox_counter, FindingKind.COUNTER, "projects/p outbox"),
        (add_entry_without_row, FindingKind.ENTRY_WITHOUT_ROW, f"{CAMPAIGN}/samples/ghost"),
        (unregister_project, FindingKind.PROJECT_UNKNOWN, "projects/p"),
    ],
)
async def test_a_wrong_outbox_is_repaired(
    harness: IngestHarness, tamper: Tamper, kind: FindingKind, subject: str
) -> None:
    """A stray entry, a wrong counter or an unregistered project is the only finding."""
    await assert_repairs(harness, tamper, kind, subject)


async def test_a_lost_entry_is_reported(harness: IngestHarness) -> None:
    """A pending match without its entry, which had the vector, is lost."""
    await assert_reports_loss(harness, delete_entry, FindingKind.PENDING_WITHOUT_ENTRY, "c")


async def test_a_decided_entry_is_written_and_not_decided_again(harness: IngestHarness) -> None:
    """If the list of decided entries is lost, the samples are written, and counted once."""
    await decide_without_writing(harness)
    await write_directly(harness, deletes=(DECIDED,))
    findings = await examine(harness)
    assert {FindingKind.ENTRY_OF_DECIDED} == {finding.kind for finding in findings}
    await examine(harness, repair=True)
    harness.clock.advance(timedelta(minutes=1))
    await harness.projector("successor").drain(PROJECT)
    counts = (await harness.funnel("c")).counts
    assert (0, 3) == (counts[Count.PENDING], counts[Count.COLLECTED])
    points = await harness.stores.vectors.read(SAMPLES, TENANT)
    assert {"a", "b", "c"} == {payload["frame_id"] for payload in points.payloads}
    assert [] == await examine(harness)


async def test_entries_added_during_a_count_are_no_difference(harness: IngestHarness) -> None:
    """A batch that arrives while the outbox is counted does not make its counter wrong."""
    ledger = type(harness.stores.ledger)
    real_scan, calls = ledger.scan, 0

    async def scan(self: Any, partition: str, prefix: str, **options: Any) -> list[Entry]:
        nonlocal calls
        page = await real_scan(self, partition, prefix, **options)
        calls += prefix == "outbox/"
        if prefix == "outbox/" and calls in {1, 4}:
            await send(harness, 4 if calls == 1 else 5, f"c{calls}")
        return page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "scan", scan)
        assert [] == await examine(harness)
    assert calls > 4
