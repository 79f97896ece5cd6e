"""The vector store is away: batches are acknowledged up to the outbox's bound, and none is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import cluster as local
from deploy.local.cluster import Cluster
from sluice import errors
from tests.faults.fleet import Fleet, Logger, Scored
from tests.faults.waiting import insist, wait_until

BOUND, BATCH = 40, 3
VECTORS = 60
QDRANT_TIMEOUT_S = 1


@pytest.fixture(scope="module")
def small_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose outboxes are small, and which asks the vector store for a second."""
    settings = {"outbox_entries_max": str(BOUND), "qdrant_timeout_s": str(QDRANT_TIMEOUT_S)}
    folder = tmp_path_factory.mktemp("vectors") / "cluster"
    with local.running(folder, settings=settings) as started:
        yield started


@pytest.fixture
def cluster(small_cluster: Cluster) -> Cluster:
    """The same, all of which runs."""
    small_cluster.start()
    return small_cluster


def go(cluster: Cluster) -> None:
    """End the vector store."""
    cluster.processes["qdrant"].kill()


def come_back(cluster: Cluster) -> None:
    """Start it again."""
    cluster.processes["qdrant"].start()


def fall_silent(cluster: Cluster) -> None:
    """Stop the vector store in its tracks: it takes calls, and answers none."""
    cluster.processes["qdrant"].send(signal.SIGSTOP)


def go_on(cluster: Cluster) -> None:
    """Let it go on."""
    cluster.processes["qdrant"].send(signal.SIGCONT)


def submit_until_refused(logger: Logger, scored: Scored, name: str) -> errors.Unavailable:
    """Submit matches batch after batch, until one is put off."""
    for _ in range(2 * BOUND // BATCH):
        first = BATCH * len(logger.batches)
        frames = {f"{name}{i}": f"v{i % VECTORS}" for i in range(first, first + BATCH)}
        logger.submit(scored.batch(frames))
        try:
            logger.session.flush()
        except errors.Unavailable as error:
            return error
    raise AssertionError("nothing was put off")


@pytest.mark.parametrize(
    ("leave", "come"), [(go, come_back), (fall_silent, go_on)], ids=["ended", "silent"]
)
def test_acknowledged_up_to_the_bound_then_put_off(
    cluster: Cluster,
    fleet: Fleet,
    leave: Callable[[Cluster], None],
    come: Callable[[Cluster], None],
) -> None:
    """Without the vector store loggers go on to the bound, are put off there, and lose nothing."""
    scored = fleet.score("x", *(f"v{i}" for i in range(VECTORS)))
    first = fleet.logger()
    first.submit(scored.batch({"before": "v0", "x": "x"}))
    first.finish()
    assert 1 == fleet.team.funnel("vans").collected
    ingest_log = cluster.processes["ingest-0"].log
    failures = given_up(ingest_log, fleet.project)

    leave(cluster)
    try:
        logger = fleet.logger(patience_s=0)
        error = submit_until_refused(logger, scored, "during")
        assert (True, f"{BOUND} matches wait for the vector store") == (
            error.retry_after_s is not None,
            error.message,
        )
        assert BOUND // BATCH == logger.session.acknowledged
        # What brings no match needs no room.
        other = fleet.logger()
        other.submit(scored.batch({"y": "x", "z": "x"}))
        other.finish()
        # The store has tried as often as it does, and the projector again.
        wait_until(lambda: given_up(ingest_log, fleet.project) >= failures + 2)
        assert 1 == fleet.team.samples.funnel(fleet.campaign).collected
    finally:
        come(cluster)
    insist(logger.finish)
    stored = fleet.check_accounts()
    assert stored.settled
    assert 1 + BATCH * len(logger.batches) == len(stored.rows)


def given_up(log: Path, project: str) -> int:
    """How often the projector has given up a page of a project."""
    name = f'"{project.partition("/")[2]}"'
    lines = log.read_text().splitlines()
    return sum("projector.failed" in line and name in line for line in lines)
