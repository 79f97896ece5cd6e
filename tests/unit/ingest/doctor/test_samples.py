"""Collected rows have their point: the same payload, and a vector with the row's score."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.doctor.findings import FindingKind
from services.ingest.points import sample_point
from services.vectors.interface import Points
from sluice.scoring import normalise
from tests.unit.ingest.doctor.repairs import (
    Tamper,
    assert_repairs,
    assert_reports_loss,
    examine,
)
from tests.unit.ingest.harness import CAMPAIGN, EYE, PROJECT, IngestHarness
from tests.unit.ingest.tampering import SAMPLES, TENANT, decide_without_writing

POINT = sample_point(PROJECT, "c", "a")


async def change_payload(harness: IngestHarness) -> None:
    """Change the version in the payload of frame `a`."""
    points = await harness.stores.vectors.retrieve(SAMPLES, TENANT, [POINT])
    payload = {**points.payloads[0], "version": 7}
    await harness.stores.vectors.write(SAMPLES, TENANT, Points([POINT], points.vectors, [payload]))


async def delete_point(harness: IngestHarness) -> None:
    """Delete the point of frame `a`."""
    await harness.stores.vectors.delete(SAMPLES, TENANT, [POINT])


async def change_vector(harness: IngestHarness) -> None:
    """Replace the vector of frame `a`."""
    points = await harness.stores.vectors.retrieve(SAMPLES, TENANT, [POINT])
    vector = normalise(EYE[:1] + EYE[4:5])
    await harness.stores.vectors.write(SAMPLES, TENANT, Points([POINT], vector, points.payloads))


async def test_a_wrong_payload_is_repaired(harness: IngestHarness) -> None:
    """A payload that differs from the row is written again, with the same vector."""
    subject = f"{CAMPAIGN}/samples/a"
    await assert_repairs(harness, change_payload, FindingKind.SAMPLE_PAYLOAD, subject)


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [(delete_point, FindingKind.SAMPLE_MISSING), (change_vector, FindingKind.SAMPLE_VECTOR)],
)
async def test_a_lost_vector_is_reported(
    harness: IngestHarness, tamper: Tamper, kind: FindingKind
) -> None:
    """A missing point, or a vector with another score, is a loss."""
    await assert_reports_loss(harness, tamper, kind, "a")


async def test_a_decided_sample_that_is_not_written_is_no_difference(
    harness: IngestHarness,
) -> None:
    """A sample on the projector's list is not missing, also if it is written meanwhile."""
    await decide_without_writing(harness)
    assert [] == await examine(harness)
    vectors = type(harness.stores.vectors)
    real_retrieve, successor = vectors.retrieve, harness.projector("successor")
    harness.clock.advance(timedelta(minutes=1))

    async def retrieve(*arguments: Any) -> Points:
        points = await real_retrieve(*arguments)
        await successor.drain(PROJECT)
        return points

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "retrieve", retrieve)
        assert [] == await examine(harness)
    points = await harness.stores.vectors.read(SAMPLES, TENANT)
    assert 3 == len(points)
