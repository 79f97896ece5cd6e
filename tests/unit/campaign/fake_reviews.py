"""Reviews of samples, as a test writes them down."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import numpy as np

from services.peers.reviews import ReviewedSample, ReviewsPage
from services.records.tombstones import DeletionCounts
from sluice.errors import SluiceError
from sluice.names import CampaignName, ProjectName
from sluice.scoring import normalise
from tests.unit.campaign.campaign_service import make_embedding


class FakeReviews:
    """`Reviews` of every campaign: frame ids, or `frame/label`, each in a page of its own.

    The last page is followed by an error, if one is given.
    """

    def __init__(
        self,
        accepted: str = "",
        discarded: str = "",
        *,
        error: SluiceError | None = None,
        backwards: bool = False,
    ) -> None:
        reviews = [(sample, True) for sample in accepted.split()]
        reviews += [(sample, False) for sample in discarded.split()]
        self._reviews = reviews[::-1] if backwards else reviews
        self._error = error

    async def read(self, campaign: CampaignName) -> AsyncGenerator[ReviewsPage]:
        """Pages of one sample each, with an empty one before each."""
        for sample_id, accepted in self._reviews:
            frame_id, _, label_id = sample_id.partition("/")
            yield ReviewsPage([], np.empty((0, 2), np.float32))
            sample = ReviewedSample(frame_id, label_id, accepted)
            vectors = normalise(make_embedding(f"sample {sample_id}")[None])
            yield ReviewsPage([sample], vectors)
        if self._error:
            raise self._error


class FakeResourcePurges:
    """`ResourcePurges` of services with two samples of each campaign; errors are raised once."""

    def __init__(self, error: SluiceError | None = None) -> None:
        self.error = error
        self.purged: list[CampaignName | ProjectName] = []

    async def purge_campaign(self, name: CampaignName, *, validate_only: bool) -> DeletionCounts:
        """See `ResourcePurges.purge_campaign`."""
        return self._purge(name, validate_only)

    async def purge_project(self, name: ProjectName, *, validate_only: bool) -> DeletionCounts:
        """See `ResourcePurges.purge_project`."""
        return self._purge(name, validate_only)

    def _purge(self, name: CampaignName | ProjectName, validate_only: bool) -> DeletionCounts:
        if not validate_only:
            if self.error is not None:
                error, self.error = self.error, None
                raise error
            self.purged.append(name)
        return DeletionCounts(samples=2)
