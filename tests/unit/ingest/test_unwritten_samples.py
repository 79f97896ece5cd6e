"""Decided samples are on the projector's list until they are written."""

from __future__ import annotations

from services.ingest.submit import start
from services.ingest.unwritten_samples import read_unwritten
from tests.unit.ingest.harness import PROJECT, IngestHarness, session
from tests.unit.ingest.tampering import decide_without_writing, send


async def test_decided_samples_are_unwritten_until_they_are_stored(harness: IngestHarness) -> None:
    """The list is empty before the decision and after the write."""
    ledger = harness.stores.ledger
    await start(harness.ingest, session())
    await send(harness, 1, "a", "b")
    assert {} == await read_unwritten(ledger, PROJECT)
    await decide_without_writing(harness)
    unwritten = await read_unwritten(ledger, PROJECT)
    assert {("c", "a"): "a", ("c", "b"): "b"} == {
        match: pending.frame_id for match, pending in unwritten.items()
    }
    await harness.projector().drain(PROJECT)
    assert {} == await read_unwritten(ledger, PROJECT)
