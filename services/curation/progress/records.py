"""What progress keeps in the ledger: `recorded-round/{dataset}/{round}`, a round.

It lies in the partition of its project; its samples are a blob that it names.
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
"""All samples of all rounds are read for each look at the progress."""

SLICES_MAX: Final = 64
JUDGED_MAX: Final = 10_000


class SampleSlice(Record, frozen=True, kw_only=True):
    """A part of the samples, by their indices."""

    name: str
    samples: tuple[int, ...]


class JudgedFailure(Record, frozen=True, kw_only=True):
    """A failure: its label, and what two annotators say it is."""

    label: str
    first: str
    second: str


class RoundSamples(Record, frozen=True, kw_only=True):
    """A round sample by sample; values in 0…1, predictions none or one for each sample."""

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
        """Raise InvalidArgument naming what is wrong."""
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
        for index, predicted in enumerate(self.predictions):
            check_text(f"predictions[{index}]", predicted, empty=True)

    def _check_slices(self) -> None:
        check_size("slices", len(self.slices), SLICES_MAX)
        check_unique("slices", "slice", (found.name for found in self.slices))
        for index, found in enumerate(self.slices):
            field = f"slices[{index}]"
            check_text(f"{field}.name", found.name)
            if not found.samples:
                raise InvalidArgument.of(f"{field}.samples", "are none; at least one is needed")
            check_unique(f"{field}.samples", "index", map(str, found.samples))
            last = max(found.samples)
            if last >= len(self.sample_ids):
                problem = f"{last} is no index of {len(self.sample_ids)} sample_ids"
                raise InvalidArgument.of(f"{field}.samples", problem)


class MeasuredFrom(Record, frozen=True, kw_only=True):
    """The round whose predictions were measured, by what rule; `asked` digests all of the request.

    The same request is known by it however much predictions, labels and views have changed since.
    """

    round: str
    iou_min: float
    score_min: float
    asked: bytes


class RecordedRound(Record, frozen=True, kw_only=True):
    """A round without its samples; `samples` is the digest of the blob that has them.

    `measured_from` is None where the samples were sent.
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
    created_us: int


def rounds_prefix(name: DatasetName) -> str:
    """What the keys of all recorded rounds of a dataset start with."""
    return prefix("recorded-round", name.dataset)


def rounds_counter(name: DatasetName) -> str:
    """What counts the recorded rounds of a dataset."""
    return key("recorded-rounds", name.dataset)


def round_key(name: DatasetName, number: int) -> str:
    """Where a round lies, ordered by number."""
    return f"{rounds_prefix(name)}{number:010}"


def check_failures(failures: Sequence[JudgedFailure]) -> None:
    """Raise InvalidArgument naming what of judged failures is wrong."""
    check_size("failures", len(failures), JUDGED_MAX)
    for index, failure in enumerate(failures):
        for field in ("label", "first", "second"):
            check_text(f"failures[{index}].{field}", getattr(failure, field), empty=True)


def check_size(field: str, count: int, limit: int) -> None:
    """Refuse more than the limit of something."""
    if count > limit:
        raise too_large(field, f"{count:,}; at most {limit:,} are accepted", limit)


def _check_length(field: str, count: int, samples: int) -> None:
    if count != samples:
        raise InvalidArgument.of(field, f"{count} beside {samples} sample_ids")
