"""StreamScores from end to end, compared with an echo server and with the kernel."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import grpc
import numpy as np
from threadpoolctl import threadpool_limits

from bench._scoring_data import ROWS, Rows, Space
from bench._scoring_echo import READY
from bench._scoring_kernel import Figures, scoring
from bench._scoring_server import MODEL, PROJECT, Campaigns, process, sluiced
from bench._turns import by_turns, log
from deploy.local.process import free_port
from sluice.channel import connect_sync
from sluice.scoring import ScoringModel
from sluice.tensors import Embeddings
from sluice.v1 import scorer_pb2 as pb
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub

COUNTS: Final = (1, 10, 100)
TURN_FRAMES: Final = {1: 60_000, 10: 30_000, 100: 6_000}
"""About a second of each."""

COMMITS: Final = 5


def measure(space: Space, models: list[ScoringModel], folder: Path) -> Figures:
    """The figures of streams, and of a commit."""
    figures: Figures = {}
    with sluiced(folder / "sluiced") as server:
        campaigns = Campaigns(server.target, server.admin_key, space)
        for count in COUNTS:
            campaigns.grow(count)
            figures |= _over_limit(campaigns, models[:count], folder)
        figures |= _commits(campaigns)
        campaigns.close()
    return figures


def _over_limit(campaigns: Campaigns, models: list[ScoringModel], folder: Path) -> Figures:
    """Frames per second from end to end, of the echo server and of the kernel, in turns."""
    space, count = campaigns.space, len(models)
    batches = TURN_FRAMES[count] // ROWS
    port = free_port()
    arguments = ["-m", "bench._scoring_echo", str(port), str(count)]
    with (
        process("echo", arguments, READY, folder / "echo.log"),
        connect_sync(f"127.0.0.1:{port}", "") as echo,
        threadpool_limits(1),
    ):
        things = {
            "stream": streaming(campaigns.channel, space, count, batches),
            "echo": streaming(echo, space, count, batches),
            "kernel": scoring(space.scorer(models), space.frames(ROWS, seed=5)),
        }
        taken_s = by_turns(things)
    stream = batches * ROWS / taken_s["stream"]
    bare, kernel = batches * ROWS / taken_s["echo"], ROWS / taken_s["kernel"]
    over_limit = stream / (1 / (1 / bare + 1 / kernel))
    log(
        f"{count:,} campaigns: stream {stream:,.0f}, echo {bare:,.0f}, kernel {kernel:,.0f} "
        f"frames/s; {over_limit:.2f} of the limit"
    )
    return {
        f"scoring.stream_over_limit.{count}": over_limit,
        f"scoring.stream_frames_per_s.{count}": stream,
    }


def streaming(
    channel: grpc.Channel, space: Space, campaigns: int, batches: int
) -> Callable[[], None]:
    """A call that sends one stream of batches, as fast as the server reads them."""
    vectors = space.frames(ROWS, seed=5)

    def requests() -> Iterator[pb.StreamScoresRequest]:
        for number in range(batches):
            yield pb.StreamScoresRequest(batch_id=number, batch=request_of(vectors))

    def run() -> None:
        responses = ScorerServiceStub(channel).StreamScores(requests())
        for number, response in enumerate(responses):
            scores = np.frombuffer(response.scores.scores, "<f8")
            assert (number, ROWS * campaigns) == (response.batch_id, len(scores)), response.error
        assert batches == number + 1

    return run


def request_of(vectors: Rows, *campaigns: str) -> pb.ScoreFramesRequest:
    """A request to score a batch without explanations."""
    return pb.ScoreFramesRequest(
        parent=PROJECT,
        embeddings=Embeddings.of_frames(MODEL, vectors).to_proto(),
        campaigns=campaigns,
        explain=pb.EXPLAIN_MODE_NONE,
    )


def _commits(campaigns: Campaigns) -> Figures:
    """The time of a commit, and the time until frames are scored by its version."""
    stub = ScorerServiceStub(campaigns.channel)
    request = request_of(campaigns.space.frames(8, seed=5), campaigns.names[0])
    taken_ms, visible_ms = [], []
    for _ in range(COMMITS):
        start = time.perf_counter()
        committed = campaigns.client.campaigns.commit(campaigns.names[0])
        done = time.perf_counter()
        while stub.ScoreFrames(request).versions[0].version < committed.number:
            pass
        visible_ms.append(1_000 * (time.perf_counter() - done))
        taken_ms.append(1_000 * (done - start))
    taken, visible = statistics.median(taken_ms), statistics.median(visible_ms)
    log(f"a commit takes {taken:.0f} ms; {visible:.0f} ms after it, frames are scored by it")
    return {"scoring.commit_ms": taken, "scoring.commit_to_visible_ms": visible}
