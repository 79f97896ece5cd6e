"""How fast batches are taken, against the same writes made bare; on SQLite and on Redis.

Eight sessions submit batches of 256 frames with 5 % matches. Bare, eight writers commit the same
transactions, one awaited commit a batch, and a ninth makes the projector's writes.

Figures, for `<ledger>` sqlite and redis: `ingest.<ledger>.over_bare` (bare time over the time from
the first batch to the empty outbox), `ingest.<ledger>.ack_over_bare` (the same until the last
acknowledgement, against the commits of batches alone), `ingest.<ledger>.frames_per_s`,
`ingest.<ledger>.bytes_per_match` (what the ledger keeps); `ingest.redis.two_over_one` (the time
with one ingester over that with two).
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from bench._ingest_bare import Writes, recorded, write_bare
from bench._ingest_load import BATCHES, ROWS, SESSIONS, Load, Run
from demo.sluiced import running_sluiced
from deploy.local import cluster
from services.embedded.process import running
from services.ledger.redis import RedisLedger
from services.ledger.sqlite import SqliteLedger
from services.platform.settings import Settings
from services.vectors.edge import EdgeVectors
from services.vectors.server import ServerVectors

Figures = dict[str, float]


def log(said: str) -> None:
    """Say on stderr what is going on."""
    print(said, file=sys.stderr, flush=True)


async def record(folder: Path) -> Writes:
    """What ingest writes for the load."""
    settings = Settings(port=0, data_dir=folder / "data", log_level="error")
    async with running(settings) as server:
        load = await asyncio.to_thread(Load, server.target, server.admin_key, folder)
        with recorded("bench") as writes:
            await asyncio.to_thread(load.run, [server.target])
        load.close()
    return writes


def compare(ledger: str, run: Run, bare_s: float, bare_ack_s: float) -> Figures:
    """The figures of one ledger."""
    funnel = run.funnel
    log(
        f"{ledger}: {run.settled_s:.2f} s ({run.acknowledged_s:.2f} s to the last acknowledgement)"
        f", bare {bare_s:.2f} s ({bare_ack_s:.2f} s); {funnel.seen:,} frames, "
        f"{funnel.collected:,} collected, {funnel.near_duplicate:,} near duplicates"
    )
    assert funnel.seen == SESSIONS * BATCHES * ROWS
    return {
        f"ingest.{ledger}.over_bare": bare_s / run.settled_s,
        f"ingest.{ledger}.ack_over_bare": bare_ack_s / run.acknowledged_s,
        f"ingest.{ledger}.frames_per_s": funnel.seen / run.settled_s,
    }


def sqlite(folder: Path, writes: Writes) -> Figures:
    """Embedded: `sluiced` against bare writers in one process."""
    with running_sluiced(folder / "data", folder / "log") as server:
        load = Load(server.address, server.admin_key, folder)
        before = _size(folder / "data", "ledger.sqlite*")
        run = load.run([server.address])
        load.close()
    grown = _size(folder / "data", "ledger.sqlite*") - before

    async def bare(name: str, *, acknowledged_only: bool) -> float:
        ledger = await SqliteLedger.open(folder / f"{name}.sqlite")
        vectors = await EdgeVectors.open(folder / f"{name}-vectors")
        taken_s = await write_bare(ledger, vectors, writes, acknowledged_only=acknowledged_only)
        await vectors.close()
        await ledger.close()
        return taken_s

    bare_s = asyncio.run(bare("all", acknowledged_only=False))
    bare_ack_s = asyncio.run(bare("acknowledged", acknowledged_only=True))
    figures = compare("sqlite", run, bare_s, bare_ack_s)
    return figures | {"ingest.sqlite.bytes_per_match": grown / run.funnel.matches}


def redis(folder: Path, writes: Writes) -> Figures:
    """The cluster form: one ingester, and two, against bare writers on the same servers."""
    runs = {}
    for ingesters in (1, 2):
        with cluster.running(folder / f"{ingesters}", ingesters=ingesters) as found:
            load = Load(found.target, found.admin_key, folder)
            before = asyncio.run(_memory(found))
            run = runs[ingesters] = load.run(found.targets_by_ingester())
            grown = asyncio.run(_memory(found)) - before
            load.close()
            if ingesters == 1:
                bare_s = asyncio.run(_bare_redis(found, writes, acknowledged_only=False))
                bare_ack_s = asyncio.run(_bare_redis(found, writes, acknowledged_only=True))
                per_match = grown / run.funnel.matches
    log(f"redis, two ingesters: {runs[2].settled_s:.2f} s")
    return compare("redis", runs[1], bare_s, bare_ack_s) | {
        "ingest.redis.bytes_per_match": per_match,
        "ingest.redis.two_over_one": runs[1].settled_s / runs[2].settled_s,
    }


async def _bare_redis(found: cluster.Cluster, writes: Writes, *, acknowledged_only: bool) -> float:
    database = 2 if acknowledged_only else 1
    ledger = await RedisLedger.open(f"redis://{found.address('redis')}/{database}")
    vectors = await ServerVectors.open(f"http://{found.address('qdrant')}")
    taken_s = await write_bare(ledger, vectors, writes, acknowledged_only=acknowledged_only)
    await vectors.close()
    await ledger.close()
    return taken_s


async def _memory(found: cluster.Cluster) -> int:
    """The memory of Redis that data takes, bytes."""
    from redis.asyncio import Redis

    async with Redis.from_url(f"redis://{found.address('redis')}") as client:
        return int((await client.info("memory"))["used_memory_dataset"])


def _size(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))


def main() -> None:
    """Measure, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folders = {part: Path(name) / part for part in ("record", "sqlite", "redis")}
        for folder in folders.values():
            folder.mkdir()
        log("recording what ingest writes")
        writes = asyncio.run(record(folders["record"]))
        figures = sqlite(folders["sqlite"], writes) | redis(folders["redis"], writes)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
