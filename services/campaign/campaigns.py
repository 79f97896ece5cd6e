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
    Budget,
    Campaign,
    campaign_key,
    changed,
)
from services.ledger.interface import Add, Transaction
from services.records.documents import StoredRecord, check_etag, read_record, read_records, retry
from services.records.pages import Page
from services.records.records import encode, prefix
from services.records.stores import Stores
from sluice.checks import check_text
from sluice.errors import InvalidArgument
from sluice.names import CampaignName, IssueName, ProjectName

BUDGET_MAX: Final = 2**63 - 1
"""Budgets bind counters, which are signed 64-bit."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What people decide of a campaign; an empty display name is the issue's."""

    display_name: str = ""
    threshold: float | None = None
    budget: Budget = NO_BUDGET

    def check(self) -> None:
        """Raise InvalidArgument naming a value that is not accepted."""
        check_text("campaign.display_name", self.display_name, empty=True)
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InvalidArgument.of("campaign.threshold", f"{self.threshold} is not in 0…1")
        for field in ("total", "per_day"):
            bound = getattr(self.budget, field)
            if bound is not None and bound > BUDGET_MAX:
                raise InvalidArgument.of(
                    f"campaign.budget.{field}", f"{bound} is not in 0…{BUDGET_MAX}"
                )


TERMS: Final = ("display_name", "threshold", "budget")
"""The fields of a campaign that can be changed."""


async def get_campaign(stores: Stores, name: CampaignName) -> Campaign:
    """A campaign; NotFound naming it if there is none."""
    return (await read_campaign(stores, name)).record


async def read_campaign(stores: Stores, name: CampaignName) -> StoredRecord[Campaign]:
    """A campaign and its revision, for changing it."""
    return await read_record(
        stores.ledger, name.project, campaign_key(name.campaign), Campaign, name
    )


async def list_campaigns(
    stores: Stores, project: ProjectName, page: Page
) -> tuple[list[Campaign], str]:
    """A page of the campaigns of a project, by name, and the next one's token."""
    await get_project(stores, project)
    return await read_records(stores.ledger, project.project, prefix("campaign"), Campaign, page)


async def update_campaign(
    stores: Stores, name: CampaignName, terms: Terms, mask: Collection[str], etag: str
) -> Campaign:
    """Change those terms of a campaign that the mask names.

    Raises InvalidArgument naming a wrong value or a path that cannot be changed, and Aborted
    when the campaign has not that etag any more.
    """
    _check_mask(mask)
    wanted = {path: getattr(terms, path) for path in mask}
    Terms(**wanted).check()

    async def apply(campaign: Campaign) -> Campaign:
        check_etag(etag, campaign.etag, name)
        if wanted.get("display_name") != "":
            return changed(campaign, **wanted)
        issue = await get_issue(stores, IssueName(name.project, campaign.issue))
        return changed(campaign, **{**wanted, "display_name": issue.display_name})

    return await _change(stores, name, apply)


async def set_active(stores: Stores, name: CampaignName, *, active: bool) -> Campaign:
    """Make a campaign collect, or collect no more; its samples stay as they are."""

    async def apply(campaign: Campaign) -> Campaign:
        return campaign if campaign.active == active else changed(campaign, active=active)

    return await _change(stores, name, apply)


async def _change(
    stores: Stores, name: CampaignName, apply: Callable[[Campaign], Awaitable[Campaign]]
) -> Campaign:
    """Apply a change to a campaign, again when others were faster."""

    async def attempt() -> Campaign:
        before = await read_campaign(stores, name)
        now = await apply(before.record)
        if now is before.record:
            return now
        where = campaign_key(name.campaign)
        await stores.ledger.commit(
            Transaction(
                name.project,
                checks={where: before.revision},
                puts={where: encode(now)},
                adds={GENERATION: Add(1)} if _scored(now) != _scored(before.record) else {},
            )
        )
        return now

    return await retry(attempt, name)


def _scored(campaign: Campaign) -> tuple[object, ...]:
    """What of a campaign those who score and judge are told."""
    if not campaign.active:
        return ()
    return (campaign.threshold, campaign.budget, campaign.version)


def _check_mask(mask: Collection[str]) -> None:
    accepted = ", ".join(TERMS)
    if not mask:
        raise InvalidArgument.of("update_mask", f"is empty; accepted are {accepted}")
    for path in mask:
        if path not in TERMS:
            raise InvalidArgument.of(
                "update_mask", f"{path!r} cannot be changed; accepted are {accepted}"
            )
