"""Settings of a process: refused by name, required, and read from files."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from deploy.local.process import LocalProcess
from tests.redis_server import RedisServer
from tests.rpc.server.processes import SECRETS, run_failing_start

ADMIN_KEY = f"slc_{'b' * 16}_{'b' * 64}"


@pytest.mark.parametrize(
    ("service", "name", "value"),
    [
        ("campaign", "admin_key", None),
        ("campaign", "qdrant_shards", "0"),
        ("scorer", "scoring_threads", "none"),
        ("ingest", "in_flight_max", "9"),
        ("ingest", "pepper", "short"),
        ("scorer", "internal_key", ""),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, service: str, name: str, value: str | None
) -> None:
    """An invalid setting fails the start with its name and status 2."""
    if value is None:
        file = tmp_path / "campaign.toml"
        file.write_text("admin_key = 7\nadmin_kee = 'x'\n")
        completed = run_failing_start(service, "--settings", file, **SECRETS)
    else:
        completed = run_failing_start(service, **SECRETS | {f"SLUICE_{name.upper()}": value})
    assert 2 == completed.returncode
    assert name in completed.stderr


@pytest.mark.parametrize("service", ["campaign", "scorer", "ingest", "curation"])
def test_shared_secrets_are_required(service: str) -> None:
    """Without the secrets that all processes share, none starts, and both are named."""
    completed = run_failing_start(service)
    assert 2 == completed.returncode
    assert {"pepper", "internal_key"} <= set(completed.stderr.split())


def test_secrets_and_settings_come_from_files(redis: RedisServer, tmp_path: Path) -> None:
    """A process starts with a TOML file and a folder of secrets alone, and logs no secret."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    values = {"pepper": "q" * 40, "internal_key": "j" * 40, "admin_key": ADMIN_KEY}
    for name, value in {**values, "redis_url": redis.url(2)}.items():
        (secrets / f"sluice_{name}").write_text(value + "\n")
    file = tmp_path / "campaign.toml"
    file.write_text(f"port = 0\nblobs = '{tmp_path / 'blobs'}'\nlog_format = 'json'\n")
    command = [sys.executable, "-m", "services.campaign", "--settings", str(file)]
    command += ["--secrets-dir", str(secrets)]
    log = tmp_path / "log"
    service = LocalProcess("campaign", command, ready="listens on", log=log, env={})
    service.start()
    try:
        service.send(signal.SIGINT)
        assert 0 == service.wait_until_ended(30)
    finally:
        service.stop()
    assert (tmp_path / "blobs").is_dir()
    assert not [value for value in values.values() if value in log.read_text()]
