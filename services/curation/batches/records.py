"""What is kept of batches in the ledger, and where each record lies.

| key | holds |
| --- | --- |
| `batch/{dataset}/{batch}` | a batch: what was asked for, and how far it is |
| `batch-plan/{dataset}/{batch}/{part}/{number}` | a pick whose group is not marked yet |
| `pick/{dataset}/{batch}/{rank}` | a pick whose group is marked |

A plan counts only once the batch names it as its part; one that no batch names was left by a
process that died, or was slower than another.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from services.curation.records import HELD_OUT, Group, Status
from services.curation.selection.budget import BUDGET, TARGETED_SHARE
from services.curation.selection.pool import CoverageMethod, PickSource, TargetedMethod
from services.curation.selection.zcore import DRAWS
from services.curation.zcore.stored_scores import FIELD
from services.records.records import Record, key, prefix
from sluice.names import BatchName, DatasetName

COVERAGE_SHARE: Final = 1 - TARGETED_SHARE
_NUMBER_DIGITS: Final = 9


class BatchState(StrEnum):
    """How far a batch is."""

    SELECTING = "selecting"
    READY = "ready"


class RoundFailures(Record, frozen=True, kw_only=True):
    """The failures of a round, and how much each weighs."""

    round: str
    weight: float = 1.0


class CreateBatchSpec(Record, frozen=True, kw_only=True):
    """What is asked for; the budget is a count, else a fraction of what remains."""

    model_id: str = ""
    count: int | None = None
    fraction: float = BUDGET
    coverage_share: float = COVERAGE_SHARE
    coverage: CoverageMethod = CoverageMethod.FACILITY
    targeted: TargetedMethod = TargetedMethod.JOINT
    seed: int = 0
    failures: tuple[RoundFailures, ...] = ()
    scene_field: str = ""
    zcore_draws: int = DRAWS
    zcore_field: str = FIELD
    golden_override: str = ""

    @property
    def budget(self) -> int | float:
        """The budget as selection takes it: an int is a count, a float a fraction."""
        return self.fraction if self.count is None else self.count


class Batch(Record, frozen=True, kw_only=True):
    """A batch; `part` is the plan that its groups are taken from now.

    `targeted_size` of its `size` groups are to be targeted. `golden_problem` is what was
    overridden.
    """

    id: str
    wanted: CreateBatchSpec
    model_id: str
    remaining: int
    size: int
    targeted_size: int
    part: str
    state: BatchState = BatchState.SELECTING
    coverage_count: int = 0
    targeted_count: int = 0
    notes: tuple[str, ...] = ()
    golden_problem: str = ""
    created_us: int

    @property
    def picked(self) -> int:
        """How many groups are marked."""
        return self.coverage_count + self.targeted_count


class PlannedPick(Record, frozen=True, kw_only=True):
    """A pick: a group and why; `failure` is the failing frame that it answers to."""

    group: str
    source: PickSource
    gain: float
    failure: str = ""


class StoredPick(Record, frozen=True, kw_only=True):
    """A pick whose group is marked, with its slices as they were then."""

    rank: int
    group: str
    frames: tuple[str, ...]
    source: PickSource
    gain: float
    failure: str = ""


def remains(group: Group) -> bool:
    """Whether a batch may pick a group."""
    return group.status is Status.UNLABELLED and group.split not in HELD_OUT


def dataset_of(name: BatchName) -> DatasetName:
    """The dataset of a batch."""
    return DatasetName(name.project, name.dataset)


def batch_key(name: BatchName) -> str:
    """Where a batch lies."""
    return key("batch", name.dataset, name.batch)


def batch_prefix(dataset: str) -> str:
    """What the keys of all batches of a dataset start with."""
    return prefix("batch", dataset)


def plans_prefix(name: BatchName) -> str:
    """What the keys of all plans of a batch start with."""
    return prefix("batch-plan", name.dataset, name.batch)


def plan_prefix(name: BatchName, part: str) -> str:
    """What the keys of one plan start with."""
    return prefix("batch-plan", name.dataset, name.batch, part)


def plan_key(name: BatchName, part: str, number: int) -> str:
    """Where a pick of a plan lies, in their order."""
    return f"{plan_prefix(name, part)}{number:0{_NUMBER_DIGITS}}"


def pick_prefix(name: BatchName) -> str:
    """What the keys of all picks of a batch start with."""
    return prefix("pick", name.dataset, name.batch)


def pick_key(name: BatchName, rank: int) -> str:
    """Where the pick of a rank lies, in their order."""
    return f"{pick_prefix(name)}{rank:0{_NUMBER_DIGITS}}"
