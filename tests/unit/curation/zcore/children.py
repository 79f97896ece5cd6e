"""The child processes of this process."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 60


def running_children() -> set[int]:
    """The ids of the child processes that are running."""
    children: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        # A thread may end between the listing and the read; its children pass to another thread.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children |= {int(pid) for pid in (task / "children").read_text().split()}
    return children


async def wait_for_start(before: set[int]) -> set[int]:
    """The child processes started since, once there is one and it runs its program."""
    return await asyncio.to_thread(_poll_for_start, before)


async def wait_for_end(pid: int) -> None:
    """Return once that process has ended."""
    await asyncio.to_thread(_wait_for_end, pid)


def _poll_for_start(before: set[int]) -> set[int]:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        started = running_children() - before
        if started and all(map(_has_low_priority, started)):
            return started
        time.sleep(0.01)
    raise AssertionError("no process has begun")


def _wait_for_end(pid: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while pid in running_children():
        assert time.monotonic() < end, f"process {pid} is still running"
        time.sleep(0.01)


def _has_low_priority(pid: int) -> bool:
    """Whether it has a low priority, which is what its program does first."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16]) > 0
