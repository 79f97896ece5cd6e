"""The admin's key of a cluster: proposed at the first start, configured, replaced."""

from __future__ import annotations

import re
from pathlib import Path

from sluice import errors
from sluice.channel import connect
from sluice.v1 import project_pb2
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from tests.redis_server import RedisServer
from tests.rpc.bad_input.cases import refused
from tests.rpc.server.processes import SECRETS, campaign_process, run_failing_start

TOKEN = re.compile("slc_[0-9a-f]{16}_[0-9a-f]{64}")
KEYS = [f"slc_{digit * 16}_{digit * 64}" for digit in "ab"]


async def list_projects(target: str, key: str) -> list[str]:
    """The projects that a key may see."""
    async with connect(target, key) as channel:
        request = project_pb2.ListProjectsRequest()
        response = await ProjectServiceStub(channel).ListProjects(request)
        return [project.name for project in response.projects]


def test_the_first_start_proposes_an_admin_key(redis: RedisServer, tmp_path: Path) -> None:
    """Without an admin's key, now or before, the start fails and proposes one."""
    settings = {"SLUICE_REDIS_URL": redis.url(3), "SLUICE_BLOBS": str(tmp_path)}
    completed = run_failing_start("campaign", **SECRETS, **settings)
    assert 1 == completed.returncode
    assert "SLUICE_ADMIN_KEY" in completed.stderr
    assert 1 == len(TOKEN.findall(completed.stderr))


async def test_the_configured_admin_key_is_valid(redis: RedisServer, tmp_path: Path) -> None:
    """A configured key replaces the one before; without one, that one stays valid."""
    settings = {"SLUICE_REDIS_URL": redis.url(1)}
    for key, valid_key, revoked_key in [
        (KEYS[0], KEYS[0], KEYS[1]),
        (None, KEYS[0], KEYS[1]),
        (KEYS[1], KEYS[1], KEYS[0]),
    ]:
        env = settings if key is None else settings | {"SLUICE_ADMIN_KEY": key}
        service = campaign_process(tmp_path, **env)
        target = service.start().split("listens on ")[1].strip()
        try:
            assert [] == await list_projects(target, valid_key)
            assert errors.Unauthenticated is type(await refused(list_projects(target, revoked_key)))
        finally:
            assert 0 == service.stop()
