"""What scorer and ingest need to know of a campaign version, as domain types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Version:
    """A campaign version: number, its content-addressed files, and its space. Immutable."""

    number: int
    model_digest: str
    basis_digest: str
    model_id: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Budget:
    """How many samples a campaign may collect; None: no bound. Days are UTC days of receipt."""

    total: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class ActiveCampaign:
    """An active campaign and the version that is scored for it. `campaign` is its id."""

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
    """Which versions are to be scored, and which have ever been."""

    async def current(self, project: str) -> ActiveSet:
        """The active campaigns of a project, at most a second old.

        Raises errors.NotFound for a project that does not exist, errors.Unavailable when the
        campaign service has not been reached yet.
        """

    async def version(self, project: str, campaign: str, number: int) -> Version:
        """A version that was committed at any time, of an active campaign or not.

        Raises errors.NotFound naming the campaign or the version.
        """
