"""Two hundred loggers, each with a stream and batches of 8 frames; and scorers side by side."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench._scoring_data import ROWS, Rows, Space
from bench._scoring_kernel import Figures
from bench._scoring_server import Campaigns, Server, sluiced
from bench._scoring_stream import request_of, streaming
from bench._turns import by_turns, log
from deploy.local import cluster
from sluice.channel import connect, connect_sync
from sluice.v1 import scorer_pb2 as pb
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub

LOGGERS: Final = 200
LOGGER_ROWS: Final = 8
LOGGER_ROUNDS: Final = 3
LOGGER_TURN_S: Final = 4.0
WARM_UP_S: Final = 1.0

CAMPAIGNS: Final = 100
STREAMS: Final = 4
STREAM_BATCHES: Final = 12


def small_batches(space: Space, data: Path, folder: Path) -> Figures:
    """The effect of scoring the batches of many loggers together.

    Two servers with the same data take turns; one of them scores each batch alone. Each logger
    sends a batch after the response to the last one. The latencies of all turns are combined.
    """
    modes: dict[str, dict[str, str]] = {"grouped": {}, "unbatched": {"group_rows_max": "0"}}
    with ExitStack() as stack:
        servers = {}
        for mode, settings in modes.items():
            shutil.copytree(data, folder / mode / "data")
            server = sluiced(folder / mode, {"streams_per_key_max": str(LOGGERS), **settings})
            servers[mode] = stack.enter_context(server)
        frames = space.frames(LOGGER_ROWS, seed=5)
        latencies = asyncio.run(_take_turns(servers, frames))
    figures: Figures = {}
    speeds = {}
    for mode, taken_ms in latencies.items():
        p50, p99 = np.percentile(taken_ms, [50, 99])
        speeds[mode] = len(taken_ms) * LOGGER_ROWS / (LOGGER_ROUNDS * LOGGER_TURN_S)
        log(f"{mode}: {speeds[mode]:,.0f} frames/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        name = "" if mode == "grouped" else f"{mode}_"
        figures |= {f"{name}p50_ms": float(p50), f"{name}p99_ms": float(p99)}
    figures["over_unbatched"] = speeds["grouped"] / speeds["unbatched"]
    return {f"scoring.small_batches.{name}": value for name, value in figures.items()}


async def _take_turns(servers: dict[str, Server], frames: Rows) -> dict[str, list[float]]:
    """The milliseconds that each batch took, by server."""
    taken_ms: dict[str, list[float]] = {mode: [] for mode in servers}
    for _ in range(LOGGER_ROUNDS):
        for mode, server in servers.items():
            async with connect(server.target, server.admin_key) as channel:
                stub: Any = ScorerServiceStub(channel)
                loggers = (_logger(stub, request_of(frames)) for _ in range(LOGGERS))
                for latencies_ms in await asyncio.gather(*loggers):
                    taken_ms[mode] += latencies_ms
    return taken_ms


async def _logger(stub: Any, batch: pb.ScoreFramesRequest) -> list[float]:
    """The milliseconds of each batch of a logger, after it has warmed up."""
    call = stub.StreamScores()
    taken_ms = []
    measured_from = time.perf_counter() + WARM_UP_S
    while (sent := time.perf_counter()) < measured_from + LOGGER_TURN_S:
        await call.write(pb.StreamScoresRequest(batch=batch))
        response = await call.read()
        assert LOGGER_ROWS == response.scores.frame_count, response.error
        if sent >= measured_from:
            taken_ms.append(1_000 * (time.perf_counter() - sent))
    await call.done_writing()
    return taken_ms


def two_processes(space: Space, folder: Path) -> Figures:
    """The throughput of two scorers over that of one, each with one scoring thread.

    Clients connect to one or both scorers; a few streams run at once.
    """
    with cluster.running(folder, scorers=2, settings={"scoring_threads": "1"}) as servers:
        campaigns = Campaigns(servers.target, servers.admin_key, space)
        campaigns.grow(CAMPAIGNS)
        campaigns.close()
        parts = servers.target.split(",")
        alone = ",".join(part for part in parts if part != f"scorer={servers.address('scorer-1')}")
        things = {
            name: _at_once(target, servers.admin_key, space)
            for name, target in (("one", alone), ("two", servers.target))
        }
        taken_s = by_turns(things)
    frames = STREAMS * STREAM_BATCHES * ROWS
    one, two = (frames / taken_s[name] for name in ("one", "two"))
    log(f"one scorer {one:,.0f} frames/s, two {two:,.0f}")
    return {"scoring.two_processes_over_one": two / one}


def _at_once(target: str, admin_key: str, space: Space) -> Callable[[], None]:
    """A few streams at once, of one connection to each scorer."""

    def run() -> None:
        with connect_sync(target, admin_key) as channel, ThreadPoolExecutor(STREAMS) as threads:
            stream = streaming(channel, space, CAMPAIGNS, STREAM_BATCHES)
            for future in [threads.submit(stream) for _ in range(STREAMS)]:
                future.result()

    return run
