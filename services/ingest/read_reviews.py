"""Reading the reviewed samples of a campaign, with their vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.ingest.context import Ingest
from services.ingest.points import collection_of, sample_point, tenant_of
from services.ingest.records import (
    Document,
    Review,
    Row,
    document_key,
    order_prefix,
    row_key,
)
from services.ingest.unwritten_samples import read_unwritten
from services.peers.reviews import ReviewedSample, ReviewsPage
from services.records.records import decode, segments
from services.records.scanning import scan_pages
from services.vectors.interface import Collection
from sluice.errors import DataLoss
from sluice.limits import BATCH_BYTES_MAX, DIMENSION_MAX
from sluice.names import CampaignName, SampleName

PAGE: Final = BATCH_BYTES_MAX // (4 * DIMENSION_MAX)
"""Samples per page: their vectors fit into one message, whatever their dimension."""


async def read_reviews(ingest: Ingest, campaign: CampaignName) -> AsyncIterator[ReviewsPage]:
    """All accepted and discarded samples of a campaign, by descending score, each once.

    Raises NotFound naming a campaign that does not exist, and DataLoss naming a sample without
    document or vector.
    """
    # All versions of a campaign are in the space of its issue, which never changes.
    version = await ingest.active.version(campaign.project, campaign.campaign, 1)
    collection = collection_of(campaign.project, version.model_id, version.dimension)
    prefix = order_prefix(campaign.campaign, by_version=False)
    async for page in scan_pages(ingest.stores.ledger, campaign.project, prefix, PAGE):
        samples = await _read_reviewed(
            ingest, campaign, [segments(entry.key)[-1] for entry in page]
        )
        frame_ids = [sample.frame_id for sample in samples]
        vectors = await _read_vectors(ingest, campaign, collection, frame_ids)
        remaining = [sample for sample in samples if sample.frame_id in vectors]
        rows = np.empty((len(remaining), collection.space.dimension), np.float32)
        for row, sample in enumerate(remaining):
            rows[row] = vectors[sample.frame_id]
        yield ReviewsPage(remaining, rows)


async def _read_reviewed(
    ingest: Ingest, campaign: CampaignName, frame_ids: Sequence[str]
) -> list[ReviewedSample]:
    """The reviewed ones of these samples; those that are deleted meanwhile are left out."""
    ledger, project = ingest.stores.ledger, campaign.project
    row_keys = {frame_id: row_key(campaign.campaign, frame_id) for frame_id in frame_ids}
    entries = await ledger.get(project, list(row_keys.values()))
    rows = {
        frame_id: row
        for frame_id, key in row_keys.items()
        if key in entries and _is_reviewed(row := decode(Row, entries[key]))
    }
    document_keys = {frame_id: document_key(campaign.campaign, frame_id) for frame_id in rows}
    documents = await ledger.get(project, list(document_keys.values()))
    lost = [frame_id for frame_id, key in document_keys.items() if key not in documents]
    await _check_purged(ingest, campaign, lost, "document")
    return [
        ReviewedSample(
            frame_id,
            decode(Document, documents[document_keys[frame_id]]).explanation.label_id,
            accepted=row.review is Review.ACCEPTED,
        )
        for frame_id, row in rows.items()
        if frame_id not in lost
    ]


def _is_reviewed(row: Row) -> bool:
    return row.is_sample and row.review is not Review.UNSORTED


async def _read_vectors(
    ingest: Ingest, campaign: CampaignName, collection: Collection, frame_ids: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """The vectors of samples by frame id; those that are deleted meanwhile are left out."""
    vectors = await _read_stored_vectors(ingest, campaign, collection, frame_ids)
    if len(vectors) < len(frame_ids):
        vectors |= await _read_unwritten_vectors(ingest, campaign)
        # A sample that is not on that list any more has been written in the meantime.
        late = [frame_id for frame_id in frame_ids if frame_id not in vectors]
        vectors |= await _read_stored_vectors(ingest, campaign, collection, late)
    lost = [frame_id for frame_id in frame_ids if frame_id not in vectors]
    await _check_purged(ingest, campaign, lost, "vector")
    return vectors


async def _read_stored_vectors(
    ingest: Ingest, campaign: CampaignName, collection: Collection, frame_ids: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """The vectors of these samples that are in the vector store, by frame id."""
    if not frame_ids:
        return {}
    project = campaign.project
    frame_of_point = {sample_point(project, campaign.campaign, i): i for i in frame_ids}
    tenant = tenant_of(project, campaign.campaign)
    points = await ingest.stores.vectors.retrieve(collection, tenant, list(frame_of_point))
    return {
        frame_of_point[point]: vector
        for point, vector in zip(points.ids, points.vectors, strict=True)
    }


async def _read_unwritten_vectors(
    ingest: Ingest, campaign: CampaignName
) -> dict[str, NDArray[np.float32]]:
    """The vectors of decided samples that may not be in the vector store yet, by frame id."""
    unwritten = await read_unwritten(ingest.stores.ledger, campaign.project)
    return {
        match.frame_id: np.frombuffer(match.vector, "<f4")
        for match in unwritten.values()
        if match.campaign == campaign.campaign
    }


async def _check_purged(
    ingest: Ingest, campaign: CampaignName, frame_ids: Sequence[str], part: str
) -> None:
    """Raise DataLoss for the first of these samples that has lost a part and is not deleted."""
    keys = {row_key(campaign.campaign, frame_id): frame_id for frame_id in frame_ids}
    entries = await ingest.stores.ledger.get(campaign.project, list(keys)) if keys else {}
    for key, entry in entries.items():
        if not decode(Row, entry).purged_us:
            raise _data_loss(SampleName(campaign.project, campaign.campaign, keys[key]), part)


def _data_loss(name: SampleName, part: str) -> DataLoss:
    return DataLoss(
        f"{name}: its {part} is lost; restore the sample, so that its review no longer counts",
        metadata={"frame_id": name.frame},
    )
