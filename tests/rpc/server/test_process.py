"""Processes of a cluster at their start: an unsuitable or unreachable Redis, and SIGTERM."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.redis_server import RedisServer
from tests.rpc.server.processes import (
    SECRETS,
    UNREACHABLE_REDIS,
    campaign_process,
    run_failing_start,
    wait_for_log,
)


@pytest.mark.parametrize(
    ("service", "setting", "unsafe", "safe"),
    [
        ("campaign", "appendonly", "no", "yes"),
        ("scorer", "appendfsync", "everysec", "always"),
        ("ingest", "maxmemory-policy", "allkeys-lru", "noeviction"),
    ],
)
def test_a_redis_that_would_lose_commits_is_refused(
    redis: RedisServer, service: str, setting: str, unsafe: str, safe: str
) -> None:
    """A Redis that may lose acknowledged writes fails the start, which names the setting."""
    redis.cli("CONFIG", "SET", setting, unsafe)
    try:
        completed = run_failing_start(service, **SECRETS, SLUICE_REDIS_URL=redis.url())
    finally:
        redis.cli("CONFIG", "SET", setting, safe)
    assert 1 == completed.returncode
    assert f"{setting} is {unsafe}, expected {safe}" in completed.stderr


@pytest.mark.parametrize(("service", "patience_s"), [("scorer", 4), ("ingest", 0)])
def test_an_unreachable_redis_fails_the_start(service: str, patience_s: int) -> None:
    """Without Redis within the patience of the settings, the start fails and names its address."""
    settings = {"SLUICE_REDIS_URL": UNREACHABLE_REDIS, "SLUICE_START_PATIENCE_S": str(patience_s)}
    completed = run_failing_start(service, **SECRETS, **settings)
    assert 1 == completed.returncode
    assert bool(patience_s) == ("start.waiting" in completed.stderr)
    assert UNREACHABLE_REDIS in completed.stderr.splitlines()[-1]


def test_sigterm_ends_a_waiting_start(tmp_path: Path) -> None:
    """A process that still waits for Redis exits with 0 at SIGTERM."""
    waiting = campaign_process(tmp_path, SLUICE_REDIS_URL=UNREACHABLE_REDIS)
    waiting.launch()
    try:
        wait_for_log(waiting.log, "start.waiting")
    finally:
        status = waiting.stop()
    assert 0 == status
    assert "Traceback" not in waiting.log.read_text()
