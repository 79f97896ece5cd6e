"""A projector that was paused for longer than its lease changes nothing when it goes on."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.failing import failing_ingest, was_hit
from tests.faults.fleet import Fleet, Logger
from tests.faults.oracle import read_campaign, read_settled
from tests.faults.waiting import wait_until

MATCHES = 20
FENCED = "projector.fenced"


def is_paused(pid: int) -> bool:
    """Whether a process was stopped by a signal."""
    return "T" == Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def submit(fleet: Fleet, logger: Logger) -> None:
    """Submit matches in one batch: more than a page of the projector."""
    names = {f"v{index}": f"v{index}" for index in range(MATCHES)}
    logger.submit(fleet.score(*names).batch(names))
    logger.finish()


@pytest.mark.parametrize("point", ["load:after", "decide:before", "write:before", "finish:before"])
def test_paused_past_its_lease(fleet: Fleet, point: str) -> None:
    """While it was paused another took over; what it does next is refused, whatever it is."""
    cluster, fail_at = fleet.cluster, f"SIGSTOP:{point}:1"
    cluster.processes["ingest-1"].stop()
    logger = fleet.logger(cluster.address("ingest-0"))
    with failing_ingest(cluster, "ingest-0", fail_at) as older, ThreadPoolExecutor(1) as pool:
        submitting = pool.submit(submit, fleet, logger)
        wait_until(lambda: is_paused(older.pid))
        assert was_hit(older, fail_at)
        cluster.processes["ingest-1"].start()
        before, fenced = read_settled(cluster, fleet.campaign), older.log.read_text().count(FENCED)
        older.send(signal.SIGCONT)
        wait_until(lambda: older.log.read_text().count(FENCED) > fenced)
        submitting.result()
        assert before == read_campaign(cluster, fleet.campaign)
    cluster.start()
    fleet.check_accounts()
