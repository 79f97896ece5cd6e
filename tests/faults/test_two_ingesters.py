"""What two ingesters decide at the same time about the same frames: once, and within budget."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sluice.v1 import ingest_pb2
from tests.faults.fleet import Fleet, Logger

SESSIONS = 50


def submit_at_once(work: list[tuple[Logger, list[ingest_pb2.SubmitBatch]]]) -> None:
    """Have every logger submit its batches, all from the same moment on."""
    ready = Barrier(len(work))

    def submit(logger: Logger, batches: list[ingest_pb2.SubmitBatch]) -> None:
        logger.session.open()
        ready.wait()
        for batch in batches:
            logger.submit(batch)
        logger.finish()

    with ThreadPoolExecutor(len(work)) as pool:
        list(pool.map(submit, *zip(*work, strict=True)))


def ingester(fleet: Fleet, index: int) -> str:
    """The address of one of the two ingesters, in turn."""
    return fleet.cluster.address(f"ingest-{index % 2}")


def test_one_frame_from_many_sessions_is_one_sample(fleet: Fleet) -> None:
    """Of sessions that submit the same frame at once, one is taken and all others are told so."""
    batch = fleet.score("v1").batch({"v1": "v1"})
    submit_at_once([(fleet.logger(ingester(fleet, index)), [batch]) for index in range(SESSIONS)])
    stored = fleet.check_accounts()
    told = Counter[str]()
    for logger in fleet.loggers:
        told.update(verdict for _, verdict in logger.session.outcomes.verdicts.elements())
    assert {"pending": 1, "duplicate": SESSIONS - 1} == told
    assert ["v1"] == stored.collected
