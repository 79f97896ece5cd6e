"""Watches: they send the active campaigns at once and after each change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from services.campaign.active_campaigns import ActiveCampaignList, ActiveCampaignWatcher
from services.campaign.campaigns import CampaignTerms, set_active, update_campaign
from services.campaign.projects import create_project
from sluice.errors import NotFound, Unavailable
from sluice.names import ProjectName
from tests.unit.campaign.campaign_service import ONCE, PROJECT, CampaignService
from tests.unit.campaign.faults import InterceptedStore


def summarise(active: ActiveCampaignList) -> list[tuple[str, int, float | None]]:
    """Id, version and threshold of each campaign."""
    return [(c.id, c.version.number, c.threshold) for c in active.campaigns]


async def test_a_watcher_receives_every_change(service: CampaignService) -> None:
    """The active campaigns are sent at once, and again after each change, with their generation."""
    issue = await service.create_issue("a")
    generations = []
    async with aclosing(ActiveCampaignWatcher(service.stores).watch(PROJECT)) as watch:

        async def receive() -> list[tuple[str, int, float | None]]:
            active = await anext(watch)
            generations.append(active.generation)
            return summarise(active)

        assert [] == await receive()
        name, created = await service.create_campaign(issue)
        assert [(created.id, 1, None)] == await receive()
        await update_campaign(service.stores, name, CampaignTerms(threshold=0.3), ["threshold"], "")
        assert [(created.id, 1, 0.3)] == await receive()
        await service.commit_version(name)
        assert [(created.id, 2, 0.3)] == await receive()
        await set_active(service.stores, name, active=False)
        assert [] == await receive()
        await set_active(service.stores, name, active=True)
        assert [(created.id, 2, 0.3)] == await receive()

    assert generations == sorted(set(generations))


async def test_campaigns_are_sent_by_name(service: CampaignService) -> None:
    """A watcher receives all active campaigns, ordered by name."""
    issue = await service.create_issue("a")
    created = sorted([(await service.create_campaign(issue))[0].campaign for _ in range(3)])

    async with aclosing(ActiveCampaignWatcher(service.stores).watch(PROJECT)) as watch:
        assert created == [campaign.id for campaign in (await anext(watch)).campaigns]


async def test_a_new_watcher_receives_the_current_state(service: CampaignService) -> None:
    """A commit that has returned is in the first response of every watch that starts after it."""
    watches = ActiveCampaignWatcher(service.stores)
    name, _ = await service.create_campaign(await service.create_issue("a"))
    async with aclosing(watches.watch(PROJECT)) as first:
        assert 1 == (await anext(first)).campaigns[0].version.number
        waiting = asyncio.ensure_future(anext(first))
        await service.commit_version(name)
        async with aclosing(watches.watch(PROJECT)) as second:
            assert 2 == (await anext(second)).campaigns[0].version.number
        assert 2 == (await waiting).campaigns[0].version.number


async def test_watchers_share_one_poller(service: CampaignService) -> None:
    """Watchers of one project read its generation once for all; without them nobody reads it."""
    before = asyncio.all_tasks()
    watches = ActiveCampaignWatcher(service.stores)
    async with (
        aclosing(watches.watch(PROJECT)) as first,
        aclosing(watches.watch(PROJECT)) as second,
    ):
        assert 0 == (await anext(first)).generation == (await anext(second)).generation
        waiting = [asyncio.ensure_future(anext(watch)) for watch in (first, second)]
        await service.create_campaign(await service.create_issue("a"))
        assert [1, 1] == [(await update).generation for update in waiting]
        pollers = asyncio.all_tasks() - before

    assert 1 == len(pollers)
    await asyncio.wait(pollers, timeout=5)
    assert [True] == [poller.cancelled() for poller in pollers]


async def test_one_watcher_comes_as_the_last_leaves(service: CampaignService) -> None:
    """A watch that begins just as the last one ends does not end with it."""
    watches = ActiveCampaignWatcher(service.stores)
    name, _ = await service.create_campaign(await service.create_issue("a"))
    async with aclosing(watches.watch(PROJECT)) as late:
        async with aclosing(watches.watch(PROJECT)) as early:
            await anext(early)
            hearing = asyncio.ensure_future(anext(early))
            await set_active(service.stores, name, active=False)
            await hearing
            assert [] == summarise(await anext(late))
            change = asyncio.ensure_future(set_active(service.stores, name, active=True))
        # Nothing else runs between the end of the one and the start of the other.
        assert [(name.campaign, 1, None)] == summarise(await anext(late))
    await change


async def test_projects_do_not_disturb_each_other(service: CampaignService) -> None:
    """A watcher of one project receives nothing of another, and does not end with its poller."""
    await create_project(service.stores, ONCE, "q", "")
    watches = ActiveCampaignWatcher(service.stores)
    async with aclosing(watches.watch(PROJECT)) as watch:
        await anext(watch)
        waiting = asyncio.ensure_future(anext(watch))
        async with aclosing(watches.watch(ProjectName("q"))) as other:
            assert [] == summarise(await anext(other))
        _, created = await service.create_campaign(await service.create_issue("a"))
        assert [(created.id, 1, None)] == summarise(await waiting)


async def test_an_unknown_project_is_not_found(service: CampaignService) -> None:
    """Watching a project that does not exist is refused, naming it."""
    with pytest.raises(NotFound, match="projects/q does not exist"):
        await anext(ActiveCampaignWatcher(service.stores).watch(ProjectName("q")))


async def test_a_failing_ledger_ends_the_watch(service: CampaignService) -> None:
    """Watchers get the error of a failing ledger, and the next watch starts anew."""
    name, _ = await service.create_campaign(await service.create_issue("a"))
    broken = False

    async def counters(real: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        if broken:
            raise Unavailable("the ledger is away")
        return await real(*args)

    watches = ActiveCampaignWatcher(
        service.with_stores(
            ledger=InterceptedStore(service.stores.ledger, "counters", counters)
        ).stores
    )
    async with aclosing(watches.watch(PROJECT)) as watch:
        await anext(watch)
        broken = True
        with pytest.raises(Unavailable, match="the ledger is away"):
            await anext(watch)
    broken = False
    async with aclosing(watches.watch(PROJECT)) as watch:
        await anext(watch)
        await service.commit_version(name)
        assert 2 == (await anext(watch)).campaigns[0].version.number
