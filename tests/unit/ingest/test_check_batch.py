"""A batch that contradicts itself, or the versions that it names, is rejected by field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.ingest.counters import Count
from services.ingest.submit import start, submit
from sluice import errors, rpc_errors
from tests.unit.ingest.harness import (
    IngestHarness,
    delivery,
    frame,
    near,
    session,
)


async def test_an_unknown_version_is_rejected(harness: IngestHarness) -> None:
    """The error is the batch's outcome: its number is used, and nothing is counted."""
    batch = harness.batch([(frame("f"), near(0))])
    batch = replace(batch, tallies=(replace(batch.tallies[0], version=9),))
    outcome = await submit(harness.ingest, session(), delivery(1, batch))
    assert isinstance(rpc_errors.loads(outcome.error), errors.NotFound)
    assert 2 == await start(harness.ingest, session())
    assert 0 == (await harness.funnel("c")).counts[Count.SEEN]


async def test_a_campaign_of_another_project_is_rejected(harness: IngestHarness) -> None:
    """A session cannot count for a campaign of another project."""
    batch = harness.batch([(frame("f"), near(0))])
    foreign = replace(batch.tallies[0], campaign="projects/q/campaigns/c")
    outcome = await submit(
        harness.ingest, session(), delivery(1, replace(batch, tallies=(foreign,)))
    )
    assert "FOREIGN_PROJECT" == rpc_errors.loads(outcome.error).reason


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model_digest": "0" * 64}, "model_digest"),
        ({"count": 3}, "count"),
    ],
)
async def test_a_wrong_tally_is_rejected(
    harness: IngestHarness, changes: dict[str, Any], field: str
) -> None:
    """A tally with another model or another count is rejected by its field."""
    batch = harness.batch([(frame("f"), near(0))])
    tally = replace(batch.tallies[0], **changes)
    outcome = await submit(harness.ingest, session(), delivery(1, replace(batch, tallies=(tally,))))
    assert f"batch.tallies[0].{field}" == rpc_errors.loads(outcome.error).fields[0].field


async def test_a_duplicate_frame_is_rejected(harness: IngestHarness) -> None:
    """Two matches with one frame id are rejected, naming the id."""
    batch = harness.batch([(frame("f"), near(0)), (frame("f"), near(1))])
    outcome = await submit(harness.ingest, session(), delivery(1, batch))
    assert "duplicate frame id 'f'" in rpc_errors.loads(outcome.error).message
