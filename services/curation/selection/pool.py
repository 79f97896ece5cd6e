"""The input and the result of planning a batch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from services.curation.selection.budget import BUDGET, TARGETED_SHARE
from services.curation.selection.checks import check_flags, check_per_group
from services.curation.selection.facility import CLIENTS_MAX
from services.curation.selection.kernel import GroupVectors, Indices
from sluice.errors import InvalidArgument


class PickSource(Enum):
    """The part of the budget that a pick belongs to."""

    COVERAGE = "coverage"
    TARGETED = "targeted"


class CoverageMethod(Enum):
    """How groups that cover the pool are chosen."""

    FACILITY = "facility"
    K_CENTER = "k_center"
    ZCORE = "zcore"


class TargetedMethod(Enum):
    """How groups similar to failures are chosen."""

    JOINT = "joint"
    NEIGHBOURS = "neighbours"


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """All groups of a dataset, numbered from 0.

    `vectors` `(rows, components) float32` are projected into the basis; `group_of` `(rows,)` are
    the groups of rows, and a group may have none. Three flags `(groups,) bool` each exclude groups
    from being picked: `excluded` are annotated, selected or held out; `covered` also count as
    served: annotated and selected groups that the model does not fail on; `labelled` must not be
    repeated by near duplicates, by default the covered ones. `scenes` `(groups,)` are numbers,
    −1 for none, and `zcore` `(groups,)` are scores.
    """

    size: int
    excluded: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    vectors: NDArray[np.float32] | None = None
    group_of: Indices | None = None
    scenes: Indices | None = None
    zcore: NDArray[np.float64] | None = None
    labelled: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        check_flags("pool.excluded", self.excluded, self.size)
        check_flags("pool.covered", self.covered, self.size)
        if self.labelled is not None:
            check_flags("pool.labelled", self.labelled, self.size)
        for name in ("scenes", "zcore"):
            if getattr(self, name) is not None:
                check_per_group(f"pool.{name}", getattr(self, name), self.size)
        if (self.vectors is None) != (self.group_of is None):
            raise InvalidArgument.of(
                "pool.group_of", "vectors or group_of alone; expected both or neither"
            )

    @property
    def not_repeated(self) -> NDArray[np.bool_]:
        """The groups whose near duplicates are not worth labelling."""
        return self.covered if self.labelled is None else self.labelled

    @property
    def free(self) -> NDArray[np.bool_]:
        """The groups that may be picked."""
        return ~(self.excluded | self.covered | self.not_repeated)

    def embedded(self) -> tuple[GroupVectors, Indices]:
        """The groups that have rows, and their numbers, ascending."""
        if self.vectors is None or self.group_of is None:
            return GroupVectors.of_single_rows(np.empty((0, 1), np.float32)), np.empty(0, np.intp)
        groups, numbers = GroupVectors.from_rows("pool.vectors", self.vectors, self.group_of)
        if numbers.size and not 0 <= numbers[0] <= numbers[-1] < self.size:
            invalid = numbers[0] if numbers[0] < 0 else numbers[-1]
            raise InvalidArgument.of("pool.group_of", f"{invalid}; expected 0 … {self.size - 1}")
        return groups, numbers


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """The settings of a plan; the same pool, failures and settings give the same plan."""

    seed: int
    budget: float = BUDGET
    targeted_share: float = TARGETED_SHARE
    coverage: CoverageMethod = CoverageMethod.FACILITY
    targeted: TargetedMethod = TargetedMethod.JOINT
    clients_max: int = CLIENTS_MAX

    def __post_init__(self) -> None:
        if not 0 <= self.targeted_share <= 1:
            raise InvalidArgument.of(
                "targeted_share", f"{self.targeted_share}; expected a share from 0 to 1"
            )


@dataclass(frozen=True, slots=True)
class Pick:
    """A group to label, and why: its source, and the number of the failure that it targets.

    Ranks start at 1. The gain is in the unit of the method that picked the group, 0 for a random
    pick.
    """

    group: int
    source: PickSource
    rank: int
    gain: float
    failure: int | None = None


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The picks by rank, and notes for a person on what could not be done as requested."""

    picks: list[Pick]
    notes: list[str]
