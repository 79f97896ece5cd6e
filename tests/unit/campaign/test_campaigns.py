"""Campaigns: terms, state and the generation of what is active."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from services.campaign import campaigns as campaigns_module
from services.campaign import versions as versions_module
from services.campaign.active_campaigns import read_active_campaigns
from services.campaign.campaigns import (
    BUDGET_MAX,
    CampaignTerms,
    get_campaign,
    list_campaigns,
    set_active,
    update_campaign,
)
from services.campaign.commit import create_campaign
from services.campaign.issue_deletion import delete_issue
from services.campaign.records import BudgetRecord
from sluice.errors import Aborted, InvalidArgument, NotFound
from sluice.names import CampaignName, IssueName
from tests.unit.campaign.campaign_service import ALL, ONCE, PROJECT, CampaignService, make_page
from tests.unit.campaign.faults import overtaken

WRONG = [
    (CampaignTerms(threshold=-0.1), "threshold", r"campaign\.threshold: -0\.1 is not in 0…1"),
    (CampaignTerms(threshold=1.5), "threshold", r"campaign\.threshold: 1\.5 is not in 0…1"),
    (CampaignTerms(threshold=math.nan), "threshold", r"campaign\.threshold: nan is not in 0…1"),
    (CampaignTerms(threshold=math.inf), "threshold", r"campaign\.threshold: inf is not in 0…1"),
    (
        CampaignTerms(display_name="n" * 257),
        "display_name",
        r"campaign\.display_name: .* has 257 bytes",
    ),
    (
        CampaignTerms(budget=BudgetRecord(total=BUDGET_MAX + 1)),
        "budget",
        r"campaign\.budget\.total: 9223",
    ),
    (
        CampaignTerms(budget=BudgetRecord(per_day=BUDGET_MAX + 1)),
        "budget",
        r"campaign\.budget\.per_day: 9223",
    ),
]


async def generation(service: CampaignService) -> int:
    """How often what is to be scored has changed."""
    return (await read_active_campaigns(service.stores.ledger, "p")).generation


@pytest.mark.parametrize(("terms", "path", "message"), WRONG)
async def test_wrong_terms_are_named(
    service: CampaignService, terms: CampaignTerms, path: str, message: str
) -> None:
    """A term outside its range is refused when a campaign is made and when it is changed."""
    issue = await service.create_issue("a")
    name, created = await service.create_campaign(issue)

    with pytest.raises(InvalidArgument, match=message):
        await create_campaign(service.stores, ONCE, PROJECT, issue, terms)
    with pytest.raises(InvalidArgument, match=message):
        await update_campaign(service.stores, name, terms, [path], "")

    assert ([created], "") == await list_campaigns(service.stores, PROJECT, ALL)


@pytest.mark.parametrize("terms", [CampaignTerms(threshold=0.0), CampaignTerms(threshold=1.0)])
async def test_the_ends_of_the_range_are_accepted(
    service: CampaignService, terms: CampaignTerms
) -> None:
    """Thresholds of 0 and 1 are thresholds like any other."""
    name, _ = await service.create_campaign(await service.create_issue("a"))

    changed = await update_campaign(service.stores, name, terms, ["threshold"], "")

    assert (
        terms.threshold == changed.threshold == (await get_campaign(service.stores, name)).threshold
    )


async def test_only_what_the_mask_names_changes(service: CampaignService) -> None:
    """Terms outside the mask stay; masked ones that are not given go back to their defaults."""
    name, _ = await service.create_campaign(await service.create_issue("a"))
    terms = CampaignTerms(
        display_name="Nights", threshold=0.3, budget=BudgetRecord(total=5, per_day=0)
    )

    changed = await update_campaign(service.stores, name, terms, ["threshold", "budget"], "")
    unmasked = replace(terms, threshold=7)
    named = await update_campaign(service.stores, name, unmasked, ["display_name"], "")
    reset = await update_campaign(
        service.stores, name, CampaignTerms(), ["threshold", "budget", "display_name"], ""
    )

    assert ("night", 0.3, terms.budget) == (changed.display_name, changed.threshold, changed.budget)
    assert ("Nights", 0.3, terms.budget) == (named.display_name, named.threshold, named.budget)
    assert ("night", None, BudgetRecord()) == (reset.display_name, reset.threshold, reset.budget)
    assert 4 == reset.etag


@pytest.mark.parametrize("mask", [[], ["state"], ["threshold", "issue"], ["budget.total"]])
async def test_a_mask_names_what_can_change(service: CampaignService, mask: list[str]) -> None:
    """An empty mask, or a path that cannot be changed, is refused, naming it and what can."""
    name, created = await service.create_campaign(await service.create_issue("a"))
    message = repr(mask[-1]) if mask else "is empty"

    with pytest.raises(InvalidArgument, match=r"update_mask: .*display_name, threshold") as e:
        await update_campaign(service.stores, name, CampaignTerms(threshold=0.3), mask, "")

    assert message in e.value.message
    assert created == await get_campaign(service.stores, name)


async def test_an_old_etag_changes_nothing(service: CampaignService) -> None:
    """An update under an etag that the campaign has no more is refused."""
    name, created = await service.create_campaign(await service.create_issue("a"))
    changed = await update_campaign(
        service.stores, name, CampaignTerms(threshold=0.3), ["threshold"], str(created.etag)
    )

    with pytest.raises(Aborted, match=f"etag: .*{name}"):
        await update_campaign(
            service.stores, name, CampaignTerms(threshold=0.4), ["threshold"], str(created.etag)
        )

    assert changed == await get_campaign(service.stores, name)


async def test_an_update_that_is_overtaken_keeps_both(service: CampaignService) -> None:
    """Changes of two terms at once, without etags, both hold."""
    name, _ = await service.create_campaign(await service.create_issue("a"))
    other = update_campaign(service.stores, name, CampaignTerms(threshold=0.3), ["threshold"], "")
    late = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", other))

    await update_campaign(
        late.stores, name, CampaignTerms(display_name="Nights"), ["display_name"], ""
    )

    stored = await get_campaign(service.stores, name)
    assert ("Nights", 0.3) == (stored.display_name, stored.threshold)


async def test_activation_is_idempotent(service: CampaignService) -> None:
    """Deactivating and activating happen once, however often they are asked for."""
    name, created = await service.create_campaign(await service.create_issue("a"))

    same = await set_active(service.stores, name, active=True)
    off = await set_active(service.stores, name, active=False)
    still_off = await set_active(service.stores, name, active=False)
    on = await set_active(service.stores, name, active=True)

    assert (created, off) == (same, still_off)
    assert (False, True) == (off.active, on.active)
    assert created.version == on.version


async def test_the_generation_grows_with_what_is_scored(service: CampaignService) -> None:
    """Every change of what is to be scored has a generation of its own; no other change has."""
    issue = await service.create_issue("a")
    seen = [await generation(service)]

    async def after(change: Any) -> None:
        await change
        seen.append(await generation(service))

    name, _ = await service.create_campaign(issue)
    await after(service.create_campaign(issue))
    await after(
        update_campaign(service.stores, name, CampaignTerms(threshold=0.3), ["threshold"], "")
    )
    await after(
        update_campaign(
            service.stores, name, CampaignTerms(budget=BudgetRecord(total=1)), ["budget"], ""
        )
    )
    await after(service.commit_version(name))
    await after(set_active(service.stores, name, active=False))
    quiet = seen[-1]
    await after(set_active(service.stores, name, active=False))
    await after(
        update_campaign(service.stores, name, CampaignTerms(threshold=0.4), ["threshold"], "")
    )
    await after(service.commit_version(name))
    await after(set_active(service.stores, name, active=True))
    await after(update_campaign(service.stores, name, CampaignTerms(), ["display_name"], ""))

    assert seen[:6] == sorted(set(seen[:6]))
    assert [quiet, quiet, quiet, quiet + 1, quiet + 1] == seen[6:]


async def test_pages_hold_every_campaign_once(service: CampaignService) -> None:
    """Campaigns are listed by name, inactive ones too."""
    issue = await service.create_issue("a")
    created = sorted([(await service.create_campaign(issue))[0].campaign for _ in range(3)])
    await set_active(service.stores, CampaignName("p", created[0]), active=False)

    first, token = await list_campaigns(service.stores, PROJECT, make_page(2))
    rest, end = await list_campaigns(service.stores, PROJECT, make_page(2, token))

    assert (created, "") == ([campaign.id for campaign in (*first, *rest)], end)


async def test_what_does_not_exist_is_not_found(service: CampaignService) -> None:
    """Every way to reach a campaign names the one that does not exist."""
    missing = CampaignName("p", "none")

    for call in (
        get_campaign(service.stores, missing),
        update_campaign(service.stores, missing, CampaignTerms(threshold=1), ["threshold"], ""),
        set_active(service.stores, missing, active=True),
        service.commit_version(missing),
        versions_module.list_versions(service.stores, missing, ALL),
    ):
        with pytest.raises(NotFound, match="projects/p/campaigns/none does not exist"):
            await call


def test_terms_are_fields_of_a_campaign() -> None:
    """What a mask may name are the fields of Terms, no more and no less."""
    assert tuple(CampaignTerms.__dataclass_fields__) == campaigns_module.UPDATABLE_FIELDS


async def test_a_default_name_needs_the_issue(service: CampaignService) -> None:
    """A campaign whose issue is gone cannot be named after it."""
    issue = await service.create_issue("a")
    name, _ = await service.create_campaign(issue)
    await set_active(service.stores, name, active=False)
    await delete_issue(service.stores, issue, "")

    with pytest.raises(NotFound, match=str(IssueName("p", issue.issue))):
        await update_campaign(service.stores, name, CampaignTerms(), ["display_name"], "")
