"""Every method of the API on the whole server: authorisation and the project field."""

from __future__ import annotations

from typing import Any, Protocol

import grpc
import pytest

from services.embedded.process import EmbeddedServer
from services.server.access import ACCESS_RULES, CrossProjectAccess
from services.server.keys import Scope
from sluice import errors, rpc_errors
from sluice.v1 import project_pb2 as pb

SCOPES = {
    Scope.LOG: pb.SCOPE_LOG,
    Scope.REVIEW: pb.SCOPE_REVIEW,
    Scope.ADMIN: pb.SCOPE_ADMIN,
}


class WithScopes(Protocol):
    """Opens channels that send a new key of a project; see conftest."""

    async def __call__(self, *scopes: pb.Scope, project: str = ...) -> grpc.aio.Channel:
        """A channel with a key of those scopes."""


async def call_error(channel: grpc.aio.Channel, method: str) -> errors.SluiceError:
    """The error of a call with an empty message to a method of any shape."""
    call: Any = channel.stream_stream(method)
    responses = call(iter([b""]))
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        async for _ in responses:
            pass
    return rpc_errors.from_rpc_error(failed.value)


@pytest.mark.parametrize("method", ACCESS_RULES)
async def test_every_method_requires_a_key(sluiced: EmbeddedServer, method: str) -> None:
    """Every method is served, and is UNAUTHENTICATED without a key."""
    async with grpc.aio.insecure_channel(sluiced.target) as channel:
        error = await call_error(channel, method)

    assert errors.Unauthenticated is type(error)


@pytest.mark.parametrize(
    "method", [method for method, rule in ACCESS_RULES.items() if rule.scopes != set(Scope)]
)
async def test_a_method_refuses_other_scopes(with_scopes: WithScopes, method: str) -> None:
    """A key with all scopes except those of the method's rule is refused, naming them."""
    others = set(Scope) - ACCESS_RULES[method].scopes
    channel = await with_scopes(*(SCOPES[scope] for scope in others))
    error = await call_error(channel, method)

    assert errors.PermissionDenied is type(error)
    rule = ACCESS_RULES[method]
    accepted = ", ".join(scope for scope in Scope if scope in rule.scopes)
    admin_only = rule.project_field is CrossProjectAccess.ADMIN_ONLY
    detail = {"admin_only": "true"} if admin_only else {"project": "p"}
    assert {"scope": accepted, **detail} == error.metadata


@pytest.mark.parametrize(
    "method",
    [
        method
        for method, rule in ACCESS_RULES.items()
        if not isinstance(rule.project_field, CrossProjectAccess)
    ],
)
async def test_a_request_must_name_its_project(admin: grpc.aio.Channel, method: str) -> None:
    """A request without a resource name is INVALID_ARGUMENT naming the field, for the admin too."""
    error = await call_error(admin, method)

    assert errors.InvalidArgument is type(error)
    assert ACCESS_RULES[method].project_field == error.fields[0].field
