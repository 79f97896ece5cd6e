"""A batch that contradicts itself, or the versions that it names, is rejected by field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.ingest.batch import Verdict
from services.ingest.counters import Count
from services.ingest.submit import start, submit
from sluice import errors, rpc_errors
from tests.unit.ingest.harness import (
    EYE,
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


async def purge_version(harness: IngestHarness, digest: str) -> None:
    """Replace the model of the campaign's version by another one, as a deletion of frames does."""
    active = harness.versions.active["c"]
    former = (active.version.model_digest,)
    version = replace(active.version, model_digest=digest, former_digests=former)
    harness.versions.active["c"] = replace(active, version=version)
    harness.versions.committed["c", 1] = version


async def test_a_batch_of_a_former_model_is_judged_by_the_new_one(harness: IngestHarness) -> None:
    """After a deletion, scores of the former model are not compared, and matches are collected."""
    batch = harness.batch([(frame("f"), near(0))], override=0.0)
    other = await harness.commit("other", EYE[1:2])
    await purge_version(harness, other.model_digest)

    verdicts = await harness.submit(1, batch)

    assert [Verdict.PENDING] == verdicts


async def test_a_version_without_a_model_is_inactive(harness: IngestHarness) -> None:
    """A version whose elements were all deleted gives the verdict inactive, never an error."""
    batch = harness.batch([(frame("f"), near(0))], override=0.0)
    await purge_version(harness, "")

    assert [Verdict.INACTIVE] == await harness.submit(1, batch)
