"""What two ingesters decide at the same time about the same frames: once, and within budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event

import numpy as np
import pytest
from numpy.typing import NDArray

from services.ingest.lease import LEASE, Lease
from services.ingest.records import RowState
from services.platform.records import decode
from sluice.v1 import ingest_pb2
from tests.e2e.team import DIMENSION, vector
from tests.faults.failing import failing_ingest, wait_until
from tests.faults.fleet import PATIENCE_S, Fleet, Logger, Scored
from tests.faults.oracle import settled

SESSIONS = 50
CONTESTED = 12
TWINS = 30
BUDGET, BUDGET_LOGGERS, PAIRS, ROUNDS_MAX = 30, 8, 5, 20


def submit_together(work: Sequence[tuple[Logger, Sequence[ingest_pb2.SubmitBatch]]]) -> None:
    """Have all loggers submit their first batches at once, then their second ones, and so on."""
    ready = Barrier(len(work))

    def submit(logger: Logger, batches: Sequence[ingest_pb2.SubmitBatch]) -> None:
        logger.session.open()
        for batch in batches:
            ready.wait(PATIENCE_S)
            logger.submit(batch)
            logger.session.flush()

    with ThreadPoolExecutor(len(work)) as pool:
        list(pool.map(submit, *zip(*work, strict=True)))


def widen(fleet: Fleet, scored: Scored, *names: str) -> None:
    """Submit what has the least and the greatest score: sessions collide where these change."""
    logger = fleet.logger()
    logger.submit(scored.batch({f"first-{name}": name for name in names}))
    logger.finish()


def test_one_frame_from_many_sessions_is_one_sample(fleet: Fleet) -> None:
    """Of sessions that submit the same frame at once, one is taken and all others are told so."""
    frames = [f"v{index}" for index in range(CONTESTED)]
    scored = fleet.score("x", *frames)
    frames.sort(key=scored.score)
    widen(fleet, scored, "x", frames.pop())
    batches = [scored.batch({frame: frame}) for frame in frames]
    submit_together([(fleet.logger(fleet.ingester(index)), batches) for index in range(SESSIONS)])
    stored = fleet.check_accounts()
    duplicates = len(frames) * (SESSIONS - 1)
    assert Counter(pending=1 + len(frames), duplicate=duplicates) == fleet.verdicts
    assert set(frames) <= set(stored.collected)


def test_of_twins_submitted_at_once_one_is_kept(fleet: Fleet) -> None:
    """However the lease moves between two projectors, one of two like frames is the sample."""
    cluster, owners = fleet.cluster, set()
    vectors = {f"v{index}": vector(f"v{index}") for index in range(TWINS)}
    scored = fleet.score_vectors(vectors | {f"twin-{name}": near(name) for name in vectors})
    loggers = [fleet.logger(fleet.ingester(index)) for index in range(2)]
    with (
        failing_ingest(cluster, "ingest-0", lease_s=0.02),
        failing_ingest(cluster, "ingest-1", lease_s=0.02),
    ):
        for name in vectors:
            twins = [scored.batch({each: each}) for each in (name, f"twin-{name}")]
            submit_together([(logger, [twin]) for logger, twin in zip(loggers, twins, strict=True)])
            stored = settled(cluster, fleet.campaign)
            owners.add(decode(Lease, stored.entries[LEASE]).owner)
            rows = {row.state: row for row in (stored.rows[name], stored.rows[f"twin-{name}"])}
            assert {RowState.COLLECTED, RowState.NEAR_DUPLICATE} == rows.keys()
            kept = rows[RowState.NEAR_DUPLICATE].duplicate_of
            assert stored.rows[kept] == rows[RowState.COLLECTED]
        stored = fleet.check_accounts()
    assert TWINS == len(stored.collected)
    assert 2 == len(owners), "the lease has never moved: this shows nothing"


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
            submit_together([(at, [batch]) for at, batch in zip(loggers, batches, strict=True)])
            collected = len(settled(fleet.cluster, fleet.campaign).collected)
            rounds += 1
        before = fleet.verdicts
        submit_together([(at, [batch]) for at, batch in zip(loggers, batches, strict=True)])
        ended.set()
        assert BUDGET == watching.result()
    stored = fleet.check_accounts()
    assert BUDGET == len(stored.collected)
    assert rounds > 1, "no refund has served a later frame"
    assert before["pending"] == fleet.verdicts["pending"]
    assert before["over_budget"] < fleet.verdicts["over_budget"]


def batches_with_twins(fleet: Fleet) -> list[ingest_pb2.SubmitBatch]:
    """A batch for each of several loggers, of matches of which each has a near duplicate."""
    vectors = {f"v{index}": vector(f"v{index}") for index in range(BUDGET_LOGGERS * PAIRS)}
    names = list(vectors)
    scored = fleet.score_vectors(
        vectors | {f"twin-{name}": near(name) for name in vectors} | {"x": vector("x")}
    )
    best = max(scored.row_of, key=scored.score)
    widen(fleet, scored, "x", best)
    return [
        scored.batch({each: each for name in group for each in (name, f"twin-{name}")})
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


def near(name: str) -> NDArray[np.float32]:
    """A vector so near to that of a name that the two are near duplicates."""
    draw = np.random.default_rng([*f"twin-{name}".encode()])
    return vector(name) + draw.normal(size=DIMENSION).astype(np.float32) * np.float32(0.01)
