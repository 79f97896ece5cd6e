"""The domain types of a submitted batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sluice.frames import Frame
from sluice.tally import Tally
from sluice.tensors import Embeddings


class Verdict(IntEnum):
    """What became of a match when its batch was judged; numbered as in the API."""

    PENDING = 1
    DUPLICATE = 2
    OVER_BUDGET = 3
    INACTIVE = 4
    SCORE_MISMATCH = 5
    BELOW_THRESHOLD = 6


@dataclass(frozen=True, slots=True)
class Match:
    """A frame, and for each campaign that it matches the index of its tally and the score."""

    frame: Frame
    scores: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class SubmittedBatch:
    """The tallies of all frames that a logger has seen, and the documents of its matches.

    `seen_hashes` is `(frames,) uint64`; `embeddings` holds the vectors of the matches, None if
    there are none.
    """

    seen_hashes: NDArray[np.uint64]
    tallies: tuple[Tally, ...]
    threshold_override: float | None
    matches: tuple[Match, ...]
    embeddings: Embeddings | None

    @property
    def score_count(self) -> int:
        """The number of pairs of a frame and a campaign."""
        return sum(len(match.scores) for match in self.matches)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A numbered batch, not parsed yet; `digest` distinguishes a replay from other content.

    `read` parses the batch and raises InvalidArgument if it is malformed; a replay is not parsed.
    """

    seq: int
    digest: bytes
    read: Callable[[], SubmittedBatch]
