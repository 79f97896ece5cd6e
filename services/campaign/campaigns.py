"""Campaigns: standing orders to collect more like an issue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final

from services.campaign.issues import get_issue
from services.campaign.projects import get_project
from services.campaign.records import (
    GENERATION,
    NO_BUDGET,
    BudgetRecord,
    CampaignRecord,
    campaign_key,
    revise,
)
from services.ledger.interface import Add, Transaction
from services.records.documents import StoredRecord, check_etag, read_record, read_records, retry
from services.records.pages import Page
from services.records.records import encode, prefix
from services.records.stores import Stores
from sluice.checks import check_text
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.names import CampaignName, IssueName, ProjectName

BUDGET_MAX: Final = 2**63 - 1
"""Budgets limit counters, which are signed 64-bit integers."""


@dataclass(frozen=True, slots=True)
class CampaignTerms:
    """The fields of a campaign that users set; an empty display name means the issue's."""

    display_name: str = ""
    threshold: float | None = None
    budget: BudgetRecord = NO_BUDGET

    def check(self) -> None:
        """Raise InvalidArgument naming a field that is out of range."""
        check_text("campaign.display_name", self.display_name, empty=True)
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InvalidArgument.of("campaign.threshold", f"{self.threshold} is not in 0…1")
        for field in ("total", "per_day"):
            limit = getattr(self.budget, field)
            if limit is not None and limit > BUDGET_MAX:
                raise InvalidArgument.of(
                    f"campaign.budget.{field}", f"{limit} is not in 0…{BUDGET_MAX}"
                )


UPDATABLE_FIELDS: Final = ("display_name", "threshold", "budget")
"""The paths that an update mask may contain."""


async def get_campaign(stores: Stores, name: CampaignName) -> CampaignRecord:
    """A campaign; raises NotFound naming it if it does not exist."""
    return (await read_campaign(stores, name)).record


async def read_campaign(stores: Stores, name: CampaignName) -> StoredRecord[CampaignRecord]:
    """A campaign with the revision that a change must check."""
    return await read_record(
        stores.ledger, name.project, campaign_key(name.campaign), CampaignRecord, name
    )


async def list_campaigns(
    stores: Stores, project: ProjectName, page: Page
) -> tuple[list[CampaignRecord], str]:
    """A page of a project's campaigns, ordered by name, and the next page token."""
    await get_project(stores, project)
    return await read_records(
        stores.ledger, project.project, prefix("campaign"), CampaignRecord, page
    )


async def update_campaign(
    stores: Stores, name: CampaignName, terms: CampaignTerms, mask: Collection[str], etag: str
) -> CampaignRecord:
    """Change the fields of a campaign that the mask names.

    Raises InvalidArgument naming an invalid value or a path that cannot be changed, and Aborted
    if the etag is not the current one.
    """
    _check_mask(mask)
    values = {path: getattr(terms, path) for path in mask}
    CampaignTerms(**values).check()

    async def apply(campaign: CampaignRecord) -> CampaignRecord:
        check_etag(etag, campaign.etag, name)
        if values.get("display_name") != "":
            return revise(campaign, **values)
        issue = await get_issue(stores, IssueName(name.project, campaign.issue))
        return revise(campaign, **{**values, "display_name": issue.display_name})

    return await _change(stores, name, apply)


async def set_active(stores: Stores, name: CampaignName, *, active: bool) -> CampaignRecord:
    """Activate or deactivate a campaign; the samples that it has collected stay.

    Raises FailedPrecondition for a campaign whose newest version has no element left.
    """

    async def apply(campaign: CampaignRecord) -> CampaignRecord:
        if active and not campaign.version.model_digest:
            raise FailedPrecondition(
                f"{name}: the frames of all elements of version {campaign.version.number} were "
                "deleted; commit a new version first"
            )
        return campaign if campaign.active == active else revise(campaign, active=active)

    return await _change(stores, name, apply)


async def _change(
    stores: Stores,
    name: CampaignName,
    apply: Callable[[CampaignRecord], Awaitable[CampaignRecord]],
) -> CampaignRecord:
    """Apply a change to a campaign, again after each conflicting change."""

    async def attempt() -> CampaignRecord:
        stored = await read_campaign(stores, name)
        campaign = await apply(stored.record)
        if campaign is stored.record:
            return campaign
        published = _published_fields(campaign) != _published_fields(stored.record)
        key = campaign_key(name.campaign)
        await stores.ledger.commit(
            Transaction(
                name.project,
                checks={key: stored.revision},
                puts={key: encode(campaign)},
                adds={GENERATION: Add(1)} if published else {},
            )
        )
        return campaign

    return await retry(attempt, name)


def _published_fields(campaign: CampaignRecord) -> tuple[object, ...]:
    """The fields that scorers and ingest receive; empty for an inactive campaign."""
    if not campaign.active:
        return ()
    return (campaign.threshold, campaign.budget, campaign.version)


def _check_mask(mask: Collection[str]) -> None:
    accepted = ", ".join(UPDATABLE_FIELDS)
    if not mask:
        raise InvalidArgument.of("update_mask", f"is empty; accepted are {accepted}")
    for path in mask:
        if path not in UPDATABLE_FIELDS:
            raise InvalidArgument.of(
                "update_mask", f"{path!r} cannot be changed; accepted are {accepted}"
            )
