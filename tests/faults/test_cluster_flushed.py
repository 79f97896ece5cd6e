"""An acknowledgement leaves ingest once Redis has it on the disk: seen in system calls of both."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.cluster import Cluster
from sluice.v1 import ingest_pb2
from tests.faults.fleet import Fleet
from tests.faults.system_calls import (
    REDIS_LOG,
    AcknowledgedBatch,
    check_strace,
    not_flushed,
    traced,
)

TRACED = 12
TAKEN = ingest_pb2.BatchVerdicts(verdicts=[ingest_pb2.VERDICT_PENDING])


def config_set(cluster: Cluster, name: str, value: str) -> None:
    """Change a setting of the running Redis server."""
    port = cluster.address("redis").rpartition(":")[2]
    command = ["redis-cli", "-p", port, "CONFIG", "SET", name, value]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "OK" == output.strip()


@contextmanager
def redis_not_flushing(cluster: Cluster) -> Iterator[None]:
    """Have Redis leave flushing to the system, which Sluice would refuse on a new connection."""
    config_set(cluster, "appendfsync", "no")
    try:
        yield
    finally:
        config_set(cluster, "appendfsync", "always")


def unsafe_answers(fleet: Fleet, tag: str, trace: Path) -> list[int]:
    """The numbers of the batches that are answered before Redis has flushed them."""
    check_strace()
    logger, acknowledged = fleet.logger(fleet.ingester(0)), []
    scored = fleet.score(*(f"v{seq}" for seq in range(1, TRACED + 1)))
    pids = [fleet.cluster.processes[name].pid for name in ("ingest-0", "redis")]
    with traced(*pids, to=trace):
        for seq in range(1, TRACED + 1):
            frame_id = f"{tag}-{seq:03}"
            logger.submit(scored.batch({frame_id: f"v{seq}"}))
            logger.session.flush()
            result = ingest_pb2.BatchResult(seq=seq, verdicts=TAKEN)
            response = ingest_pb2.SubmitResponse(result=result)
            acknowledged.append(AcknowledgedBatch(seq, frame_id, response))
    return not_flushed(trace, acknowledged, REDIS_LOG)


def test_the_file_is_flushed_before_each_acknowledgement(fleet: Fleet, tmp_path: Path) -> None:
    """Between arrival and answer of every batch Redis writes its file, and syncs it to the disk."""
    assert [] == unsafe_answers(fleet, "safe", tmp_path / "trace")


def test_without_flushing_no_acknowledgement_passes(fleet: Fleet, tmp_path: Path) -> None:
    """With `appendfsync no` the same trace shows every batch answered too early."""
    # First as it must be, which opens all connections that are needed.
    assert [] == unsafe_answers(fleet, "safe", tmp_path / "trace")
    with redis_not_flushing(fleet.cluster):
        unsafe = unsafe_answers(fleet, "unsafe", tmp_path / "unsafe-trace")
    assert list(range(1, TRACED + 1)) == unsafe
