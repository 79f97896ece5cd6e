"""What people have said of samples, as a test wants it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import numpy as np

from services.peers.reviews import ReviewedSample, ReviewsPage
from sluice.errors import SluiceError
from sluice.names import CampaignName
from sluice.scoring import normalise
from tests.unit.campaign.world import embedding


class Said:
    """`Reviews` of every campaign: frame ids, or `frame/label`, each in a page of its own.

    The last page is followed by an error, if there is one.
    """

    def __init__(
        self,
        accepted: str = "",
        discarded: str = "",
        *,
        error: SluiceError | None = None,
        backwards: bool = False,
    ) -> None:
        said = [(known_as, True) for known_as in accepted.split()]
        said += [(known_as, False) for known_as in discarded.split()]
        self._said = said[::-1] if backwards else said
        self._error = error

    async def read(self, campaign: CampaignName) -> AsyncGenerator[ReviewsPage]:
        """Pages of one sample each, with an empty one before each."""
        for known_as, accepted in self._said:
            frame_id, _, label_id = known_as.partition("/")
            yield ReviewsPage([], np.empty((0, 2), np.float32))
            sample = ReviewedSample(frame_id, label_id, accepted)
            yield ReviewsPage([sample], normalise(embedding(f"sample {known_as}")[None]))
        if self._error:
            raise self._error
