"""The ledger records of progress: `recorded-round/{dataset}/{round}` is a recorded round.

It is in the partition of its project, and names the blob of its samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from services.curation.progress.metric import RoundMetric, check_shares
from services.records.records import Record, key, prefix
from sluice.checks import check_count, check_text, check_unique, too_large
from sluice.errors import InvalidArgument
from sluice.names import DatasetName

SAMPLES_MAX: Final = 50_000
"""The samples of all rounds are read for every progress overview."""

SLICES_MAX: Final = 64
JUDGED_MAX: Final = 10_000


class SampleSlice(Record, frozen=True, kw_only=True):
    """A named part of the samples, by index."""

    name: str
    samples: tuple[int, ...]


class JudgedFailure(Record, frozen=True, kw_only=True):
    """A failure: its label, and the answers of two annotators."""

    label: str
    first: str
    second: str


class RoundSamples(Record, frozen=True, kw_only=True):
    """The samples of a round; values in 0…1, and no prediction or one for each sample."""

    round: int
    labelled_groups: int
    sample_ids: tuple[str, ...]
    values: tuple[float, ...]
    predictions: tuple[str, ...] = ()
    slices: tuple[SampleSlice, ...] = ()
    failures: tuple[JudgedFailure, ...] = ()

    def metric(self) -> RoundMetric:
        """The metric of each sample."""
        values = np.array(self.values, np.float64)
        return RoundMetric(round=self.round, sample_ids=self.sample_ids, values=values)

    def to_bytes(self) -> bytes:
        """The content of its blob."""
        return msgspec.msgpack.encode(self)

    def check(self) -> None:
        """Raise InvalidArgument naming the first invalid value."""
        check_count("round", self.round)
        if self.labelled_groups < 1:
            raise InvalidArgument.of("labelled_groups", f"{self.labelled_groups} is not over 0")
        self._check_samples()
        self._check_slices()
        check_failures(self.failures)

    def _check_samples(self) -> None:
        check_size("sample_ids", len(self.sample_ids), SAMPLES_MAX)
        for index, sample in enumerate(self.sample_ids):
            check_text(f"sample_ids[{index}]", sample)
        check_unique("sample_ids", "sample", self.sample_ids)
        _check_length("values", len(self.values), len(self.sample_ids))
        check_shares("values", np.array(self.values, np.float64))
        if self.predictions:
            _check_length("predictions", len(self.predictions), len(self.sample_ids))
        for index, prediction in enumerate(self.predictions):
            check_text(f"predictions[{index}]", prediction, empty=True)

    def _check_slices(self) -> None:
        check_size("slices", len(self.slices), SLICES_MAX)
        check_unique("slices", "slice", (sample_slice.name for sample_slice in self.slices))
        for index, sample_slice in enumerate(self.slices):
            field = f"slices[{index}]"
            check_text(f"{field}.name", sample_slice.name)
            if not sample_slice.samples:
                raise InvalidArgument.of(f"{field}.samples", "no samples; at least one is required")
            check_unique(f"{field}.samples", "index", map(str, sample_slice.samples))
            last = max(sample_slice.samples)
            if last >= len(self.sample_ids):
                problem = f"index {last} is out of range for {len(self.sample_ids)} sample_ids"
                raise InvalidArgument.of(f"{field}.samples", problem)


class MeasuredFrom(Record, frozen=True, kw_only=True):
    """The measured round and the matching rule; `request_digest` is of the whole request.

    It identifies a repeated request, however predictions, labels and views have changed since.
    """

    round: str
    iou_min: float
    score_min: float
    request_digest: bytes = msgspec.field(name="asked")


class RecordedRound(Record, frozen=True, kw_only=True):
    """A round without its samples; `samples` is the digest of the blob that has them.

    `measured_from` is None where the samples were sent; `without_predictions` counts its samples
    without predictions.
    """

    round: int
    labelled_groups: int
    samples: str
    sample_count: int
    mean: float
    with_predictions: bool
    slices: tuple[str, ...] = ()
    judged: int = 0
    measured_from: MeasuredFrom | None = None
    without_predictions: int = 0
    created_us: int


def rounds_prefix(name: DatasetName) -> str:
    """Prefix of the recorded rounds of a dataset."""
    return prefix("recorded-round", name.dataset)


def rounds_counter(name: DatasetName) -> str:
    """Counter of the recorded rounds of a dataset."""
    return key("recorded-rounds", name.dataset)


def round_key(name: DatasetName, number: int) -> str:
    """Key of a recorded round, ordered by number."""
    return f"{rounds_prefix(name)}{number:010}"


def check_failures(failures: Sequence[JudgedFailure]) -> None:
    """Raise InvalidArgument naming the first invalid value of judged failures."""
    check_size("failures", len(failures), JUDGED_MAX)
    for index, failure in enumerate(failures):
        for field in ("label", "first", "second"):
            check_text(f"failures[{index}].{field}", getattr(failure, field), empty=True)


def check_size(field: str, count: int, limit: int) -> None:
    """Refuse a count over its limit."""
    if count > limit:
        raise too_large(field, f"{count:,}; at most {limit:,} are accepted", limit)


def _check_length(field: str, count: int, samples: int) -> None:
    if count != samples:
        raise InvalidArgument.of(field, f"{count} values for {samples} sample_ids")
