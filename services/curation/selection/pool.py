"""What a batch is planned from, and what a plan is."""

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
    """Which part of the budget a pick comes from."""

    COVERAGE = "coverage"
    TARGETED = "targeted"


class CoverageMethod(Enum):
    """How groups are chosen that cover the pool."""

    FACILITY = "facility"
    K_CENTER = "k_center"
    ZCORE = "zcore"


class TargetedMethod(Enum):
    """How groups are chosen that are like failures."""

    JOINT = "joint"
    NEIGHBOURS = "neighbours"


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """All groups of a dataset, numbered from 0.

    `vectors` `(rows, components) float32` are rows in the basis, `group_of` `(rows,)` says whose;
    a group may have none. `excluded` `(groups,) bool` cannot be picked: annotated, selected, in
    validation, test or golden. `covered` `(groups,) bool`, which cannot either, need no cover:
    annotated and selected, less those that the model fails on all the same. `scenes` `(groups,)`
    are numbers, −1 for none; `zcore` `(groups,)` scores. `labelled` `(groups,) bool`, which
    cannot be picked either, are not to be repeated: the covered, if nothing else is given.
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
        """The groups whose near duplicates bring nothing."""
        return self.covered if self.labelled is None else self.labelled

    @property
    def free(self) -> NDArray[np.bool_]:
        """The groups that may be picked."""
        return ~(self.excluded | self.covered | self.not_repeated)

    def embedded(self) -> tuple[GroupVectors, Indices]:
        """The groups that have rows, and their numbers, ascending."""
        if self.vectors is None or self.group_of is None:
            return GroupVectors.of_single_rows(np.empty((0, 1), np.float32)), np.empty(0, np.intp)
        groups, numbers = GroupVectors.gathered("pool.vectors", self.vectors, self.group_of)
        if numbers.size and not 0 <= numbers[0] <= numbers[-1] < self.size:
            wrong = numbers[0] if numbers[0] < 0 else numbers[-1]
            raise InvalidArgument.of("pool.group_of", f"{wrong}; expected 0 … {self.size - 1}")
        return groups, numbers


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """What is asked for; the same pool, failures and settings give the same batch."""

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
    """A group to label, and why: its source, and the number of the failure that it answers to.

    Ranks begin at 1. The gain is in the unit of the method that picked it, and 0
    for a random pick.
    """

    group: int
    source: PickSource
    rank: int
    gain: float
    failure: int | None = None


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The picks in their order, and sentences for a person on what did not go as asked."""

    picks: list[Pick]
    notes: list[str]
