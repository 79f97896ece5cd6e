"""Reviews of samples, the feedback that campaign reads from ingest."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sluice.names import CampaignName


@dataclass(frozen=True, slots=True)
class ReviewedSample:
    """An accepted or discarded sample; `label_id` is its crop, "" for the whole frame."""

    frame_id: str
    label_id: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class ReviewsPage:
    """Reviewed samples and their unit vectors, one row each: `(samples, dimension) float32`."""

    samples: Sequence[ReviewedSample]
    vectors: NDArray[np.float32]


class Reviews(Protocol):
    """Reads the reviewed samples of campaigns."""

    def read(self, campaign: CampaignName) -> AsyncGenerator[ReviewsPage]:
        """All reviewed samples of a campaign, each once, in pages that may be empty.

        A caller that stops early closes the generator. Raises errors.NotFound naming a campaign
        that does not exist, errors.DataLoss naming a sample with a lost vector, and
        errors.Unavailable while ingest is away.
        """
