"""The whole server in this process, and channels to it with keys of all kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import grpc
import pytest

from services.embedded.process import EmbeddedServer, serve
from services.server.settings import Settings
from sluice.channel import connect as channel_to
from sluice.v1 import project_pb2 as pb
from sluice.v1.project_pb2_grpc import ProjectServiceStub

PROJECT = "projects/p"


class Connect(Protocol):
    """Opens channels that send a key; the test need not close them."""

    def __call__(self, token: str) -> grpc.aio.Channel:
        """A channel with that key."""


class WithScopes(Protocol):
    """Opens channels that send a new key of a project."""

    async def __call__(self, *scopes: pb.Scope, project: str = PROJECT) -> grpc.aio.Channel:
        """A channel with a key of those scopes."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of the server: a free port, data in the test's folder."""
    return Settings(port=0, data_dir=tmp_path / "data", grace_s=5)


@pytest.fixture
async def sluiced(settings: Settings) -> AsyncIterator[EmbeddedServer]:
    """A running server."""
    async with serve(settings) as server:
        yield server


@pytest.fixture
async def connect(sluiced: EmbeddedServer) -> AsyncIterator[Connect]:
    """Opens channels to the server."""
    async with AsyncExitStack() as opened:

        def connect(token: str) -> grpc.aio.Channel:
            channel = channel_to(sluiced.target, token)
            opened.push_async_callback(channel.close)
            return channel

        yield connect


@pytest.fixture
def admin(sluiced: EmbeddedServer, connect: Connect) -> grpc.aio.Channel:
    """A channel with the admin's key."""
    return connect(sluiced.admin_key)


@pytest.fixture
async def project(admin: grpc.aio.Channel) -> str:
    """The name of a project that exists, `projects/p`."""
    await ProjectServiceStub(admin).CreateProject(pb.CreateProjectRequest(project_id="p"))
    return PROJECT


@pytest.fixture
def with_scopes(admin: grpc.aio.Channel, project: str, connect: Connect) -> WithScopes:
    """Opens channels with keys of the project."""

    async def with_scopes(*scopes: pb.Scope, project: str = PROJECT) -> grpc.aio.Channel:
        request = pb.CreateApiKeyRequest(parent=project, api_key=pb.ApiKey(scopes=scopes))
        made = await ProjectServiceStub(admin).CreateApiKey(request)
        return connect(made.secret)

    return with_scopes
