"""`python dying_campaign.py FILE --port N`: a campaign service that dies while it commits.

While FILE is there, it holds the number of a store call within CommitVersion, counted from 1: the
process is killed as soon as that call has returned, or before the first one for 0. FILE is removed
first, so the process works when it is started again.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.server.cluster_settings import CampaignSettings
from services.server.command import run_server

calls_left: ContextVar[list[int]] = ContextVar("calls_left")
"""In the calls of a commit that is to die: how many store calls are left to it."""


class Dying:
    """A store after some call of which the process dies."""

    def __init__(self, store: Any, file: Path) -> None:
        self._store = store
        self._file = file

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        return self._counted(real) if callable(real) else real

    def _counted(self, real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*arguments: Any, **options: Any) -> Any:
            left = calls_left.get([])
            if left and not left[0]:
                die(self._file)
            result = await real(*arguments, **options)
            if left:
                left[0] -= 1
                if not left[0]:
                    die(self._file)
            return result

        return counted


def die(file: Path) -> None:
    """End this process as a power cut would."""
    file.unlink()
    os.kill(os.getpid(), signal.SIGKILL)


def install(file: Path) -> None:
    """Have `services.campaign` commit on stores that may be its last."""
    from services.campaign.commit import commit_version
    from services.campaign.servicer import campaigns

    def on_dying_stores(stores: Any, *arguments: Any) -> Awaitable[Any]:
        if file.exists():
            calls_left.set([int(file.read_text())])
            each = {name: getattr(stores, name) for name in ("ledger", "vectors", "blobs")}
            dying: dict[str, Any] = {name: Dying(store, file) for name, store in each.items()}
            stores = replace(stores, **dying)
        return commit_version(stores, *arguments)

    # A module does not export what it imports, so type checkers must not see this.
    setattr(campaigns, "commit_version", on_dying_stores)  # noqa: B010


def serve(settings: CampaignSettings) -> int:
    """Serve until a signal, or until the file says so."""
    from services.campaign.process import serve
    from services.server.run import run

    install(FILE)
    return run("campaign", settings, serve(settings))


if __name__ == "__main__":
    FILE = Path(sys.argv.pop(1))
    sys.exit(run_server("campaign", "Dies.", CampaignSettings, serve))
