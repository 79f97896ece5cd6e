"""What two ingesters decide at the same time about the same frames: once, and within budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sluice.v1 import ingest_pb2
from tests.faults.fleet import PATIENCE_S, Fleet, Logger, Scored

SESSIONS = 50
CONTESTED = 12


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


def ingester(fleet: Fleet, index: int) -> str:
    """The address of one of the two ingesters, in turn."""
    return fleet.cluster.address(f"ingest-{index % 2}")


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
    submit_together([(fleet.logger(ingester(fleet, index)), batches) for index in range(SESSIONS)])
    stored = fleet.check_accounts()
    duplicates = len(frames) * (SESSIONS - 1)
    assert Counter(pending=1 + len(frames), duplicate=duplicates) == fleet.verdicts
    assert set(frames) <= set(stored.collected)
