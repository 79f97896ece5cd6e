"""Readiness: whether the dependencies of a process answer, checked periodically."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from sluice.errors import SluiceError

Check = Callable[[], Awaitable[object]]
"""Raises a SluiceError while the dependency does not answer."""

PERIOD_S: Final = 1.0
"""Pause between two rounds of checks."""

TIMEOUT_S: Final = 2.0
"""Deadline of one check."""

log = structlog.get_logger()


class Readiness:
    """Reports at the start, and after every change, whether all dependencies answer."""

    def __init__(
        self, checks: Mapping[str, Check], report: Callable[[bool], Awaitable[None]]
    ) -> None:
        self._checks = checks
        self._report = report
        self._missing: frozenset[str] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Check and report once, then go on in the background."""
        await self._run_checks()
        if self._checks:
            self._task = asyncio.create_task(self._repeat_checks())

    async def close(self) -> None:
        """Stop checking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _repeat_checks(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            await self._run_checks()

    async def _run_checks(self) -> None:
        results = await asyncio.gather(*map(_find_problem, self._checks.values()))
        problems = {name: problem for name, problem in zip(self._checks, results) if problem}
        before, self._missing = self._missing, frozenset(problems)
        if before == self._missing:
            return
        for name in self._missing.difference(before or ()):
            log.warning("readiness.missing", need=name, problem=problems[name])
        for name in (before or frozenset()) - self._missing:
            log.info("readiness.found", need=name)
        await self._report(not self._missing)


async def _find_problem(check: Check) -> str:
    """Why a check fails, "" if it passes."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await check()
    except TimeoutError:
        return f"no answer in {TIMEOUT_S:g} s"
    except SluiceError as error:
        return str(error)
    return ""
