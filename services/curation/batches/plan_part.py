"""Planning a part of a batch: picks named by group and frame ids."""

from __future__ import annotations

from dataclasses import dataclass

from services.curation.batches.plan_input import PlanInput
from services.curation.batches.records import CreateBatchSpec, PlannedPick
from services.curation.selection.plan import plan_batch
from services.curation.selection.pool import Pick, PickSource, SelectionSettings


@dataclass(frozen=True, slots=True)
class PlanPart:
    """Picks in their order, the number of groups that remained, and notes for a person.

    `model_id` is the model of the embeddings, empty without any.
    """

    picks: list[PlannedPick]
    model_id: str
    remaining: int
    notes: list[str]

    @property
    def targeted(self) -> int:
        """How many picks are targeted."""
        return sum(pick.source is PickSource.TARGETED for pick in self.picks)


def plan_part(plan_input: PlanInput, spec: CreateBatchSpec) -> PlanPart:
    """Pick groups by the spec; without picks if no group remains."""
    remaining = int(plan_input.pool.free.sum())
    notes = list(plan_input.notes)
    if spec.count is not None and spec.count > remaining > 0:
        notes.append(f"{spec.count} groups were requested; only {remaining} remain.")
    settings = SelectionSettings(
        seed=spec.seed,
        budget=spec.budget,
        targeted_share=1 - spec.coverage_share,
        coverage=spec.coverage,
        targeted=spec.targeted,
    )
    plan = plan_batch(plan_input.pool, plan_input.failures, settings)
    picks = [_name_pick(plan_input, pick) for pick in plan.picks]
    return PlanPart(picks, plan_input.model_id, remaining, notes + plan.notes)


def _name_pick(plan_input: PlanInput, pick: Pick) -> PlannedPick:
    return PlannedPick(
        group=plan_input.groups[pick.group],
        source=pick.source,
        gain=float(pick.gain),
        failure="" if pick.failure is None else plan_input.failing[pick.failure],
    )
