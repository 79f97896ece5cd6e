"""A doctor pauses the projector for as long as a repair takes."""

from __future__ import annotations

from services.ingest.counters import OUTBOX
from services.ingest.lease import LEASE
from services.ingest.projector_pause import pause_projector
from tests.unit.ingest.harness import PROJECT, IngestHarness


async def test_the_projector_pauses_and_continues(harness: IngestHarness) -> None:
    """During a pause nothing is decided; afterwards the projector continues at once."""
    projector = harness.projector()
    async with pause_projector(harness.ingest, PROJECT) as pause:
        assert pause is not None
        assert 0 == await projector.step(PROJECT)
    assert 2 == await projector.step(PROJECT)


async def test_a_long_pause_keeps_its_lease(harness: IngestHarness) -> None:
    """The lease is renewed during a pause, and a commit after that succeeds."""
    async with pause_projector(harness.ingest, PROJECT, renewal_interval_s=0) as pause:
        assert pause is not None
        before = (await harness.stores.ledger.get(PROJECT, [LEASE]))[LEASE].revision
        while (await harness.stores.ledger.get(PROJECT, [LEASE]))[LEASE].revision < before + 5:
            assert 0 == await harness.projector().step(PROJECT)
        assert await pause.commit(adds={OUTBOX: 0})


async def test_a_doctor_that_lost_its_lease_repairs_nothing(harness: IngestHarness) -> None:
    """Once another doctor has taken the lease, a commit under the first pause fails."""
    async with (
        pause_projector(harness.ingest, PROJECT) as first,
        pause_projector(harness.ingest, PROJECT) as second,
    ):
        assert first is not None
        assert second is not None
        assert not await first.commit(adds={OUTBOX: 1})
        assert await second.commit(adds={OUTBOX: 0})
