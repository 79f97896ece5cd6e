"""Tallies: the scores of a batch summed up, which the funnel counts all seen frames by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.v1 import ingest_pb2

BINS = 64
"""Bins of the histogram over 0…1."""

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The scores of one batch under one campaign version.

    `campaign` is the resource name. `minimum` and `maximum` are 0 when `count` is. `not_selected`
    are frames at or over the threshold that the client chose not to submit.
    """

    campaign: str
    version: int
    model_digest: str
    count: int
    total: float
    sum_squares: float
    minimum: float
    maximum: float
    histogram: tuple[int, ...]
    not_selected: int = 0

    def to_proto(self) -> ingest_pb2.Tally:
        """The tally as a message."""
        return ingest_pb2.Tally(
            campaign=self.campaign,
            version=self.version,
            model_digest=self.model_digest,
            count=self.count,
            sum=self.total,
            sum_squares=self.sum_squares,
            minimum=self.minimum,
            maximum=self.maximum,
            histogram=self.histogram,
            not_selected=self.not_selected,
        )

    @classmethod
    def from_proto(cls, message: ingest_pb2.Tally, field: str) -> Tally:
        """The tally in a message; InvalidArgument if its numbers contradict each other."""
        tally = cls(
            campaign=message.campaign,
            version=message.version,
            model_digest=message.model_digest,
            count=message.count,
            total=message.sum,
            sum_squares=message.sum_squares,
            minimum=message.minimum if message.count else 0.0,
            maximum=message.maximum if message.count else 0.0,
            histogram=tuple(message.histogram),
            not_selected=message.not_selected,
        )
        tally.check(field)
        return tally

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming contradicting numbers, by their path below `field`."""
        if len(self.histogram) != BINS or sum(self.histogram) != self.count:
            raise InvalidArgument.of(
                f"{field}.histogram",
                f"has {len(self.histogram)} bins that sum up to {sum(self.histogram)}; "
                f"{BINS} bins and {self.count} scores are expected",
            )
        if self.not_selected > self.count:
            raise InvalidArgument.of(
                f"{field}.not_selected", f"{self.not_selected} is more than the {self.count} scores"
            )
        if not 0 <= self.minimum <= self.maximum <= 1:  # false for NaN too
            raise InvalidArgument.of(
                f"{field}.minimum", f"{self.minimum} to {self.maximum} is not a range in 0…1"
            )
        self._check_sum(f"{field}.sum", self.total, self.minimum, self.maximum)
        self._check_sum(f"{field}.sum_squares", self.sum_squares, self.minimum**2, self.maximum**2)

    def _check_sum(self, field: str, value: float, minimum: float, maximum: float) -> None:
        slack = _SUM_TOLERANCE * (self.count + 1)
        low, high = self.count * minimum - slack, self.count * maximum + slack
        if not (math.isfinite(value) and low <= value <= high):
            raise InvalidArgument.of(
                field, f"{value} is not possible for {self.count} scores of {minimum}…{maximum}"
            )


@dataclass(frozen=True, slots=True)
class ScoredBy:
    """The source of one column of scores: the campaign's resource name, version and model."""

    campaign: str
    version: int
    model_digest: str


def tally_scores(scores: NDArray[np.float64], scored_by: Sequence[ScoredBy]) -> list[Tally]:
    """Sum up `(frames, versions) float64` scores, with one tally per column."""
    frames, versions = scores.shape
    columns = np.arange(versions) * BINS
    bins = np.minimum((scores * BINS).astype(np.intp), BINS - 1) + columns
    histogram = np.bincount(bins.ravel(), minlength=versions * BINS).reshape(versions, BINS)
    totals, squares = scores.sum(axis=0), np.square(scores).sum(axis=0)
    minima = scores.min(axis=0) if frames else np.zeros(versions)
    maxima = scores.max(axis=0) if frames else np.zeros(versions)
    return [
        Tally(
            campaign=source.campaign,
            version=source.version,
            model_digest=source.model_digest,
            count=frames,
            total=float(totals[column]),
            sum_squares=float(squares[column]),
            minimum=float(minima[column]),
            maximum=float(maxima[column]),
            histogram=tuple(histogram[column].tolist()),
        )
        for column, source in enumerate(scored_by)
    ]
