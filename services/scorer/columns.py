"""The campaigns that a batch is scored against: the columns of its score matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.peers.active import ActiveCampaign, ActiveSet, ActiveVersions, Version
from sluice.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from sluice.names import CampaignName
from sluice.thresholds import effective_threshold

CACHED_REQUESTS_MAX: Final = 64
"""Requests of one project (space and list of campaigns) for which columns are cached."""


@dataclass(frozen=True, eq=False)
class CampaignColumns:
    """The campaigns of one space that are the columns of a score matrix.

    Batches with the same `CampaignColumns` object can be scored together.
    """

    project: str
    campaigns: tuple[ActiveCampaign, ...]

    @cached_property
    def names(self) -> list[str]:
        """The campaigns' resource names."""
        return [str(CampaignName(self.project, campaign.campaign)) for campaign in self.campaigns]

    @cached_property
    def thresholds(self) -> NDArray[np.float64]:
        """The campaigns' thresholds, `(columns,) float64`: their own, else the default."""
        thresholds = [effective_threshold(None, campaign.threshold) for campaign in self.campaigns]
        return np.array(thresholds, np.float64)

    @cached_property
    def versions(self) -> list[Version]:
        """The campaigns' active versions."""
        return [campaign.version for campaign in self.campaigns]


@dataclass(frozen=True, slots=True)
class ColumnRequest:
    """A request for columns: a space, and campaigns by name (none: all of that space)."""

    project: str
    model_id: str
    dimension: int
    campaigns: tuple[CampaignName, ...]

    @property
    def space(self) -> tuple[str, int]:
        """Model id and dimension of the vectors to be scored."""
        return self.model_id, self.dimension


class ColumnSelector:
    """Selects columns among the active campaigns."""

    def __init__(self, active: ActiveVersions) -> None:
        self._active = active
        self._cache: dict[str, tuple[ActiveSet, dict[ColumnRequest, CampaignColumns]]] = {}

    async def select(self, request: ColumnRequest) -> CampaignColumns:
        """The requested columns; the same object until the active campaigns change.

        Raises NotFound or FailedPrecondition naming a campaign that does not exist or is inactive,
        InvalidArgument for a duplicate campaign or one of another space, and PermissionDenied for
        one of another project.
        """
        active_set = await self._active.current(request.project)
        cached_for, cached = self._cache.get(request.project, (None, {}))
        if cached_for is not active_set:
            cached = {}
            self._cache[request.project] = active_set, cached
        columns = cached.get(request)
        if columns is None:
            campaigns = await self._select_campaigns(request, active_set)
            columns = CampaignColumns(request.project, campaigns)
            if len(cached) >= CACHED_REQUESTS_MAX:
                cached.clear()
            cached[request] = columns
        return columns

    async def _select_campaigns(
        self, request: ColumnRequest, active_set: ActiveSet
    ) -> tuple[ActiveCampaign, ...]:
        if not request.campaigns:
            by_id = (campaign for _, campaign in sorted(active_set.campaigns.items()))
            return tuple(campaign for campaign in by_id if _space_of(campaign) == request.space)
        selected: dict[str, ActiveCampaign] = {}
        for index, name in enumerate(request.campaigns):
            field = f"campaigns[{index}]"
            if name.project != request.project:
                raise PermissionDenied(
                    f"{field}: {str(name)!r} is not in project {request.project!r}",
                    reason="FOREIGN_PROJECT",
                )
            if name.campaign in selected:
                raise InvalidArgument.of(field, f"duplicate campaign {str(name)!r}")
            campaign = active_set.campaigns.get(name.campaign)
            if campaign is None:
                raise await self._explain_absence(name, field)
            _check_space(campaign, request, name, field)
            selected[name.campaign] = campaign
        return tuple(selected.values())

    async def _explain_absence(
        self, name: CampaignName, field: str
    ) -> NotFound | FailedPrecondition:
        """The error for a campaign that is not active."""
        try:
            await self._active.version(name.project, name.campaign, 1)
        except NotFound:
            return NotFound(
                f"{field}: campaign {str(name)!r} does not exist", metadata={"name": str(name)}
            )
        return FailedPrecondition(f"{field}: campaign {str(name)!r} is not active")


def _space_of(campaign: ActiveCampaign) -> tuple[str, int]:
    return campaign.version.model_id, campaign.version.dimension


def _check_space(
    campaign: ActiveCampaign, request: ColumnRequest, name: CampaignName, field: str
) -> None:
    if _space_of(campaign) != request.space:
        model_id, dimension = _space_of(campaign)
        raise InvalidArgument.of(
            field,
            f"{str(name)!r} scores vectors of {model_id!r} with {dimension} dimensions, "
            f"not of {request.model_id!r} with {request.dimension}",
            reason="SPACE_MISMATCH",
        )
