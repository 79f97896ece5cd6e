"""The processes that this one has started."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 60


def children() -> set[int]:
    """Those that have not ended, by number."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


async def begun_since(before: set[int]) -> set[int]:
    """Those that were not there before, once there is one and it runs its program."""
    return await asyncio.to_thread(_begun_since, before)


async def ended(pid: int) -> None:
    """Return once that one has ended."""
    await asyncio.to_thread(_wait_for_end, pid)


def _begun_since(before: set[int]) -> set[int]:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = children() - before
        if found and all(map(_nice, found)):
            return found
        time.sleep(0.01)
    raise AssertionError("no process has begun")


def _wait_for_end(pid: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while pid in children():
        assert time.monotonic() < end, f"process {pid} has not ended"
        time.sleep(0.01)


def _nice(pid: int) -> bool:
    """Whether it has a low priority, which is what its program does first."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16]) > 0
