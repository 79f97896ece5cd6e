"""What people have said of samples, as campaign and ingest tell each other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sluice.names import CampaignName


@dataclass(frozen=True, slots=True)
class ReviewedSample:
    """A sample that is accepted, or else discarded; `label_id` is its crop, "" for the frame."""

    frame_id: str
    label_id: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class ReviewsPage:
    """Some of them, and their unit vectors, one row each: `(samples, dimension) float32`."""

    samples: Sequence[ReviewedSample]
    vectors: NDArray[np.float32]


class Reviews(Protocol):
    """Where the reviewed samples of campaigns are read."""

    def read(self, campaign: CampaignName) -> AsyncGenerator[ReviewsPage]:
        """All of a campaign, each once, in pages that may be empty.

        Who wants no more of them closes it. Raises errors.NotFound naming a campaign that does
        not exist, errors.DataLoss naming a sample whose vector is lost, and errors.Unavailable
        while they cannot be read.
        """
