"""Whether a process can work: what it needs is asked for, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from sluice.errors import SluiceError

Check = Callable[[], Awaitable[object]]
"""Raises a SluiceError while that which it asks does not answer."""

PERIOD_S: Final = 1.0
"""How long between two rounds of checks."""

TIMEOUT_S: Final = 2.0
"""How long an answer may take."""

log = structlog.get_logger()


class Readiness:
    """Tells at the start, and at every change, whether all needs are met."""

    def __init__(self, needs: Mapping[str, Check], tell: Callable[[bool], Awaitable[None]]) -> None:
        self._needs = needs
        self._tell = tell
        self._missing: frozenset[str] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Tell how it is now, and go on to look."""
        await self._look()
        if self._needs:
            self._task = asyncio.create_task(self._go_on())

    async def close(self) -> None:
        """Tell nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            await self._look()

    async def _look(self) -> None:
        problems = await asyncio.gather(*map(_problem, self._needs.values()))
        found = {name: problem for name, problem in zip(self._needs, problems) if problem}
        before, self._missing = self._missing, frozenset(found)
        if before == self._missing:
            return
        for name in self._missing.difference(before or ()):
            log.warning("readiness.missing", need=name, problem=found[name])
        for name in (before or frozenset()) - self._missing:
            log.info("readiness.found", need=name)
        await self._tell(not self._missing)


async def _problem(check: Check) -> str:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await check()
    except TimeoutError:
        return f"no answer in {TIMEOUT_S:g} s"
    except SluiceError as error:
        return str(error)
    return ""
