"""A rolling restart under load: two scorers and two ingesters, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from sluice.channel import connect_sync
from sluice.tensors import Embeddings
from sluice.v1 import scorer_pb2
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub
from tests.e2e.team import MODEL, vector
from tests.faults.fleet import Fleet, Logger, Scored
from tests.faults.scoring_streams import ScoringStream
from tests.faults.waiting import wait_until
from tests.score_comparison import assert_equal_scores

STREAMS_EACH = 25
PROCESSES = ("scorer-0", "ingest-0", "scorer-1", "ingest-1")
VECTORS = 60
PACE_S = 0.05
"""How long a stream rests between two batches: 50 of them share a machine with the services."""


@dataclass(slots=True)
class Load:
    """Streams of both kinds at work, until `done`."""

    loggers: list[Logger]
    scoring: list[ScoringStream]
    done: threading.Event = field(default_factory=threading.Event)
    running: list[Future[None]] = field(default_factory=list)

    def progress(self) -> list[int]:
        """How many batches each stream has had answered."""
        acknowledged = [logger.session.acknowledged for logger in self.loggers]
        return acknowledged + [len(stream.answers) for stream in self.scoring]

    def wait_for_each(self, more: int = 2) -> None:
        """Wait until each stream has had so many more batches answered; raises where one failed."""
        wanted = [count + more for count in self.progress()]

        def reached() -> bool:
            for future in self.running:
                if future.done():
                    future.result()
            return all(map(int.__ge__, self.progress(), wanted))

        wait_until(reached)


@contextmanager
def load_on(fleet: Fleet, scored: Scored) -> Iterator[Load]:
    """Fifty streams at work, spread over all scorers and ingesters; in the end all is answered."""
    loggers = [fleet.logger() for _ in range(STREAMS_EACH)]
    channels = [
        connect_sync(fleet.cluster.target, fleet.cluster.admin_key) for _ in range(STREAMS_EACH)
    ]
    load = Load(loggers, [ScoringStream(channel, request_of(fleet)) for channel in channels])
    try:
        with ThreadPoolExecutor(2 * STREAMS_EACH) as pool:
            for number, logger in enumerate(loggers):
                load.running.append(pool.submit(submit, load, logger, scored, number))
            for stream in load.scoring:
                load.running.append(pool.submit(stream.run, load.done))
            try:
                yield load
            finally:
                load.done.set()
        for future in load.running:
            future.result()
    finally:
        for channel in channels:
            channel.close()


def submit(load: Load, logger: Logger, scored: Scored, number: int) -> None:
    """Submit batch after batch, of frames that no other logger has."""
    while not load.done.wait(PACE_S):
        first = len(logger.batches)
        frames = {f"{number}-{first}-{i}": f"v{(first + i) % VECTORS}" for i in range(2)}
        logger.submit(scored.batch({**frames, f"{number}-{first}-x": "x"}))
    logger.finish()


def request_of(fleet: Fleet) -> scorer_pb2.ScoreFramesRequest:
    """A batch to score."""
    rows = np.stack([vector("v0"), vector("x")])
    embeddings = Embeddings.of_frames(MODEL, rows).to_proto()
    return scorer_pb2.ScoreFramesRequest(parent=fleet.project, embeddings=embeddings)


def test_a_rolling_restart_loses_nothing(fleet: Fleet) -> None:
    """Whatever restarts, each batch is scored and answered once, and each is counted once."""
    expected = ScorerServiceStub(fleet.team.channel).ScoreFrames(request_of(fleet))
    scored = fleet.score("x", *(f"v{i}" for i in range(VECTORS)))
    with load_on(fleet, scored) as load:
        load.wait_for_each()
        for name in PROCESSES:
            assert 0 == fleet.cluster.processes[name].stop(), name
            load.wait_for_each()
            fleet.cluster.processes[name].start()
            load.wait_for_each()
    for stream in load.scoring:
        assert list(range(len(stream.answers))) == list(stream.answers)
        for answer in stream.answers.values():
            assert_equal_scores(expected, answer)
        assert stream.streams > 1
    stored = fleet.check_accounts()
    assert sum(2 * len(logger.batches) for logger in load.loggers) == len(stored.rows)
