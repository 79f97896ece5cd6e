"""The records of batches in the ledger, and their keys.

| key | holds |
| --- | --- |
| `batch/{dataset}/{batch}` | a batch: its spec and its state |
| `batch-plan/{dataset}/{batch}/{part}/{number}` | a planned pick: its group is not marked yet |
| `pick/{dataset}/{batch}/{rank}` | a stored pick: its group is marked |

A plan takes effect once the batch names it as its part. Plans that no batch names are left over
from a process that died, or from the slower of two concurrent calls.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import field

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
    """Whether the groups of a batch are still being marked."""

    SELECTING = "selecting"
    READY = "ready"


class RoundFailures(Record, frozen=True, kw_only=True):
    """The failures of a round, and how much each weighs."""

    round: str
    weight: float = 1.0


class CreateBatchSpec(Record, frozen=True, kw_only=True):
    """The settings of a new batch; the budget is `count`, else a fraction of what remains."""

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
        """The budget for selection: an int is a count, a float a fraction."""
        return self.fraction if self.count is None else self.count


class Batch(Record, frozen=True, kw_only=True):
    """A batch; `part` is the id of the plan whose groups are being marked.

    `targeted_size` of its `size` groups should be targeted. `golden_problem` is the problem that
    the spec's `golden_override` overrides.
    """

    id: str
    spec: CreateBatchSpec = field(name="wanted")
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
        """The number of marked groups."""
        return self.coverage_count + self.targeted_count


class PlannedPick(Record, frozen=True, kw_only=True):
    """A group to mark, and why; `failure` is the failing frame that it targets."""

    group: str
    source: PickSource
    gain: float
    failure: str = ""


class StoredPick(Record, frozen=True, kw_only=True):
    """A pick whose group is marked, with the group's slices at that time."""

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
    """Key of a batch."""
    return key("batch", name.dataset, name.batch)


def batch_prefix(dataset: str) -> str:
    """Prefix of the keys of a dataset's batches."""
    return prefix("batch", dataset)


def plans_prefix(name: BatchName) -> str:
    """Prefix of the keys of all plans of a batch."""
    return prefix("batch-plan", name.dataset, name.batch)


def plan_prefix(name: BatchName, part: str) -> str:
    """Prefix of the keys of one plan."""
    return prefix("batch-plan", name.dataset, name.batch, part)


def plan_key(name: BatchName, part: str, number: int) -> str:
    """Key of a pick of a plan; keys sort by number."""
    return f"{plan_prefix(name, part)}{number:0{_NUMBER_DIGITS}}"


def pick_prefix(name: BatchName) -> str:
    """Prefix of the keys of a batch's picks."""
    return prefix("pick", name.dataset, name.batch)


def pick_key(name: BatchName, rank: int) -> str:
    """Key of the pick with a rank; keys sort by rank."""
    return f"{pick_prefix(name)}{rank:0{_NUMBER_DIGITS}}"
