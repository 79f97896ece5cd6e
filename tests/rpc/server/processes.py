"""What tests ask of service processes: how healthy they are, what they logged, why they ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local.cluster import ROOT, Cluster

PATIENCE_S: Final = 60
SERVING: Final = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES: Final = {
    "campaign": "sluice.v1.CampaignService",
    "scorer-0": "sluice.v1.ScorerService",
    "ingest-0": "sluice.v1.IngestService",
    "curation": "sluice.v1.FrameService",
}
SECRETS: Final = {"SLUICE_PEPPER": "p" * 32, "SLUICE_INTERNAL_KEY": "i" * 32}
NOWHERE: Final = "redis://127.0.0.1:1"
"""Where no Redis is."""


class Health:
    """What one process says of itself, as it changes."""

    def __init__(self, watch: Any) -> None:
        self._watch = watch

    async def until(self, status: int) -> None:
        """Wait until it says so."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self._watch.read()).status != status:
                pass


@asynccontextmanager
async def health(cluster: Cluster, name: str) -> AsyncIterator[Health]:
    """The health of the service that a process of the cluster serves."""
    async with grpc.aio.insecure_channel(cluster.address(name)) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=SERVICES[name])
        watch = stub.Watch(request, wait_for_ready=True)
        try:
            yield Health(watch)
        finally:
            watch.cancel()


def wait_for_log(log: Path, text: str) -> None:
    """Wait until a log says so."""
    deadline = time.monotonic() + PATIENCE_S
    while not (log.exists() and text in log.read_text()):
        assert time.monotonic() < deadline, f"{text!r} is not in {log}"
        time.sleep(0.02)


def ended(
    service: str, *arguments: str | Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a service that cannot start, to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}", "--port=0", *arguments],
        cwd=ROOT,
        env=kept | settings,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "listens on" not in done.stdout
    return done
