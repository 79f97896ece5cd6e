"""What two ingesters decide at the same time about the same frames: once, and within budget."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from threading import Barrier, Event

import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.local.cluster import Cluster
from services.ingest.lease import LEASE, Lease
from services.records.records import decode
from sluice.v1 import ingest_pb2
from tests.e2e.team import DIMENSION, vector
from tests.faults.failing import failing_ingest
from tests.faults.fleet import PATIENCE_S, Fleet, Logger, Scored
from tests.faults.oracle import read_settled
from tests.faults.waiting import wait_until

SESSIONS = 50
CONTESTED = 12
TWINS, MOVES_MIN, SHORT_LEASE_S = 40, 5, 0.02
BUDGET, BUDGET_LOGGERS, PAIRS, ROUNDS_MAX = 30, 8, 5, 20


def submit_together(loggers: Sequence[Logger], *rounds: Sequence[ingest_pb2.SubmitBatch]) -> None:
    """Have all loggers submit at once, a batch each, in each round."""
    ready = Barrier(len(loggers))

    def submit(logger: Logger, batches: Sequence[ingest_pb2.SubmitBatch]) -> None:
        logger.session.open()
        for batch in batches:
            ready.wait(PATIENCE_S)
            logger.submit(batch)
            logger.session.flush()

    with ThreadPoolExecutor(len(loggers)) as pool:
        list(pool.map(submit, loggers, zip(*rounds, strict=True)))


def widen(fleet: Fleet, scored: Scored, *names: str) -> None:
    """Submit what has the least and the greatest score: sessions collide where these change."""
    logger = fleet.logger()
    logger.submit(scored.batch({f"first-{name}": name for name in names}))
    logger.finish()


def test_one_frame_from_many_sessions_is_one_sample(fleet: Fleet) -> None:
    """Of sessions that submit a frame at once, one gets pending and all others duplicate."""
    frames = [f"v{index}" for index in range(CONTESTED)]
    scored = fleet.score("x", *frames)
    frames.sort(key=scored.score)
    widen(fleet, scored, "x", frames.pop())
    loggers = [fleet.logger(fleet.ingester(index)) for index in range(SESSIONS)]
    submit_together(loggers, *([scored.batch({frame: frame})] * SESSIONS for frame in frames))
    stored = fleet.check_accounts()
    duplicates = len(frames) * (SESSIONS - 1)
    assert Counter(pending=1 + len(frames), duplicate=duplicates) == fleet.verdicts
    assert set(frames) <= set(stored.collected)


def test_of_like_frames_one_is_kept(fleet: Fleet) -> None:
    """However the lease moves between two projectors, of like frames one is the sample.

    In each round both ingesters get one of two like frames at once, and one of them a frame like
    those of the round before, which the other may have decided.
    """
    names, owners, before = [f"v{index}" for index in range(TWINS)], [], ""
    scored = score_with_like(fleet, names, "twin", "late")
    loggers = [fleet.logger(fleet.ingester(index)) for index in range(2)]
    with failing_pair(fleet.cluster):
        for name in names:
            late = {f"late-{before}": f"late-{before}"} if before else {}
            batches = [
                scored.batch({name: name} | late),
                scored.batch({f"twin-{name}": f"twin-{name}"}),
            ]
            submit_together(loggers, batches)
            stored = read_settled(fleet.cluster, fleet.campaign)
            lease = decode(Lease, stored.entries[LEASE])
            owners.append(lease.owner)
            wait_until(partial(has_ended, lease))
            before = name
        stored = fleet.check_accounts()
    for name in names:
        frame_ids = [id for id in (name, f"twin-{name}", f"late-{name}") if id in stored.rows]
        [kept] = [id for id in frame_ids if not stored.rows[id].duplicate_of]
        assert {kept, ""} == {stored.rows[id].duplicate_of for id in frame_ids}
    moves = sum(one != other for one, other in pairwise(owners))
    assert MOVES_MIN <= moves, "the lease stood still"


def has_ended(lease: Lease) -> bool:
    """Whether either of two projectors may have the lease next."""
    return lease.expires_us < time.time() * 1e6


@contextmanager
def failing_pair(cluster: Cluster) -> Iterator[None]:
    """Both ingesters with a lease so short that either may have it next."""
    with (
        failing_ingest(cluster, "ingest-0", lease_s=SHORT_LEASE_S),
        failing_ingest(cluster, "ingest-1", lease_s=SHORT_LEASE_S),
    ):
        yield


def score_with_like(fleet: Fleet, names: Sequence[str], *others: str) -> Scored:
    """Score the vectors of those names, others like each of them, and one that is like none."""
    like = {f"{other}-{name}": near(name, other) for name in names for other in others}
    return fleet.score_vectors({name: vector(name) for name in [*names, "x"]} | like)


@pytest.mark.parametrize("bound", ["total", "per_day"])
def test_a_budget_is_used_up_and_never_passed(fleet: Fleet, bound: str) -> None:
    """Sessions on two ingesters fill the budget exactly, refunds too, and at no time pass it."""
    wait_until(is_well_before_midnight)
    fleet.team.campaigns.set_budget(fleet.campaign, **{bound: BUDGET})
    batches = batches_with_twins(fleet)
    loggers = [fleet.logger(fleet.ingester(index)) for index in range(len(batches))]
    with ThreadPoolExecutor(1) as pool:
        ended = Event()
        watching = pool.submit(most_used, fleet, ended)
        collected = rounds = 0
        while collected < BUDGET and rounds < ROUNDS_MAX:
            submit_together(loggers, batches)
            collected = len(read_settled(fleet.cluster, fleet.campaign).collected)
            rounds += 1
        before = fleet.verdicts
        submit_together(loggers, batches)
        ended.set()
        assert BUDGET == watching.result()
    stored = fleet.check_accounts()
    assert BUDGET == len(stored.collected)
    assert rounds > 1, "no refund has served a later frame"
    assert before["pending"] == fleet.verdicts["pending"]
    assert before["over_budget"] < fleet.verdicts["over_budget"]


def batches_with_twins(fleet: Fleet) -> list[ingest_pb2.SubmitBatch]:
    """A batch for each of several loggers, of matches of which each has a near duplicate."""
    names = [f"v{index}" for index in range(BUDGET_LOGGERS * PAIRS)]
    scored = score_with_like(fleet, names, "twin")
    best = max(scored.row_of, key=scored.score)
    widen(fleet, scored, "x", best)
    return [
        scored.batch({id: id for name in group for id in (name, f"twin-{name}")})
        for group in (names[start : start + PAIRS] for start in range(0, len(names), PAIRS))
    ]


def most_used(fleet: Fleet, ended: Event) -> int:
    """The most of the budget that the funnel has ever shown as used, until the event."""
    most = 0
    while not ended.is_set():
        funnel = fleet.team.samples.funnel(fleet.campaign)
        most = max(most, funnel.pending + funnel.collected)
    return most


def is_well_before_midnight() -> bool:
    """Whether this UTC day lasts long enough for a test of its budget."""
    now = datetime.now(UTC)
    return (now + timedelta(minutes=1)).date() == now.date()


def near(name: str, other: str) -> NDArray[np.float32]:
    """A vector so near to that of a name that the two are near duplicates."""
    draw = np.random.default_rng([*f"{other}-{name}".encode()])
    return vector(name) + draw.normal(size=DIMENSION).astype(np.float32) * np.float32(0.01)
