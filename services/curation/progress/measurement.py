"""Measuring a round: the predictions in its metric split, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from services.curation.context import Curation
from services.curation.datasets.counts import count_frames
from services.curation.datasets.views import View, get_view
from services.curation.progress.records import (
    SAMPLES_MAX,
    SLICES_MAX,
    JudgedFailure,
    MeasuredFrom,
    RoundSamples,
    SampleSlice,
    check_failures,
    check_size,
)
from services.curation.records import Status
from services.curation.rounds.comparison import FrameComparison, compare_frames
from services.curation.rounds.outcomes import MatchRule, check_comparable, is_classification
from services.curation.rounds.rounds import read_round
from services.records.records import Record, encode
from sluice.checks import check_count, check_text, check_unique, too_large
from sluice.errors import FailedPrecondition
from sluice.names import DatasetName, RoundName, ViewName


class MeasureRoundSpec(Record, frozen=True, kw_only=True):
    """Record a round's predictions, matched by a rule, as a numbered round.

    With 0 `labelled_groups` the groups are counted. `views` are the ids of views that become
    slices.
    """

    number: int
    round: str
    iou_min: float
    score_min: float
    labelled_groups: int = 0
    views: tuple[str, ...] = ()
    failures: tuple[JudgedFailure, ...] = ()

    @property
    def rule(self) -> MatchRule:
        """The rule by which predictions match labels."""
        return MatchRule(self.iou_min, self.score_min)

    def check(self) -> None:
        """Raise InvalidArgument naming the first invalid value."""
        check_count("round", self.number)
        self.rule.check()
        check_size("slice_views", len(self.views), SLICES_MAX)
        check_unique("slice_views", "view", self.views)
        for index, view in enumerate(self.views):
            check_text(f"slice_views[{index}]", view)
        check_failures(self.failures)

    def origin(self) -> MeasuredFrom:
        """The part that the record stores."""
        return MeasuredFrom(
            round=self.round,
            iou_min=self.iou_min,
            score_min=self.score_min,
            request_digest=sha256(encode(self)).digest(),
        )


@dataclass(frozen=True, slots=True)
class RoundMeasurement:
    """The samples of a round, and the revision of the round that they were measured at.

    `without_predictions` are samples in which every label was missed for lack of predictions.
    """

    samples: RoundSamples
    without_predictions: int
    round_revision: int


async def measure_round(
    curation: Curation, name: DatasetName, spec: MeasureRoundSpec
) -> RoundMeasurement:
    """Measure the predictions of a round in its metric split.

    Raises NotFound for a missing round or view, and FailedPrecondition for predictions that cannot
    be matched, and if no frame, no group or no frame of a view counts.
    """
    round_name = RoundName(name.project, name.dataset, spec.round)
    dataset = await curation.others.datasets.get(name)
    check_comparable(dataset.task_type)
    stored_round = await read_round(curation, round_name)
    columns = _SampleColumns(
        [await get_view(curation, ViewName(name.project, name.dataset, id)) for id in spec.views]
    )
    groups = spec.labelled_groups or await _count_labelled_groups(curation, name)
    split = stored_round.record.metric_split
    async for page in compare_frames(curation, round_name, dataset, {split}, spec.rule):
        for comparison in page:
            columns.add(comparison)
    if columns.without_predictions == len(columns.ids):
        raise FailedPrecondition(
            f"measured_round: no frame of split {split.value!r} of {name} is annotated and has "
            f"predictions in {round_name}"
        )
    samples = RoundSamples(
        round=spec.number,
        labelled_groups=groups,
        sample_ids=tuple(columns.ids),
        values=tuple(columns.values),
        predictions=tuple(columns.predicted) if is_classification(dataset.task_type) else (),
        slices=columns.slices(),
        failures=spec.failures,
    )
    return RoundMeasurement(samples, columns.without_predictions, stored_round.revision)


@dataclass(slots=True)
class _SampleColumns:
    """The samples read so far, by column."""

    views: list[View]
    ids: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    predicted: list[str] = field(default_factory=list)
    shown: dict[str, list[int]] = field(default_factory=dict)
    without_predictions: int = 0

    def add(self, comparison: FrameComparison) -> None:
        """Add a frame, if it counts."""
        if comparison.outcome is None:
            return
        if len(self.ids) == SAMPLES_MAX:
            problem = f"more than {SAMPLES_MAX:,} frames to measure"
            raise too_large("measured_round", problem, SAMPLES_MAX)
        for view in self.views:
            if view.filter.passes(comparison.summary.row, comparison.summary.group):
                self.shown.setdefault(view.id, []).append(len(self.ids))
        self.without_predictions += not comparison.predicted
        self.ids.append(comparison.summary.row.id)
        self.values.append(comparison.outcome.f1)
        self.predicted.append(comparison.outcome.predicted)

    def slices(self) -> tuple[SampleSlice, ...]:
        """A slice for each view; FailedPrecondition naming a view without samples."""
        for index, view in enumerate(self.views):
            if view.id not in self.shown:
                problem = f"view {view.id!r} contains none of the {len(self.ids)} samples"
                raise FailedPrecondition(f"slice_views[{index}]: {problem}")
        return tuple(
            SampleSlice(name=view.id, samples=tuple(self.shown[view.id])) for view in self.views
        )


async def _count_labelled_groups(curation: Curation, name: DatasetName) -> int:
    """The number of groups that models may have been trained on."""
    counts = await count_frames(curation, name)
    labelled = counts.pool(Status.ANNOTATED, Status.REVIEWED)
    if not labelled:
        raise FailedPrecondition(
            f"labelled_groups: {name} has no labelled group that is not held out; give the number "
            "of groups that the model was trained on"
        )
    return labelled
