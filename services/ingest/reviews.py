"""Reading what people have said of samples, each with the vector that it was said of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence, Set

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
from services.platform.records import decode, segments
from services.platform.reviews import ReviewedSample, ReviewsPage
from services.platform.scanning import pages
from services.vectors.interface import Collection
from sluice.errors import DataLoss, SluiceError, Unavailable
from sluice.names import CampaignName, SampleName


async def read_reviews(ingest: Ingest, campaign: CampaignName) -> AsyncIterator[ReviewsPage]:
    """All samples of a campaign that are accepted or discarded, the best first, each once.

    Raises NotFound naming a campaign that does not exist, DataLoss naming a sample whose vector
    is lost, and Unavailable for one whose vector is still being written.
    """
    # All versions of a campaign are of one space: that of its issue, which never changes.
    version = await ingest.active.version(campaign.project, campaign.campaign, 1)
    collection = collection_of(campaign.project, version.model_id, version.dimension)
    below = order_prefix(campaign.campaign, by_version=False)
    async for page in pages(ingest.stores.ledger, campaign.project, below):
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
    project = campaign.project
    row_of = {
        sample_point(project, campaign.campaign, frame_id): row
        for row, frame_id in enumerate(frame_ids)
    }
    # Before the vectors: what is decided and not under way by now has been written.
    under_way = await being_written(ingest.stores.ledger, project)
    tenant = tenant_of(project, campaign.campaign)
    found = await ingest.stores.vectors.retrieve(collection, tenant, list(row_of))
    for point in row_of.keys() - set(found.ids):
        raise _missing(campaign, frame_ids[row_of[point]], under_way)
    rows = np.empty((len(frame_ids), collection.space.dimension), np.float32)
    rows[[row_of[point] for point in found.ids]] = found.vectors
    return rows


def _missing(campaign: CampaignName, frame_id: str, under_way: Set[tuple[str, str]]) -> SluiceError:
    name = SampleName(campaign.project, campaign.campaign, frame_id)
    if (campaign.campaign, frame_id) in under_way:
        return Unavailable(f"{name}: its vector is still being written", retry_after_s=1)
    return DataLoss(
        f"{name}: its vector is lost; restore the sample, so that its review counts no more",
        metadata={"frame_id": frame_id},
    )
