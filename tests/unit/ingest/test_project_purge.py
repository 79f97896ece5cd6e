"""Ingest forgets a deleted project, and counts what it had."""

from __future__ import annotations

import pytest

from services.ingest.project_purge import purge_project
from services.ingest.projects import is_registered
from services.records.project_marks import ProjectMark, put_mark
from services.records.tombstones import DeletionCounts
from sluice.errors import FailedPrecondition, NotFound
from sluice.names import ProjectName
from tests.unit.ingest.doctor.repairs import examine
from tests.unit.ingest.harness import PROJECT, IngestHarness, frame, near
from tests.unit.ingest.test_campaign_purge import fill

NAME = ProjectName(PROJECT)


async def test_a_marked_project_is_forgotten(harness: IngestHarness) -> None:
    """Its matches are counted before; then no projector looks for work in it, and twice is fine."""
    await fill(harness)
    ledger = harness.stores.ledger

    assert DeletionCounts(samples=3) == await purge_project(
        harness.ingest, NAME, validate_only=True
    )
    with pytest.raises(FailedPrecondition, match="call DeleteProject first"):
        await purge_project(harness.ingest, NAME, validate_only=False)
    await put_mark(ledger, PROJECT, ProjectMark(deleted_us=1), {})
    for _ in range(2):
        await purge_project(harness.ingest, NAME, validate_only=False)

    assert not await is_registered(ledger, PROJECT)
    assert [] == await examine(harness)


async def test_a_late_batch_is_refused_as_deleted(harness: IngestHarness) -> None:
    """An open session learns that its project is deleted, not that a batch is out of sequence."""
    await fill(harness)
    await put_mark(harness.stores.ledger, PROJECT, ProjectMark(deleted_us=1), {})

    with pytest.raises(NotFound, match="it was deleted"):
        await harness.submit(3, harness.batch([(frame("d"), near(3))]))
    with pytest.raises(NotFound, match="it was deleted"):
        await harness.funnel("c")
