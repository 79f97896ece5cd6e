"""A key that is missing, malformed, wrong, revoked or of another project opens nothing."""

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


async def made(admin: grpc.aio.Channel, project: str) -> project_pb2.CreateApiKeyResponse:
    """A new key of a project that may do everything there."""
    key = project_pb2.ApiKey(scopes=[project_pb2.SCOPE_ADMIN])
    return await ProjectServiceStub(admin).CreateApiKey(
        project_pb2.CreateApiKeyRequest(parent=project, api_key=key)
    )


async def none(_: grpc.aio.Channel) -> str:
    """No key."""
    return ""


async def malformed(_: grpc.aio.Channel) -> str:
    """What has not the form of a key."""
    return "slc_0123_4567"


async def wrong(admin: grpc.aio.Channel) -> str:
    """A key that is known, with one digit of its secret changed."""
    secret = (await made(admin, PROJECT)).secret
    return secret[:-1] + ("0" if secret[-1] != "0" else "1")


async def revoked(admin: grpc.aio.Channel) -> str:
    """A key that was good until now."""
    key = await made(admin, PROJECT)
    await ProjectServiceStub(admin).DeleteApiKey(
        project_pb2.DeleteApiKeyRequest(name=key.api_key.name)
    )
    return key.secret


async def foreign(admin: grpc.aio.Channel) -> str:
    """A key of another project."""
    await ProjectServiceStub(admin).CreateProject(
        project_pb2.CreateProjectRequest(project_id="other")
    )
    return (await made(admin, OTHER)).secret


Key = Callable[[grpc.aio.Channel], Awaitable[str]]

KEYS: dict[Key, tuple[type[errors.SluiceError], str, str]] = {
    none: (errors.Unauthenticated, "API_KEY_INVALID", "Bearer slc_<id>_<secret>"),
    malformed: (errors.Unauthenticated, "API_KEY_INVALID", "malformed API key"),
    wrong: (errors.Unauthenticated, "API_KEY_INVALID", "unknown or revoked API key"),
    revoked: (errors.Unauthenticated, "API_KEY_INVALID", "unknown or revoked API key"),
    foreign: (errors.PermissionDenied, "FOREIGN_PROJECT", PROJECT),
}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.__name__)
async def test_a_key_that_opens_nothing(
    logger: Logger,
    admin: grpc.aio.Channel,
    connect: Connect,
    key: Key,
) -> None:
    """Every call is refused with the reason, without repeating the key, and changes nothing."""
    token = await key(admin)
    stranger = Logger(connect(token))
    stranger.campaign, stranger.issue = logger.campaign, logger.issue
    async with nothing_moves(logger):
        found = {what: await refused(call(stranger)) for what, call in CALLS.items()}
    error, reason, says = KEYS[key]
    assert dict.fromkeys(CALLS, (error, reason)) == {
        what: (type(answer), answer.reason) for what, answer in found.items()
    }
    for answer in found.values():
        assert says in answer.message
        assert not token or token not in str(answer.metadata) + answer.message
    await logger.add("new")
    assert [ingest_pb2.VERDICT_PENDING] == (await logger.submit("h1")).verdicts.verdicts
