"""The projector in the background serves every project, whatever becomes of one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from services.ingest.background import BackgroundProjector
from services.ingest.projector import Projector
from services.ingest.projects import register_project
from services.ledger.sqlite.ledger import SqliteLedger


class Steps:
    """A projector whose step fails for one project."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.served = asyncio.Event()

    async def step(self, project: str) -> int:
        """Fail for `broken`; otherwise take note."""
        self.taken.append(project)
        if project == "broken":
            raise RuntimeError(project)
        if project == "later":
            self.served.set()
        return 0


async def test_a_failing_project_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """A project after one that fails is served, and the failing one waits before its next try."""
    ledger = await SqliteLedger.open(tmp_path / "ledger.db")
    for project in ("broken", "later"):
        await register_project(ledger, project)
    steps = Steps()
    background = BackgroundProjector(ledger, cast("Projector", steps))
    async with background.running():
        await asyncio.wait_for(steps.served.wait(), 10)
        steps.served.clear()
        background.wake()
        await asyncio.wait_for(steps.served.wait(), 10)
    await ledger.close()
    assert ["broken", "later", "later"] == steps.taken[:3]
