"""Watching the active campaigns of a project, on behalf of scorers, loggers and ingest."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from services.campaign.projects import get_project
from services.campaign.records import GENERATION, CampaignRecord
from services.ledger.interface import Ledger
from services.records.project_marks import deleted_error, is_marked
from services.records.records import decode, prefix
from services.records.stores import Stores
from sluice.names import ProjectName

POLL_S: Final = 0.2

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class ActiveCampaignList:
    """The active campaigns of a project by id, at least as new as their generation."""

    generation: int
    campaigns: tuple[CampaignRecord, ...]


async def read_active_campaigns(ledger: Ledger, project: str) -> ActiveCampaignList:
    """The campaigns that are active now; raises NotFound for a deleted project."""
    # The generation first: a change while campaigns are read has a generation of its own, under
    # which they are read again.
    generation = await _read_generation(ledger, project)
    campaigns: list[CampaignRecord] = []
    after = ""
    while page := await ledger.scan(project, prefix("campaign"), after=after, limit=_PAGE):
        campaigns += (decode(CampaignRecord, entry) for entry in page)
        after = page[-1].key
    if await is_marked(ledger, project):
        raise deleted_error(project)
    active = tuple(campaign for campaign in campaigns if campaign.active)
    return ActiveCampaignList(generation, active)


class ActiveCampaignWatcher:
    """The watches of all projects; those of one project share one poller."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._pollers: dict[str, _GenerationPoller] = {}

    async def watch(self, name: ProjectName) -> AsyncGenerator[ActiveCampaignList, None]:
        """Yield the active campaigns now, and again after each change; without end.

        Raises NotFound for a project that does not exist.
        """
        await get_project(self._stores, name)
        active = await read_active_campaigns(self._stores.ledger, name.project)
        yield active
        with self._poller(name.project) as poller:
            while True:
                active = await poller.wait_newer(active.generation)
                yield active

    @contextmanager
    def _poller(self, project: str) -> Iterator[_GenerationPoller]:
        """The project's poller, which is cancelled with its last watch."""
        poller = self._pollers.get(project)
        if poller is None or poller.task.done():
            poller = self._pollers[project] = _GenerationPoller(self._stores.ledger, project)
        poller.watches += 1
        try:
            yield poller
        finally:
            poller.watches -= 1
            if not poller.watches:
                poller.task.cancel()
                if self._pollers.get(project) is poller:
                    del self._pollers[project]


class _GenerationPoller:
    """Reads the generation of one project every `POLL_S`, and the campaigns when it has changed."""

    def __init__(self, ledger: Ledger, project: str) -> None:
        self.watches = 0
        self._ledger = ledger
        self._project = project
        self._latest: ActiveCampaignList | None = None
        self._update: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # In its own context: it outlives the call that happened to start it.
        self.task = asyncio.create_task(
            self._poll(), name=f"watch {project}", context=contextvars.Context()
        )

    async def wait_newer(self, generation: int) -> ActiveCampaignList:
        """The active campaigns, as soon as their generation is later than this one.

        Raises the error that ended the polling.
        """
        while self._latest is None or self._latest.generation <= generation:
            if self.task.done():
                self.task.result()
            await asyncio.wait({self._update, self.task}, return_when=asyncio.FIRST_COMPLETED)
        return self._latest

    async def _poll(self) -> None:
        while True:
            generation = await _read_generation(self._ledger, self._project)
            if self._latest is None or self._latest.generation != generation:
                self._latest = await read_active_campaigns(self._ledger, self._project)
                self._update.set_result(None)
                self._update = asyncio.get_running_loop().create_future()
            await asyncio.sleep(POLL_S)


async def _read_generation(ledger: Ledger, project: str) -> int:
    return (await ledger.counters(project, [GENERATION]))[GENERATION]
