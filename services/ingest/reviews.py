"""Reading what people have said of samples, each with the vector that it was said of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.ingest.being_written import being_written
from services.ingest.context import Ingest
from services.ingest.points import collection_of, sample_point, tenant_of
from services.ingest.records import (
    Document,
    Review,
    Row,
    RowState,
    document_key,
    order_prefix,
    row_key,
)
from services.peers.reviews import ReviewedSample, ReviewsPage
from services.records.records import decode, segments
from services.records.scanning import scan_pages
from services.vectors.interface import Collection
from sluice.errors import DataLoss
from sluice.limits import BATCH_BYTES_MAX, DIMENSION_MAX
from sluice.names import CampaignName, SampleName

PAGE: Final = BATCH_BYTES_MAX // (4 * DIMENSION_MAX)
"""Samples read at a time: their vectors fit into one message, whatever their dimension."""


async def read_reviews(ingest: Ingest, campaign: CampaignName) -> AsyncIterator[ReviewsPage]:
    """All samples of a campaign that are accepted or discarded, the best first, each once.

    Raises NotFound naming a campaign that does not exist, and DataLoss naming a sample whose
    document or vector is lost.
    """
    # All versions of a campaign are of one space: that of its issue, which never changes.
    version = await ingest.active.version(campaign.project, campaign.campaign, 1)
    collection = collection_of(campaign.project, version.model_id, version.dimension)
    below = order_prefix(campaign.campaign, by_version=False)
    async for page in scan_pages(ingest.stores.ledger, campaign.project, below, PAGE):
        samples = await _reviewed(ingest, campaign, [segments(entry.key)[-1] for entry in page])
        frame_ids = [sample.frame_id for sample in samples]
        yield ReviewsPage(samples, await _vectors(ingest, campaign, collection, frame_ids))


async def _reviewed(
    ingest: Ingest, campaign: CampaignName, frame_ids: Sequence[str]
) -> list[ReviewedSample]:
    ledger, project = ingest.stores.ledger, campaign.project
    keys = {row_key(campaign.campaign, frame_id): frame_id for frame_id in frame_ids}
    rows = {keys[key]: decode(Row, e) for key, e in (await ledger.get(project, list(keys))).items()}
    known = [i for i in frame_ids if i in rows and _is_reviewed(rows[i])]
    documents = {i: document_key(campaign.campaign, i) for i in known}
    found = await ledger.get(project, list(documents.values()))
    for frame_id in known:
        if documents[frame_id] not in found:
            raise _lost(SampleName(project, campaign.campaign, frame_id), "document")
    return [
        ReviewedSample(
            frame_id,
            decode(Document, found[documents[frame_id]]).explanation.label_id,
            accepted=rows[frame_id].review is Review.ACCEPTED,
        )
        for frame_id in known
    ]


def _is_reviewed(row: Row) -> bool:
    return row.state is RowState.COLLECTED and row.review is not Review.UNSORTED


async def _vectors(
    ingest: Ingest, campaign: CampaignName, collection: Collection, frame_ids: Sequence[str]
) -> NDArray[np.float32]:
    """The vectors of samples, `(frame_ids, dimension) float32`."""
    found = await _stored(ingest, campaign, collection, frame_ids)
    if len(found) < len(frame_ids):
        found |= await _under_way(ingest, campaign)
        # What is not under way any more has been written by now, if it ever was.
        late = [frame_id for frame_id in frame_ids if frame_id not in found]
        found |= await _stored(ingest, campaign, collection, late)
    rows = np.empty((len(frame_ids), collection.space.dimension), np.float32)
    for row, frame_id in enumerate(frame_ids):
        if frame_id not in found:
            raise _lost(SampleName(campaign.project, campaign.campaign, frame_id), "vector")
        rows[row] = found[frame_id]
    return rows


async def _stored(
    ingest: Ingest, campaign: CampaignName, collection: Collection, frame_ids: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """The vectors of those samples that the vector store has."""
    if not frame_ids:
        return {}
    project = campaign.project
    of_point = {sample_point(project, campaign.campaign, i): i for i in frame_ids}
    tenant = tenant_of(project, campaign.campaign)
    found = await ingest.stores.vectors.retrieve(collection, tenant, list(of_point))
    return {of_point[point]: row for point, row in zip(found.ids, found.vectors, strict=True)}


async def _under_way(ingest: Ingest, campaign: CampaignName) -> dict[str, NDArray[np.float32]]:
    """The vectors of samples that are decided, and perhaps not in the vector store yet."""
    pending = await being_written(ingest.stores.ledger, campaign.project)
    return {
        waits.frame_id: np.frombuffer(waits.vector, "<f4")
        for waits in pending.values()
        if waits.campaign == campaign.campaign
    }


def _lost(name: SampleName, what: str) -> DataLoss:
    return DataLoss(
        f"{name}: its {what} is lost; restore the sample, so that its review counts no more",
        metadata={"frame_id": name.frame},
    )
