"""Planning: picks by number become picks by the names of groups and frames."""

from __future__ import annotations

from dataclasses import dataclass

from services.curation.batches.pool import Gathered
from services.curation.batches.records import Planned, Wanted
from services.curation.selection.plan import plan_batch
from services.curation.selection.pool import Pick, Settings, Source


@dataclass(frozen=True, slots=True)
class Part:
    """Picks in their order, of so many groups that remained, and sentences on what went wrong.

    `model_id` is the model of the embeddings, empty where there are none.
    """

    picks: list[Planned]
    model_id: str
    remaining: int
    notes: list[str]

    @property
    def targeted(self) -> int:
        """How many picks are targeted."""
        return sum(pick.source is Source.TARGETED for pick in self.picks)


def plan_part(gathered: Gathered, wanted: Wanted) -> Part:
    """Pick groups as it is wanted; none, if none remains."""
    remaining = int(gathered.pool.free.sum())
    notes = list(gathered.notes)
    if wanted.count is not None and wanted.count > remaining > 0:
        notes.append(f"{wanted.count} groups were asked for, and only {remaining} remain.")
    settings = Settings(
        seed=wanted.seed,
        budget=wanted.budget,
        targeted_share=1 - wanted.coverage_share,
        coverage=wanted.coverage,
        targeted=wanted.targeted,
    )
    batch = plan_batch(gathered.pool, gathered.failures, settings)
    picks = [_planned(gathered, pick) for pick in batch.picks]
    return Part(picks, gathered.model_id, remaining, notes + batch.notes)


def _planned(gathered: Gathered, pick: Pick) -> Planned:
    return Planned(
        group=gathered.groups[pick.group],
        source=pick.source,
        gain=float(pick.gain),
        failure="" if pick.failure is None else gathered.failing[pick.failure],
    )
