"""How fast batches are taken, against the same writes made bare; on SQLite and on Redis.

Eight sessions submit batches of 256 frames with 5 % matches. Bare, eight writers commit the same
transactions, one awaited commit a batch, and a ninth makes the projector's writes. Both are done
three times by turns, and of each the shortest time counts.

Figures, for `<ledger>` sqlite and redis: `ingest.<ledger>.over_bare` (bare time over the time from
the first batch to the empty outbox), `ingest.<ledger>.ack_over_bare` (the same until the last
acknowledgement, against the commits of batches alone), `ingest.<ledger>.frames_per_s`,
`ingest.<ledger>.bytes_per_match` (what the ledger keeps); `ingest.redis.two_over_one` (the time
with one ingester over that with two).
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from redis.asyncio import Redis

from bench._ingest_bare import Writes, recorded, write_bare
from bench._ingest_load import Load, Run
from demo.sluiced import running_sluiced
from deploy.local import cluster
from services.embedded.process import serve
from services.ledger.redis.ledger import RedisLedger
from services.ledger.sqlite.ledger import SqliteLedger
from services.server.settings import Settings
from services.vectors.edge.vectors import EdgeVectors
from services.vectors.qdrant.vectors import QdrantVectors

Figures = dict[str, float]

ROUNDS: Final = 3
PROJECT: Final = "bench"


@dataclass(frozen=True, slots=True)
class Bare:
    """How long the bare writes took: all of them, and the batches' commits alone, seconds."""

    all_s: float
    acknowledged_s: float


def log(said: str) -> None:
    """Say on stderr what is going on."""
    print(said, file=sys.stderr, flush=True)


async def record(folder: Path) -> Writes:
    """What ingest writes for the load."""
    # One batch at a time, so that each has a commit of its own.
    settings = Settings(port=0, data_dir=folder / "data", in_flight_max=1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    async with serve(settings) as server:
        load = await asyncio.to_thread(Load, server.target, server.admin_key, folder, PROJECT)
        with recorded(PROJECT) as writes:
            await asyncio.to_thread(load.run, [server.target])
        load.close()
    return writes


def compare(ledger: str, runs: Sequence[Run], bare: Sequence[Bare]) -> Figures:
    """The figures of one ledger, each from its shortest times."""
    settled_s = min(run.settled_s for run in runs)
    acknowledged_s = min(run.acknowledged_s for run in runs)
    all_s, commits_s = min(b.all_s for b in bare), min(b.acknowledged_s for b in bare)
    funnel = runs[0].funnel
    log(
        f"{ledger}: {settled_s:.2f} s, {acknowledged_s:.2f} s to the last acknowledgement; bare "
        f"{all_s:.2f} s, its commits {commits_s:.2f} s; {funnel.seen:,} frames, "
        f"{funnel.collected:,} collected, {funnel.near_duplicate:,} near duplicates"
    )
    return {
        f"ingest.{ledger}.over_bare": all_s / settled_s,
        f"ingest.{ledger}.ack_over_bare": commits_s / acknowledged_s,
        f"ingest.{ledger}.frames_per_s": funnel.seen / settled_s,
    }


def sqlite(folder: Path, writes: Writes) -> Figures:
    """Embedded: `sluiced` against bare writers in one process."""
    runs, bare, grown = [], [], 0
    with running_sluiced(folder / "data", folder / "log") as server:
        for number in range(ROUNDS):
            load = Load(server.address, server.admin_key, folder, f"{PROJECT}-{number}")
            before = _size(folder / "data")
            runs.append(load.run([server.address]))
            grown += _size(folder / "data") - before
            load.close()
            bare.append(asyncio.run(_bare_sqlite(folder / f"bare-{number}", writes)))
    matches = sum(run.funnel.matches for run in runs)
    return compare("sqlite", runs, bare) | {"ingest.sqlite.bytes_per_match": grown / matches}


async def _bare_sqlite(folder: Path, writes: Writes) -> Bare:
    taken_s = []
    for part, acknowledged_only in (("all", False), ("acknowledged", True)):
        (folder / part).mkdir(parents=True)
        ledger = await SqliteLedger.open(folder / part / "ledger.sqlite")
        vectors = await EdgeVectors.open(folder / part / "vectors")
        taken_s.append(
            await write_bare(ledger, vectors, writes, acknowledged_only=acknowledged_only)
        )
        await vectors.close()
        await ledger.close()
    return Bare(*taken_s)


def redis(folder: Path, writes: Writes) -> Figures:
    """The cluster form: one ingester, and two, against bare writers on the same servers."""
    one, two, bare, grown = [], [], [], 0
    with cluster.running(folder / "cluster", ingesters=2) as found:
        both = found.targets_by_ingester()
        for number in range(ROUNDS):
            load = Load(found.target, found.admin_key, folder, f"{PROJECT}-one-{number}")
            before = asyncio.run(_memory(found))
            found.processes["ingest-1"].stop()
            one.append(load.run(both[:1]))
            grown += asyncio.run(_memory(found)) - before
            load.close()
            found.processes["ingest-1"].start()
            load = Load(found.target, found.admin_key, folder, f"{PROJECT}-two-{number}")
            two.append(load.run(both))
            load.close()
            bare.append(asyncio.run(_bare_redis(found, number, writes)))
    matches = sum(run.funnel.matches for run in one)
    one_s, two_s = (min(run.settled_s for run in runs) for runs in (one, two))
    log(f"redis with two ingesters: {two_s:.2f} s")
    return compare("redis", one, bare) | {
        "ingest.redis.bytes_per_match": grown / matches,
        "ingest.redis.two_over_one": one_s / two_s,
    }


async def _bare_redis(found: cluster.Cluster, number: int, writes: Writes) -> Bare:
    taken_s = []
    for part, acknowledged_only in enumerate((False, True), 1):
        database = 2 * number + part
        ledger = await RedisLedger.open(f"redis://{found.address('redis')}/{database}")
        vectors = await QdrantVectors.open(f"http://{found.address('qdrant')}")
        renamed = writes.of_project(f"{PROJECT}-bare-{number}")
        taken_s.append(
            await write_bare(ledger, vectors, renamed, acknowledged_only=acknowledged_only)
        )
        await vectors.close()
        await ledger.close()
    return Bare(*taken_s)


async def _memory(found: cluster.Cluster) -> int:
    """The memory of Redis that data takes, bytes."""
    async with Redis.from_url(f"redis://{found.address('redis')}") as client:
        return int((await client.info("memory"))["used_memory_dataset"])


def _size(data: Path) -> int:
    """The ledger's files, bytes."""
    return sum(path.stat().st_size for path in data.glob("ledger.sqlite*"))


def main() -> None:
    """Measure, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folders = {part: Path(name) / part for part in ("record", "sqlite", "redis")}
        for folder in folders.values():
            folder.mkdir()
        log("recording what ingest writes")
        writes = asyncio.run(record(folders["record"]))
        log("submitting it to SQLite, and writing it bare")
        figures = sqlite(folders["sqlite"], writes)
        log("the same on Redis")
        figures |= redis(folders["redis"], writes)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
