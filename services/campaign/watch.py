"""Telling scorers, loggers and ingest which versions are to be scored."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from services.campaign.projects import get_project
from services.campaign.records import GENERATION, Campaign
from services.ledger.interface import Ledger
from services.records.records import decode, prefix
from services.records.stores import Stores
from sluice.names import ProjectName

POLL_S: Final = 0.2

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Active:
    """The active campaigns of a project by id, at least as new as their generation."""

    generation: int
    campaigns: tuple[Campaign, ...]


async def read_active(ledger: Ledger, project: str) -> Active:
    """What is to be scored now."""
    # The generation first: what changes while campaigns are read is read again under its own.
    generation = await _read_generation(ledger, project)
    campaigns: list[Campaign] = []
    after = ""
    while page := await ledger.scan(project, prefix("campaign"), after=after, limit=_PAGE):
        campaigns += (decode(Campaign, entry) for entry in page)
        after = page[-1].key
    return Active(generation, tuple(campaign for campaign in campaigns if campaign.active))


class Watches:
    """The watchers of all projects; those of one project share one poller."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._pollers: dict[str, _Poller] = {}

    async def watch(self, name: ProjectName) -> AsyncGenerator[Active, None]:
        """What is to be scored: now, and again after each change; without end.

        Raises NotFound for a project that does not exist.
        """
        await get_project(self._stores, name)
        active = await read_active(self._stores.ledger, name.project)
        yield active
        with self._poller(name.project) as poller:
            while True:
                active = await poller.newer_than(active.generation)
                yield active

    @contextmanager
    def _poller(self, project: str) -> Iterator[_Poller]:
        """The project's poller, which ends with its last watcher."""
        poller = self._pollers.get(project)
        if poller is None or poller.task.done():
            poller = self._pollers[project] = _Poller(self._stores.ledger, project)
        poller.watchers += 1
        try:
            yield poller
        finally:
            poller.watchers -= 1
            if not poller.watchers:
                poller.task.cancel()
                if self._pollers.get(project) is poller:
                    del self._pollers[project]


class _Poller:
    """Looks for a new generation of one project, `POLL_S` apart."""

    def __init__(self, ledger: Ledger, project: str) -> None:
        self.watchers = 0
        self._ledger = ledger
        self._project = project
        self._latest: Active | None = None
        self._news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # In a context of its own: it outlives the call that happened to start it.
        self.task = asyncio.create_task(
            self._poll(), name=f"watch {project}", context=contextvars.Context()
        )

    async def newer_than(self, generation: int) -> Active:
        """What is to be scored, as soon as it is of a later generation.

        Raises whatever ended the polling.
        """
        while self._latest is None or self._latest.generation <= generation:
            if self.task.done():
                self.task.result()
            await asyncio.wait({self._news, self.task}, return_when=asyncio.FIRST_COMPLETED)
        return self._latest

    async def _poll(self) -> None:
        while True:
            generation = await _read_generation(self._ledger, self._project)
            if self._latest is None or self._latest.generation != generation:
                self._latest = await read_active(self._ledger, self._project)
                self._news.set_result(None)
                self._news = asyncio.get_running_loop().create_future()
            await asyncio.sleep(POLL_S)


async def _read_generation(ledger: Ledger, project: str) -> int:
    return (await ledger.counters(project, [GENERATION]))[GENERATION]
