"""Reading samples: the collected matches of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.ingest.context import Ingest
from services.ingest.records import (
    Document,
    Review,
    Row,
    document_key,
    order_prefix,
    row_key,
)
from services.records.records import decode, segments
from sluice import errors
from sluice.explanations import Explanation
from sluice.frames import Frame
from sluice.names import CampaignName, SampleName


@dataclass(frozen=True, slots=True)
class Sample:
    """A collected match: its row, its frame, and the explanation of its score."""

    campaign: CampaignName
    row: Row
    frame: Frame
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """The order and the selection of a listing.

    By descending score; or by descending version, then score. No states select samples in every
    state, version 0 those of every version.
    """

    by_version: bool = False
    states: tuple[Review, ...] = ()
    version: int = 0

    def accepts(self, sample: Sample) -> bool:
        """Whether the sample is in one of the states."""
        return not self.states or sample.row.review in self.states


def not_a_sample(campaign: CampaignName, frame_id: str) -> errors.NotFound:
    """The error for a frame that is not a sample of a campaign."""
    name = SampleName(campaign.project, campaign.campaign, frame_id)
    problem = f"frame_ids: {frame_id!r} is not a sample of {campaign}"
    return errors.NotFound(problem, metadata={"name": str(name)})


async def get_sample(ingest: Ingest, name: SampleName) -> Sample:
    """One sample.

    Raises NotFound naming it.
    """
    campaign = CampaignName(name.project, name.campaign)
    samples = await _read_samples(ingest, campaign, [name.frame])
    if not samples:
        raise errors.NotFound(
            f"name: sample {str(name)!r} does not exist", metadata={"name": str(name)}
        )
    return samples[0]


async def list_samples(
    ingest: Ingest, campaign: CampaignName, sample_filter: SampleFilter, *, after: str, limit: int
) -> tuple[list[Sample], str]:
    """Up to `limit` samples, and the key after which the next page starts, "" on the last page.

    Raises NotFound naming a campaign that does not exist.
    """
    await ingest.active.version(campaign.project, campaign.campaign, 1)
    prefix = order_prefix(
        campaign.campaign, by_version=sample_filter.by_version, version=sample_filter.version
    )
    listed: list[Sample] = []
    while len(listed) < limit:
        missing = limit - len(listed)
        page = await ingest.stores.ledger.scan(campaign.project, prefix, after=after, limit=missing)
        frame_ids = [segments(entry.key)[-1] for entry in page]
        listed += filter(sample_filter.accepts, await _read_samples(ingest, campaign, frame_ids))
        if len(page) < missing:
            return listed, ""
        after = page[-1].key
    return listed, after


async def _read_samples(
    ingest: Ingest, campaign: CampaignName, frame_ids: Sequence[str]
) -> list[Sample]:
    """The samples of these frames; frames that were not collected are skipped."""
    row_keys = [row_key(campaign.campaign, frame_id) for frame_id in frame_ids]
    document_keys = [document_key(campaign.campaign, frame_id) for frame_id in frame_ids]
    entries = await ingest.stores.ledger.get(campaign.project, row_keys + document_keys)
    samples = []
    for row_at, document_at in zip(row_keys, document_keys, strict=True):
        if row_at not in entries:
            continue
        row = decode(Row, entries[row_at])
        if row.is_sample:
            document = decode(Document, entries[document_at])
            frame = Frame.from_bytes(document.frame)
            samples.append(Sample(campaign, row, frame, document.explanation))
    return samples
