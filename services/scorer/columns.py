"""What a batch is scored against: chosen once, and kept for as long as nothing changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.peers.active import ActiveCampaign, ActiveSet, ActiveVersions, Version
from sluice.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from sluice.limits import THRESHOLD_DEFAULT
from sluice.names import CampaignName

KEPT_MAX: Final = 64
"""For how many spaces and lists of campaigns of a project columns are kept."""


@dataclass(frozen=True, eq=False)
class Columns:
    """The campaigns of one space that stand for the columns of scores; the same object while kept.

    Batches with the same columns can be scored together.
    """

    project: str
    campaigns: tuple[ActiveCampaign, ...]

    @cached_property
    def names(self) -> list[str]:
        """The resource names."""
        return [str(CampaignName(self.project, each.campaign)) for each in self.campaigns]

    @cached_property
    def thresholds(self) -> NDArray[np.float64]:
        """What makes a match of each, where the call does not say: the campaign's, else 0.5."""
        own = (each.threshold for each in self.campaigns)
        return np.array([THRESHOLD_DEFAULT if t is None else t for t in own], np.float64)

    @cached_property
    def versions(self) -> list[Version]:
        """The versions."""
        return [each.version for each in self.campaigns]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns that are asked for: campaigns (none: all that can) of vectors of a space."""

    project: str
    model_id: str
    dimension: int
    campaigns: tuple[CampaignName, ...]


class Choice:
    """Chooses columns by what is active now."""

    def __init__(self, active: ActiveVersions) -> None:
        self._active = active
        self._kept: dict[str, tuple[ActiveSet, dict[Wanted, Columns]]] = {}

    async def columns(self, wanted: Wanted) -> Columns:
        """The columns, which are the same object until what is active has changed.

        Raises NotFound or FailedPrecondition naming a campaign asked for that does not exist or
        is inactive, InvalidArgument for one of another space or one that stands twice.
        """
        current = await self._active.current(wanted.project)
        kept_for, kept = self._kept.get(wanted.project, (None, {}))
        if kept_for is not current:
            kept = {}
            self._kept[wanted.project] = current, kept
        found = kept.get(wanted)
        if found is None:
            found = Columns(wanted.project, await self._campaigns(wanted, current))
            if len(kept) >= KEPT_MAX:
                kept.clear()
            kept[wanted] = found
        return found

    async def _campaigns(self, wanted: Wanted, current: ActiveSet) -> tuple[ActiveCampaign, ...]:
        if not wanted.campaigns:
            everything = (column for _, column in sorted(current.campaigns.items()))
            return tuple(column for column in everything if _space(column) == _space_of(wanted))
        columns: dict[str, ActiveCampaign] = {}
        for index, name in enumerate(wanted.campaigns):
            field = f"campaigns[{index}]"
            if name.campaign in columns:
                raise InvalidArgument.of(field, f"{str(name)!r} stands twice")
            found = current.campaigns.get(name.campaign) if name.project == wanted.project else None
            if found is None:
                raise await self._why_not(wanted.project, name, field)
            _check_space(found, wanted, name, field)
            columns[name.campaign] = found
        return tuple(columns.values())

    async def _why_not(
        self, project: str, name: CampaignName, field: str
    ) -> PermissionDenied | NotFound | FailedPrecondition:
        if name.project != project:
            return PermissionDenied(
                f"{field}: {str(name)!r} is not of project {project!r}", reason="FOREIGN_PROJECT"
            )
        try:
            await self._active.version(project, name.campaign, 1)
        except NotFound:
            return NotFound(f"{field}: there is no campaign {str(name)!r}")
        return FailedPrecondition(f"{field}: campaign {str(name)!r} is not active")


def _space(column: ActiveCampaign) -> tuple[str, int]:
    return column.version.model_id, column.version.dimension


def _space_of(wanted: Wanted) -> tuple[str, int]:
    return wanted.model_id, wanted.dimension


def _check_space(column: ActiveCampaign, wanted: Wanted, name: CampaignName, field: str) -> None:
    if _space(column) != _space_of(wanted):
        model_id, dimension = _space(column)
        raise InvalidArgument.of(
            field,
            f"{str(name)!r} scores vectors of {model_id!r} with {dimension} dimensions, "
            f"not of {wanted.model_id!r} with {wanted.dimension}",
            reason="SPACE_MISMATCH",
        )
