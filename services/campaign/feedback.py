"""Feedback: reviewed samples of a campaign as a part of its next version."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.campaign.candidates import sample_digest
from services.campaign.deleted_frames import TOMBSTONES
from services.campaign.elements import ELEMENTS_PER_ISSUE_MAX
from services.campaign.records import ElementEntry
from services.campaign.snapshots import SnapshotContent, SnapshotMembers
from services.peers.reviews import ReviewedSample, Reviews
from services.records.stores import Stores
from sluice.errors import ResourceExhausted
from sluice.names import CampaignName

NEGATIVES_PER_VERSION_MAX: Final = 50_000


async def add_feedback(
    content: SnapshotContent, name: CampaignName, reviews: Reviews
) -> SnapshotContent:
    """The content of an issue, plus the reviewed samples of one of its campaigns.

    Accepted samples are added as elements, discarded ones as negatives; a sample that is an element
    of the issue too is skipped. Raises ResourceExhausted if a limit is exceeded.
    """
    ids = {_entry_ids(element) for element in content.elements.entries}
    accepted_max = ELEMENTS_PER_ISSUE_MAX - len(ids)
    accepted = _SampleCollector(f"{name}: elements and accepted samples", len(ids), accepted_max)
    negatives = _SampleCollector(f"{name}: discarded samples", 0, NEGATIVES_PER_VERSION_MAX)
    async with aclosing(reviews.read(name)) as pages:
        async for page in pages:
            for sample, vector in zip(page.samples, page.vectors, strict=True):
                if (sample.frame_id, sample.label_id) not in ids:
                    ids.add((sample.frame_id, sample.label_id))
                    (accepted if sample.accepted else negatives).add(sample, vector)
    dimension = content.issue.dimension
    return replace(
        content,
        accepted=await asyncio.to_thread(accepted.build_members, dimension),
        negatives=await asyncio.to_thread(negatives.build_members, dimension),
    )


async def drop_deleted(
    stores: Stores, name: CampaignName, content: SnapshotContent
) -> SnapshotContent:
    """The content without samples of frames that were deleted."""
    frame_ids = [
        entry.frame_id
        for members in (content.accepted, content.negatives)
        for entry in members.entries
    ]
    deletions = await TOMBSTONES.read(stores.ledger, name.project, frame_ids)
    if not deletions.deleted:
        return content
    return replace(
        content,
        accepted=content.accepted.without(deletions.deleted),
        negatives=content.negatives.without(deletions.deleted),
    )


@dataclass(slots=True)
class _SampleCollector:
    """Samples with the same review, at most `count_max` of them.

    The limit in the error includes the `base_count` elements that count towards it.
    """

    subject: str
    base_count: int
    count_max: int
    entries: list[ElementEntry] = field(default_factory=list)
    vectors: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, sample: ReviewedSample, vector: NDArray[np.float32]) -> None:
        """Add a sample; raises ResourceExhausted if the limit is reached."""
        if len(self.entries) == self.count_max:
            limit = self.base_count + self.count_max
            problem = f"{self.subject} exceed the limit of {limit} per version"
            raise ResourceExhausted(problem, metadata={"limit": str(limit)})
        digest = sample_digest(sample.label_id, vector)
        entry = ElementEntry(frame_id=sample.frame_id, label_id=sample.label_id, digest=digest)
        self.entries.append(entry)
        self.vectors.append(vector)

    def build_members(self, dimension: int) -> SnapshotMembers:
        """All samples, sorted."""
        order = sorted(range(len(self.entries)), key=lambda row: _entry_ids(self.entries[row]))
        rows = np.empty((len(order), dimension), np.float32)
        for row, index in enumerate(order):
            rows[row] = self.vectors[index]
        return SnapshotMembers([self.entries[index] for index in order], rows)


def _entry_ids(entry: ElementEntry) -> tuple[str, str]:
    return entry.frame_id, entry.label_id
