"""Feedback: what people have said of a campaign's samples, as a part of its next version."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.campaign.candidates import sample_digest
from services.campaign.elements import ELEMENTS_PER_ISSUE_MAX
from services.campaign.records import ElementEntry
from services.campaign.snapshots import Content, Members
from services.peers.reviews import ReviewedSample, Reviews
from sluice.errors import ResourceExhausted
from sluice.names import CampaignName

NEGATIVES_PER_VERSION_MAX: Final = 50_000


async def with_feedback(content: Content, name: CampaignName, reviews: Reviews) -> Content:
    """The content of an issue, with what was said of the samples of a campaign of it.

    Accepted samples become elements, discarded ones negatives. What the issue has itself is an
    element, whatever was said of it as a sample. Raises ResourceExhausted when it would be too
    much.
    """
    known = {_known_as(element) for element in content.elements.entries}
    accepted_max = ELEMENTS_PER_ISSUE_MAX - len(known)
    accepted = _Gathered(f"{name}: elements and accepted samples", len(known), accepted_max)
    negatives = _Gathered(f"{name}: discarded samples", 0, NEGATIVES_PER_VERSION_MAX)
    async with aclosing(reviews.read(name)) as pages:
        async for page in pages:
            for sample, vector in zip(page.samples, page.vectors, strict=True):
                if (sample.frame_id, sample.label_id) not in known:
                    known.add((sample.frame_id, sample.label_id))
                    (accepted if sample.accepted else negatives).add(sample, vector)
    dimension = content.issue.dimension
    return replace(
        content,
        accepted=await asyncio.to_thread(accepted.members, dimension),
        negatives=await asyncio.to_thread(negatives.members, dimension),
    )


@dataclass(slots=True)
class _Gathered:
    """Samples of one kind, no more than there may be beside those `there` are."""

    what: str
    there: int
    count_max: int
    entries: list[ElementEntry] = field(default_factory=list)
    vectors: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, sample: ReviewedSample, vector: NDArray[np.float32]) -> None:
        """Take one in; ResourceExhausted if there is no room."""
        if len(self.entries) == self.count_max:
            limit = self.there + self.count_max
            problem = f"{self.what} are more than the {limit} that a version may have"
            raise ResourceExhausted(problem, metadata={"limit": str(limit)})
        digest = sample_digest(sample.label_id, vector)
        entry = ElementEntry(frame_id=sample.frame_id, label_id=sample.label_id, digest=digest)
        self.entries.append(entry)
        self.vectors.append(vector)

    def members(self, dimension: int) -> Members:
        """All of them, sorted."""
        order = sorted(range(len(self.entries)), key=lambda row: _known_as(self.entries[row]))
        rows = np.empty((len(order), dimension), np.float32)
        for row, index in enumerate(order):
            rows[row] = self.vectors[index]
        return Members([self.entries[index] for index in order], rows)


def _known_as(entry: ElementEntry) -> tuple[str, str]:
    return entry.frame_id, entry.label_id
