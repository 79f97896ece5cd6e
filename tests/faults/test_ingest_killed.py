"""Ingest is killed at each point where it may have done one thing and not yet the next."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from tests.faults.failing import failing_ingest, wait_until_killed
from tests.faults.fleet import Fleet, Load, Logger
from tests.faults.oracle import read_campaign
from tests.faults.stored import Stored

BATCHES = 40
MATCHES, KILLS, STEPS_MAX = 400, 6, 20


def before_commit(logger: Logger, stored: Stored) -> bool:
    """The third batch is not in the ledger."""
    return {logger.session.session_id: 2} == stored.watermarks


def before_acknowledgement(logger: Logger, stored: Stored) -> bool:
    """The third batch is in the ledger, and its logger does not know."""
    return {logger.session.session_id: 3} == stored.watermarks and logger.session.acknowledged < 3


def before_write(logger: Logger, stored: Stored) -> bool:
    """Samples are decided that Qdrant does not have."""
    decided = set(stored.decided) & set(stored.collected)
    return bool(decided) and not decided & set(stored.points)


def before_delete(logger: Logger, stored: Stored) -> bool:
    """Qdrant has the samples that were decided, and they are in the outbox still."""
    decided = set(stored.decided) & set(stored.collected)
    return bool(decided) and decided <= set(stored.points) and len(stored.outbox) > len(decided)


def submit(logger: Logger, load: Load, batches: int) -> None:
    """Submit so many batches, each with two matches, and wait for their answers."""
    for batch in islice(load.batches("a"), batches):
        logger.submit(batch)
        logger.session.flush()  # or several would share a commit
    logger.finish()


@pytest.mark.parametrize(
    ("point", "shows"),
    [
        ("batch:before:3", before_commit),
        ("batch:after:3", before_acknowledgement),
        ("write:before:2", before_write),
        ("write:after:2", before_delete),
    ],
)
def test_killed_between_two_steps(
    fleet: Fleet, point: str, shows: Callable[[Logger, Stored], bool]
) -> None:
    """Whatever the step that a killed ingest did last, the next one goes on with what follows."""
    cluster, load = fleet.cluster, fleet.load()
    cluster.processes["ingest-1"].stop()
    fail_at = f"SIGKILL:{point}"
    logger = fleet.logger(cluster.address("ingest-0"))
    with failing_ingest(cluster, "ingest-0", fail_at) as ingest, ThreadPoolExecutor(1) as pool:
        submitting = pool.submit(submit, logger, load, BATCHES)
        try:
            wait_until_killed(ingest, fail_at)
            assert shows(logger, read_campaign(cluster, fleet.campaign))
        finally:
            cluster.start()
        submitting.result()
    fleet.check_accounts()


def fill_outbox(fleet: Fleet) -> None:
    """Submit while Qdrant is away, so that all matches wait for the projector."""
    qdrant = fleet.cluster.processes["qdrant"]
    qdrant.stop()
    with failing_ingest(fleet.cluster, "ingest-0"):
        submit(fleet.logger(fleet.cluster.address("ingest-0")), fleet.load(), MATCHES // 2)
    qdrant.start()
    stored = read_campaign(fleet.cluster, fleet.campaign)
    assert (MATCHES, []) == (len(stored.rows), stored.points)


def test_a_projector_killed_anywhere_is_followed_by_the_next(
    fleet: Fleet, moments: random.Random
) -> None:
    """Wherever in its pages the projector dies, the next one decides each match once."""
    fleet.cluster.processes["ingest-1"].stop()
    fill_outbox(fleet)
    for _ in range(KILLS):
        when, number = moments.choice(["before", "after"]), moments.randint(1, STEPS_MAX)
        fail_at = f"SIGKILL:projector:{when}:{number}"
        with failing_ingest(fleet.cluster, "ingest-0", fail_at) as ingest:
            wait_until_killed(ingest, fail_at)
    assert not read_campaign(fleet.cluster, fleet.campaign).settled
    fleet.cluster.start()
    fleet.check_accounts()
