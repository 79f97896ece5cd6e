"""Each row has its document and its listing entries."""

from __future__ import annotations

from services.doctor.findings import FindingKind
from services.ingest.records import Row, document_key, order_keys, row_key
from services.records.records import decode
from tests.unit.ingest.doctor.repairs import assert_repairs, assert_reports_loss
from tests.unit.ingest.harness import CAMPAIGN, PROJECT, IngestHarness
from tests.unit.ingest.tampering import write_directly


async def unlist_by_version(harness: IngestHarness) -> None:
    """Delete the entry of frame `b` in the listing by version."""
    key = row_key("c", "b")
    row = decode(Row, (await harness.stores.ledger.get(PROJECT, [key]))[key])
    _, by_version = order_keys("c", row.version, row.score, "b")
    await write_directly(harness, deletes=(by_version,))


async def delete_document(harness: IngestHarness) -> None:
    """Delete the document of frame `a`."""
    await write_directly(harness, deletes=(document_key("c", "a"),))


async def test_a_missing_listing_entry_is_repaired(harness: IngestHarness) -> None:
    """A sample that a listing lacks is listed again."""
    subject = f"{CAMPAIGN}/samples/b"
    await assert_repairs(harness, unlist_by_version, FindingKind.LISTING_MISSING, subject)


async def test_a_lost_document_is_reported(harness: IngestHarness) -> None:
    """A row without its document is a loss."""
    await assert_reports_loss(harness, delete_document, FindingKind.DOCUMENT_MISSING, "a")
