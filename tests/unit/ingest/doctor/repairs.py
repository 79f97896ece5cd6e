"""Running ingest's doctor, and what it must do about a difference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.doctor.findings import Finding, FindingKind, FindingOutcome
from services.ingest.counters import OUTBOX, Count, budget_used_on
from services.ingest.doctor.diagnose import diagnose
from services.ingest.samples import SampleFilter, list_samples
from sluice.names import ProjectName
from tests.unit.ingest.harness import CAMPAIGN, PROJECT, IngestHarness
from tests.unit.ingest.tampering import SAMPLES, TENANT, TODAY_US

Tamper = Callable[[IngestHarness], Awaitable[None]]
"""Makes one difference in the stores."""


async def examine(harness: IngestHarness, *, repair: bool = False) -> list[Finding]:
    """The findings of the doctor."""
    events = diagnose(harness.ingest, ProjectName(PROJECT), repair=repair)
    return [event async for event in events if isinstance(event, Finding)]


async def read_state(harness: IngestHarness) -> tuple[object, ...]:
    """Everything that the doctor may repair: counters, listings and points."""
    listings = []
    for by_version in (False, True):
        samples, _ = await list_samples(
            harness.ingest, CAMPAIGN, SampleFilter(by_version=by_version), after="", limit=100
        )
        listings.append([sample.frame.id for sample in samples])
    points = await harness.stores.vectors.read(SAMPLES, TENANT)
    return (
        dict((await harness.funnel("c")).counts),
        await harness.stores.ledger.counters(PROJECT, [OUTBOX, budget_used_on("c", TODAY_US)]),
        listings,
        dict(zip(points.ids, points.payloads, strict=True)),
    )


async def assert_repairs(
    harness: IngestHarness, tamper: Tamper, kind: FindingKind, subject: str
) -> None:
    """The difference is the only finding; a run without repair changes nothing, one with it does.

    Afterwards the stores are as before, also once the projector has emptied the outbox.
    """
    before = await read_state(harness)
    await tamper(harness)
    for repair, outcome in ((False, FindingOutcome.REPAIRABLE), (True, FindingOutcome.REPAIRED)):
        [finding] = await examine(harness, repair=repair)
        assert (kind, subject, outcome) == (finding.kind, finding.subject, finding.outcome)
    assert [] == await examine(harness)
    assert before == await read_state(harness)
    await harness.projector().drain(PROJECT)
    assert [] == await examine(harness)
    assert 0 == (await harness.funnel("c")).counts[Count.PENDING]


async def assert_reports_loss(
    harness: IngestHarness, tamper: Tamper, kind: FindingKind, frame_id: str
) -> None:
    """The loss is the only finding of each run, with and without repair."""
    await tamper(harness)
    for repair in (False, True, False):
        [finding] = await examine(harness, repair=repair)
        assert (kind, f"{CAMPAIGN}/samples/{frame_id}", FindingOutcome.LOST) == (
            finding.kind,
            finding.subject,
            finding.outcome,
        )
