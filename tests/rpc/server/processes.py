"""Service processes under test: their health, their logs, and starts that must fail."""

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
from deploy.local.process import LocalProcess

TIMEOUT_S: Final = 60
SERVING: Final = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES: Final = {
    "campaign": "sluice.v1.CampaignService",
    "scorer-0": "sluice.v1.ScorerService",
    "ingest-0": "sluice.v1.IngestService",
    "curation": "sluice.v1.FrameService",
}
SECRETS: Final = {"SLUICE_PEPPER": "p" * 32, "SLUICE_INTERNAL_KEY": "i" * 32}
UNREACHABLE_REDIS: Final = "redis://127.0.0.1:1"


class HealthWatch:
    """The health of one process, as it changes."""

    def __init__(self, watch: Any) -> None:
        self._watch = watch

    async def wait_for(self, status: int) -> None:
        """Wait until the process reports a status."""
        async with asyncio.timeout(TIMEOUT_S):
            while (await self._watch.read()).status != status:
                pass


@asynccontextmanager
async def watch_health(cluster: Cluster, name: str) -> AsyncIterator[HealthWatch]:
    """Watch the health of the service that a process of the cluster serves."""
    async with grpc.aio.insecure_channel(cluster.address(name)) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=SERVICES[name])
        watch = stub.Watch(request, wait_for_ready=True)
        try:
            yield HealthWatch(watch)
        finally:
            watch.cancel()


def wait_for_log(log: Path, text: str) -> None:
    """Wait until a log contains a text."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (log.exists() and text in log.read_text()):
        assert time.monotonic() < deadline, f"{text!r} is not in {log}"
        time.sleep(0.02)


def run_failing_start(
    service: str, *arguments: str | Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a service that cannot start until it exits."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")
    }
    completed = subprocess.run(
        [sys.executable, "-m", f"services.{service}", "--port=0", *arguments],
        cwd=ROOT,
        env=inherited | settings,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert "Traceback" not in completed.stderr, completed.stderr
    assert "listens on" not in completed.stdout
    return completed


def campaign_process(folder: Path, **settings: str) -> LocalProcess:
    """A campaign service with those settings, not started yet."""
    env = {**SECRETS, "SLUICE_BLOBS": str(folder), "SLUICE_LOG_FORMAT": "json", **settings}
    command = [sys.executable, "-m", "services.campaign", "--port=0"]
    log = folder / "campaign.log"
    return LocalProcess("campaign", command, ready="listens on", log=log, env=env)
