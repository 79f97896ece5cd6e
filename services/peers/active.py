"""Active campaigns and their versions, as scorer, ingest and curation use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Version:
    """A campaign version: number, its content-addressed files, and its space.

    Only a deletion of frames changes it: then its model is built again, or "" if no element is
    left, and the digests of the models before are the former ones.
    """

    number: int
    model_digest: str
    basis_digest: str
    model_id: str
    dimension: int
    former_digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits on the samples of a campaign, None: unlimited. A day is a UTC day of receipt."""

    total: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class ActiveCampaign:
    """An active campaign with its current version; `campaign` is its id."""

    campaign: str
    version: Version
    threshold: float | None = None
    budget: Budget = Budget()


@dataclass(frozen=True, slots=True)
class ActiveSet:
    """All active campaigns of a project, by id, at one generation."""

    generation: int
    campaigns: dict[str, ActiveCampaign]


class ActiveVersions(Protocol):
    """Reads which campaign versions are active, and those committed earlier."""

    async def current(self, project: str) -> ActiveSet:
        """The active campaigns of a project, at most a second old.

        Raises errors.NotFound for a project that does not exist, errors.Unavailable until the
        campaign service has been reached once.
        """

    async def version(
        self, project: str, campaign: str, number: int, *, fresh: bool = False
    ) -> Version:
        """A committed version, current or earlier, of an active or inactive campaign.

        At most a second old, like the active campaigns; with `fresh`, as it is now.

        Raises errors.NotFound naming the campaign or the version.
        """
