"""Planning a part of a batch by the names of groups and frames."""

from __future__ import annotations

from services.curation.batches.plan_input import PlanInput
from services.curation.batches.plan_part import plan_part
from services.curation.batches.records import CreateBatchSpec
from services.curation.selection.pool import PickSource
from tests.unit.curation.selection.random_groups import like, plain_pool


def plan_input(size: int, failing: list[int]) -> PlanInput:
    """Groups g0, g1, …, and frames f0, f1, … that fail as groups of these numbers look."""
    pool = plain_pool(size)
    groups = [f"g{number}" for number in range(size)]
    frames = [f"f{number}" for number in range(len(failing))]
    return PlanInput(pool, groups, like(pool, failing), frames, "m", ["a note"])


def test_picks_name_groups_and_failing_frames() -> None:
    """A targeted pick names the frame that it targets, other picks none."""
    part = plan_part(plan_input(40, [7]), CreateBatchSpec(count=4, coverage_share=0.5))

    assert (2, "m", 40) == (part.targeted, part.model_id, part.remaining)
    failures = {pick.group: pick.failure for pick in part.picks}
    assert "f0" == failures["g7"]
    assert {PickSource.COVERAGE: "", PickSource.TARGETED: "f0"} == {
        pick.source: pick.failure for pick in part.picks
    }


def test_a_count_beyond_what_remains_is_noted() -> None:
    """All groups that remain are picked; notes of the input come first."""
    part = plan_part(plan_input(3, [0]), CreateBatchSpec(count=5))

    assert {"g0", "g1", "g2"} == {pick.group for pick in part.picks}
    assert ["a note", "5 groups were requested; only 3 remain."] == part.notes[:2]
