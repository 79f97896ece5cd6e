"""A missing, malformed, wrong, revoked or foreign API key gives no access."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import grpc
import pytest

from sluice import errors
from sluice.v1 import ingest_pb2, project_pb2
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from tests.rpc.bad_input.cases import nothing_moves, refused
from tests.rpc.conftest import PROJECT, Connect
from tests.rpc.ingest.logger import Logger

OTHER = "projects/other"


def start(logger: Logger) -> Awaitable[Any]:
    """Start a session."""
    started = ingest_pb2.SubmitStart(parent=PROJECT, session_id=str(uuid4()))
    read: Awaitable[Any] = logger.ingest.Submit(
        iter([ingest_pb2.SubmitRequest(start=started)])
    ).read()
    return read


CALLS: dict[str, Callable[[Logger], Awaitable[Any]]] = {
    "score": lambda logger: logger.score(["x"]),
    "submit": start,
    "read the funnel": lambda logger: logger.funnel(),
    "list samples": lambda logger: logger.samples(),
    "add elements": lambda logger: logger.add("new"),
}


async def create_key(admin: grpc.aio.Channel, project: str) -> project_pb2.CreateApiKeyResponse:
    """A new key of a project with the admin scope."""
    key = project_pb2.ApiKey(scopes=[project_pb2.SCOPE_ADMIN])
    return await ProjectServiceStub(admin).CreateApiKey(
        project_pb2.CreateApiKeyRequest(parent=project, api_key=key)
    )


async def no_key(_: grpc.aio.Channel) -> str:
    """No key."""
    return ""


async def malformed_key(_: grpc.aio.Channel) -> str:
    """A malformed key."""
    return "slc_0123_4567"


async def wrong_key(admin: grpc.aio.Channel) -> str:
    """A valid key with one digit of its secret changed."""
    secret = (await create_key(admin, PROJECT)).secret
    return secret[:-1] + ("0" if secret[-1] != "0" else "1")


async def revoked_key(admin: grpc.aio.Channel) -> str:
    """A revoked key."""
    key = await create_key(admin, PROJECT)
    await ProjectServiceStub(admin).DeleteApiKey(
        project_pb2.DeleteApiKeyRequest(name=key.api_key.name)
    )
    return key.secret


async def foreign_key(admin: grpc.aio.Channel) -> str:
    """A key of another project."""
    await ProjectServiceStub(admin).CreateProject(
        project_pb2.CreateProjectRequest(project_id="other")
    )
    return (await create_key(admin, OTHER)).secret


Key = Callable[[grpc.aio.Channel], Awaitable[str]]

KEYS: dict[Key, tuple[type[errors.SluiceError], str, str]] = {
    no_key: (errors.Unauthenticated, "API_KEY_INVALID", "Bearer slc_<id>_<secret>"),
    malformed_key: (errors.Unauthenticated, "API_KEY_INVALID", "malformed API key"),
    wrong_key: (errors.Unauthenticated, "API_KEY_INVALID", "unknown or revoked API key"),
    revoked_key: (errors.Unauthenticated, "API_KEY_INVALID", "unknown or revoked API key"),
    foreign_key: (errors.PermissionDenied, "FOREIGN_PROJECT", PROJECT),
}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.__name__)
async def test_an_invalid_key_gives_no_access(
    logger: Logger,
    admin: grpc.aio.Channel,
    connect: Connect,
    key: Key,
) -> None:
    """Every call fails with the reason, without repeating the key, and changes nothing."""
    token = await key(admin)
    stranger = Logger(connect(token))
    stranger.campaign, stranger.issue = logger.campaign, logger.issue
    async with nothing_moves(logger):
        rejections = {name: await refused(call(stranger)) for name, call in CALLS.items()}
    error, reason, says = KEYS[key]
    assert dict.fromkeys(CALLS, (error, reason)) == {
        name: (type(rejection), rejection.reason) for name, rejection in rejections.items()
    }
    for rejection in rejections.values():
        assert says in rejection.message
        assert not token or token not in str(rejection.metadata) + rejection.message
    await logger.add("new")
    assert [ingest_pb2.VERDICT_PENDING] == (await logger.submit("h1")).verdicts.verdicts
