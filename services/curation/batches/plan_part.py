"""Planning: picks by number become picks by the names of groups and frames."""

from __future__ import annotations

from dataclasses import dataclass

from services.curation.batches.plan_input import PlanInput
from services.curation.batches.records import CreateBatchSpec, PlannedPick
from services.curation.selection.plan import plan_batch
from services.curation.selection.pool import Pick, PickSource, SelectionSettings


@dataclass(frozen=True, slots=True)
class PlanPart:
    """Picks in their order, of so many groups that remained, and sentences on what went wrong.

    `model_id` is the model of the embeddings, empty where there are none.
    """

    picks: list[PlannedPick]
    model_id: str
    remaining: int
    notes: list[str]

    @property
    def targeted(self) -> int:
        """How many picks are targeted."""
        return sum(pick.source is PickSource.TARGETED for pick in self.picks)


def plan_part(gathered: PlanInput, wanted: CreateBatchSpec) -> PlanPart:
    """Pick groups as it is wanted; none, if none remains."""
    remaining = int(gathered.pool.free.sum())
    notes = list(gathered.notes)
    if wanted.count is not None and wanted.count > remaining > 0:
        notes.append(f"{wanted.count} groups were asked for, and only {remaining} remain.")
    settings = SelectionSettings(
        seed=wanted.seed,
        budget=wanted.budget,
        targeted_share=1 - wanted.coverage_share,
        coverage=wanted.coverage,
        targeted=wanted.targeted,
    )
    batch = plan_batch(gathered.pool, gathered.failures, settings)
    picks = [_planned(gathered, pick) for pick in batch.picks]
    return PlanPart(picks, gathered.model_id, remaining, notes + batch.notes)


def _planned(gathered: PlanInput, pick: Pick) -> PlannedPick:
    return PlannedPick(
        group=gathered.groups[pick.group],
        source=pick.source,
        gain=float(pick.gain),
        failure="" if pick.failure is None else gathered.failing[pick.failure],
    )
