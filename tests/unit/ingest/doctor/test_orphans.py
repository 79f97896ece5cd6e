"""Points, documents and listing entries without a sample are deleted."""

from __future__ import annotations

import pytest

from services.doctor.findings import FindingKind
from services.ingest.points import sample_point
from services.ingest.records import Mark, document_key, order_keys
from services.records.records import encode
from services.vectors.interface import Points
from tests.unit.ingest.doctor.repairs import Tamper, assert_repairs
from tests.unit.ingest.harness import CAMPAIGN, EYE, PROJECT, IngestHarness
from tests.unit.ingest.tampering import SAMPLES, TENANT, write_directly

NEAR_DUPLICATE_POINT = sample_point(PROJECT, "c", "aa")


async def add_document(harness: IngestHarness) -> None:
    """Add a document without a match."""
    key = document_key("c", "a")
    entry = (await harness.stores.ledger.get(PROJECT, [key]))[key]
    await write_directly(harness, puts={document_key("c", "ghost"): entry.value})


async def add_listing_entry(harness: IngestHarness) -> None:
    """Add an entry without a sample to the listing by score."""
    await write_directly(harness, puts={order_keys("c", 1, 0.7, "ghost")[0]: encode(Mark())})


async def add_point(harness: IngestHarness) -> None:
    """Add a point of a near duplicate."""
    payload = {"frame_id": "aa", "version": 1, "score": 0.5}
    points = Points([NEAR_DUPLICATE_POINT], EYE[:1], [payload])
    await harness.stores.vectors.write(SAMPLES, TENANT, points)


@pytest.mark.parametrize(
    ("tamper", "kind", "subject"),
    [
        (add_document, FindingKind.DOCUMENT_ORPHAN, "ghost"),
        (add_listing_entry, FindingKind.LISTING_ORPHAN, "ghost"),
        (add_point, FindingKind.SAMPLE_ORPHAN, f"aa, point {NEAR_DUPLICATE_POINT}"),
    ],
)
async def test_an_orphan_is_deleted(
    harness: IngestHarness, tamper: Tamper, kind: FindingKind, subject: str
) -> None:
    """An orphan is the only finding, and the only thing that a repair deletes."""
    await assert_repairs(harness, tamper, kind, f"{CAMPAIGN}/samples/{subject}")
