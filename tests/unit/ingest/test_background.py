"""The projector in the background serves every project, even if one fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from services.ingest.background import BackgroundProjector
from services.ingest.projector import Projector
from services.ingest.projects import register_project
from services.ledger.sqlite.ledger import SqliteLedger


class FailingProjector:
    """A projector whose step fails for the project `broken`."""

    def __init__(self) -> None:
        self.projects: list[str] = []
        self.served = asyncio.Event()

    async def step(self, project: str) -> int:
        """Record the project; fail for `broken`."""
        self.projects.append(project)
        if project == "broken":
            raise RuntimeError(project)
        if project == "later":
            self.served.set()
        return 0


async def test_a_failing_project_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """The project after a failing one is served, and the failing one is skipped for a while."""
    ledger = await SqliteLedger.open(tmp_path / "ledger.db")
    for project in ("broken", "later"):
        await register_project(ledger, project)
    projector = FailingProjector()
    background = BackgroundProjector(ledger, cast("Projector", projector))
    async with background.running():
        await asyncio.wait_for(projector.served.wait(), 10)
        projector.served.clear()
        background.wake()
        await asyncio.wait_for(projector.served.wait(), 10)
    await ledger.close()
    assert ["broken", "later", "later"] == projector.projects[:3]
