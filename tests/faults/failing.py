"""Ingest processes that a signal hits at a named step, in the place of those of a cluster."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.local.cluster import Cluster
from deploy.local.process import LocalProcess
from tests.faults.waiting import WAIT_S_MAX

PROGRAM = Path(__file__).with_name("failing_ingest.py")
LEASE_S = 1.0
"""Long enough for a page on a slow machine, and nobody waits long for it to end."""

PAGE_ENTRIES = 8


@contextmanager
def failing_ingest(
    cluster: Cluster, name: str, fail_at: str = "", lease_s: float = LEASE_S
) -> Iterator[LocalProcess]:
    """The ingest process of that name, stopped, and in its place one that may fail."""
    ordinary = cluster.processes[name]
    ordinary.stop()
    port = cluster.address(name).rpartition(":")[2]
    settings = {"FAIL_AT": fail_at, "LEASE_S": str(lease_s), "PAGE_ENTRIES": str(PAGE_ENTRIES)}
    failing = ordinary.variant([sys.executable, str(PROGRAM), f"--port={port}"], settings)
    with suppress(RuntimeError):  # it may be hit before it is ready
        failing.start()
    try:
        yield failing
    finally:
        failing.kill()


def wait_until_killed(process: LocalProcess, fail_at: str) -> None:
    """Wait until the process is killed where it was to be, and nowhere else."""
    assert -signal.SIGKILL == process.wait_until_ended(WAIT_S_MAX)
    assert was_hit(process, fail_at)


def was_hit(process: LocalProcess, fail_at: str) -> bool:
    """Whether the process has said that it is where it fails."""
    return f"failpoint {fail_at} at" in process.log.read_text()
