"""Service processes that do not start, and say why: Redis as it is, patience, settings, keys."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.process import LocalProcess
from sluice import errors
from sluice.channel import connect
from sluice.v1 import project_pb2
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from tests.redis_server import RedisServer
from tests.redis_server import running as running_redis
from tests.rpc.bad_input.cases import refused
from tests.rpc.server.processes import NOWHERE, SECRETS, ended, wait_for_log

TOKEN = re.compile("slc_[0-9a-f]{16}_[0-9a-f]{64}")
KEYS = [f"slc_{digit * 16}_{digit * 64}" for digit in "ab"]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis server as the ledger wants it."""
    with running_redis() as server:
        yield server


def campaign(folder: Path, **settings: str) -> LocalProcess:
    """A campaign service with those settings."""
    env = {**SECRETS, "SLUICE_BLOBS": str(folder), "SLUICE_LOG_FORMAT": "json", **settings}
    command = [sys.executable, "-m", "services.campaign", "--port=0"]
    log = folder / "campaign.log"
    return LocalProcess("campaign", command, ready="listens on", log=log, env=env)


@pytest.mark.parametrize(
    ("service", "setting", "wrong", "right"),
    [
        ("campaign", "appendonly", "no", "yes"),
        ("scorer", "appendfsync", "everysec", "always"),
        ("ingest", "maxmemory-policy", "allkeys-lru", "noeviction"),
    ],
)
def test_a_redis_that_would_lose_is_refused(
    redis: RedisServer, service: str, setting: str, wrong: str, right: str
) -> None:
    """A Redis that does not keep what it acknowledges ends the start, with what is to be set."""
    redis.cli("CONFIG", "SET", setting, wrong)
    try:
        done = ended(service, **SECRETS, SLUICE_REDIS_URL=redis.url())
    finally:
        redis.cli("CONFIG", "SET", setting, right)
    assert 1 == done.returncode
    assert f"{setting} is {wrong}, expected {right}" in done.stderr


@pytest.mark.parametrize(("service", "patience_s"), [("scorer", 4), ("ingest", 0)])
def test_patience_ends(service: str, patience_s: int) -> None:
    """Without a Redis within the patience that is set, the start ends and names its address."""
    settings = {"SLUICE_REDIS_URL": NOWHERE, "SLUICE_START_PATIENCE_S": str(patience_s)}
    done = ended(service, **SECRETS, **settings)
    assert 1 == done.returncode
    assert bool(patience_s) == ("start.waiting" in done.stderr)
    assert NOWHERE in done.stderr.splitlines()[-1]


def test_sigterm_ends_a_start_that_waits(tmp_path: Path) -> None:
    """A process that still waits for Redis ends well when it is told to."""
    waiting = campaign(tmp_path, SLUICE_REDIS_URL=NOWHERE)
    waiting.launch()
    try:
        wait_for_log(waiting.log, "start.waiting")
    finally:
        status = waiting.stop()
    assert 0 == status
    assert "Traceback" not in waiting.log.read_text()


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
    redis: RedisServer, tmp_path: Path, service: str, name: str, value: str | None
) -> None:
    """A setting that is not accepted ends the start with its name and status 2."""
    if value is None:
        file = tmp_path / "campaign.toml"
        file.write_text("admin_key = 7\nadmin_kee = 'x'\n")
        done = ended(service, "--settings", file, **SECRETS)
    else:
        done = ended(service, **SECRETS | {f"SLUICE_{name.upper()}": value})
    assert 2 == done.returncode
    assert name in done.stderr


@pytest.mark.parametrize("service", ["campaign", "scorer", "ingest", "curation"])
def test_secrets_have_no_default(service: str) -> None:
    """Without the secrets that all processes share none starts, and both are named."""
    done = ended(service)
    assert 2 == done.returncode
    assert {"pepper", "internal_key"} <= set(done.stderr.split())


async def listed(target: str, key: str) -> list[str]:
    """The projects that a key sees."""
    async with connect(target, key) as channel:
        request = project_pb2.ListProjectsRequest()
        found = await ProjectServiceStub(channel).ListProjects(request)
        return [project.name for project in found.projects]


def test_the_first_start_proposes_an_admins_key(redis: RedisServer, tmp_path: Path) -> None:
    """Without an admin's key, and none made yet, the start ends and proposes one."""
    settings = {"SLUICE_REDIS_URL": redis.url(3), "SLUICE_BLOBS": str(tmp_path)}
    done = ended("campaign", **SECRETS, **settings)
    assert 1 == done.returncode
    assert "SLUICE_ADMIN_KEY" in done.stderr
    assert 1 == len(TOKEN.findall(done.stderr))


async def test_the_admins_key_is_the_one_that_is_set(redis: RedisServer, tmp_path: Path) -> None:
    """A key that is set replaces the one before; without one, that goes on to be the admin's."""
    settings = {"SLUICE_REDIS_URL": redis.url(1)}
    for key, valid, void in [
        (KEYS[0], KEYS[0], KEYS[1]),
        (None, KEYS[0], KEYS[1]),
        (KEYS[1], KEYS[1], KEYS[0]),
    ]:
        given = settings if key is None else settings | {"SLUICE_ADMIN_KEY": key}
        service = campaign(tmp_path, **given)
        target = service.start().split("listens on ")[1].strip()
        try:
            assert [] == await listed(target, valid)
            assert errors.Unauthenticated is type(await refused(listed(target, void)))
        finally:
            assert 0 == service.stop()


def test_secrets_and_settings_come_from_files(redis: RedisServer, tmp_path: Path) -> None:
    """A process starts on a TOML file and a folder of secrets alone, and shows none of them."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    kept = {"pepper": "q" * 40, "internal_key": "j" * 40, "admin_key": KEYS[1]}
    for name, value in {**kept, "redis_url": redis.url(2)}.items():
        (secrets / f"sluice_{name}").write_text(value + "\n")
    file = tmp_path / "campaign.toml"
    file.write_text(f"port = 0\nblobs = '{tmp_path / 'blobs'}'\nlog_format = 'json'\n")
    command = [sys.executable, "-m", "services.campaign", "--settings", str(file)]
    command += ["--secrets-dir", str(secrets)]
    log = tmp_path / "log"
    service = LocalProcess("campaign", command, ready="listens on", log=log, env={})
    service.start()
    service.send(signal.SIGINT)
    assert 0 == service.stop()
    assert (tmp_path / "blobs").is_dir()
    assert not [value for value in kept.values() if value in log.read_text()]
