"""Authorisation over gRPC: default deny, scopes, projects, revocation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.ledger.sqlite.ledger import SqliteLedger
from services.server import auth
from services.server.access import ACCESS_RULES
from services.server.auth import current_caller
from services.server.draining import Draining
from services.server.keys import KeyStore, Scope, generate_token
from services.server.server import Server
from services.server.settings import Settings
from sluice import errors, rpc_errors
from sluice.v1 import (
    campaign_pb2,
    campaign_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    project_pb2,
    project_pb2_grpc,
    scorer_pb2,
    scorer_pb2_grpc,
)


class FakeProjectService(project_pb2_grpc.ProjectServiceServicer):
    """Responds with the id of the caller's key."""

    async def GetProject(  # noqa: D102, N802
        self, request: project_pb2.GetProjectRequest, context: Any
    ) -> project_pb2.Project:
        return project_pb2.Project(name=request.name, display_name=current_caller().key_id)

    async def CreateProject(  # noqa: D102, N802
        self, request: project_pb2.CreateProjectRequest, context: Any
    ) -> project_pb2.Project:
        return project_pb2.Project(name=request.project_id)


class FakeScorerService(scorer_pb2_grpc.ScorerServiceServicer):
    """Responds to every batch with its number."""

    def __init__(self) -> None:
        self.started = 0

    async def StreamScores(  # noqa: D102, N802
        self, requests: AsyncIterator[scorer_pb2.StreamScoresRequest], context: Any
    ) -> AsyncIterator[scorer_pb2.StreamScoresResponse]:
        self.started += 1
        async for request in requests:
            yield scorer_pb2.StreamScoresResponse(batch_id=request.batch_id)


class FakeCampaignService(campaign_pb2_grpc.CampaignServiceServicer):
    """Responds once to a watch, which never ends."""

    async def WatchActiveVersions(  # noqa: D102, N802
        self, request: campaign_pb2.WatchActiveVersionsRequest, context: Any
    ) -> AsyncIterator[campaign_pb2.WatchActiveVersionsResponse]:
        yield campaign_pb2.WatchActiveVersionsResponse(generation=1)
        await asyncio.Event().wait()


class FakeIngestService(ingest_pb2_grpc.IngestServiceServicer):
    """Responds to a start, then to each batch with its number."""

    async def Submit(  # noqa: D102, N802
        self, requests: AsyncIterator[ingest_pb2.SubmitRequest], context: Any
    ) -> AsyncIterator[ingest_pb2.SubmitResponse]:
        async for request in requests:
            yield ingest_pb2.SubmitResponse(result=ingest_pb2.BatchResult(seq=request.batch.seq))


@dataclass
class AuthorisedServer:
    """A running server, its key store, and a channel to it."""

    keys: KeyStore
    channel: grpc.aio.Channel
    scorer: FakeScorerService

    async def token(self, *scopes: Scope, project: str = "p") -> str:
        """The token of a new key."""
        return (await self.keys.create(project, "", scopes)).token


@asynccontextmanager
async def serving(folder: Path, **settings: Any) -> AsyncIterator[AuthorisedServer]:
    """The real server around four small servicers."""
    ledger = await SqliteLedger.open(folder / "ledger")
    keys = KeyStore(ledger, pepper=b"pepper", internal_token=generate_token())
    server = Server(keys, Draining(), Settings(grace_s=0, **settings))
    port = server.bind("127.0.0.1", 0)
    # Methods that no test calls are left out.
    scorer = FakeScorerService()  # type: ignore[abstract]
    projects = FakeProjectService()  # type: ignore[abstract]
    ingest = FakeIngestService()  # type: ignore[abstract]
    campaigns = FakeCampaignService()  # type: ignore[abstract]
    await server.start([projects, scorer, ingest, campaigns])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield AuthorisedServer(keys, channel, scorer)
    await server.stop()
    await ledger.close()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[AuthorisedServer]:
    """A running server."""
    async with serving(tmp_path) as served:
        yield served


def bearer(token: str) -> list[tuple[str, str]]:
    """The metadata of a caller with that token."""
    return [("authorization", f"Bearer {token}")]


async def get_project(
    served: AuthorisedServer, metadata: list[tuple[str, str]], name: str = "projects/p"
) -> project_pb2.Project:
    """Call GetProject; raises the SluiceError behind a failure."""
    stub: Any = project_pb2_grpc.ProjectServiceStub(served.channel)
    try:
        project: project_pb2.Project = await stub.GetProject(
            project_pb2.GetProjectRequest(name=name), metadata=metadata
        )
    except grpc.aio.AioRpcError as failed:
        raise rpc_errors.from_rpc_error(failed) from None
    return project


async def test_a_servicer_gets_the_caller(served: AuthorisedServer) -> None:
    """A key of the project is accepted, and the servicer gets its id."""
    new_key = await served.keys.create("p", "", [Scope.LOG])

    assert new_key.record.id == (await get_project(served, bearer(new_key.token))).display_name


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [("authorization", "")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer ")],
        [("authorization", "Basic slc_0_0")],
        [("authorization", "Bearer nonsense")],
        bearer(generate_token()),
        bearer(generate_token()) * 2,
    ],
    ids=["none", "empty", "no token", "empty token", "scheme", "malformed", "unknown", "two"],
)
async def test_a_call_without_a_valid_key_is_refused(
    served: AuthorisedServer, metadata: list[tuple[str, str]]
) -> None:
    """A call without a valid key is UNAUTHENTICATED, and the message never repeats the key."""
    with pytest.raises(errors.Unauthenticated, match="authorization: ") as refused:
        await get_project(served, metadata)

    assert "API_KEY_INVALID" == refused.value.reason
    for sent in metadata:
        secret = sent[1].removeprefix("Bearer").strip()
        assert not secret or secret not in refused.value.message


async def test_the_accepted_form_is_named(served: AuthorisedServer) -> None:
    """A call without a key gets the form of the metadata that is accepted."""
    with pytest.raises(errors.Unauthenticated, match="Bearer slc_<id>_<secret>"):
        await get_project(served, [])


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
async def test_the_scheme_is_case_insensitive(served: AuthorisedServer, scheme: str) -> None:
    """Bearer may be written in any case, as HTTP has it."""
    token = await served.token(Scope.LOG)

    await get_project(served, [("authorization", f"{scheme} {token}")])


@pytest.mark.parametrize("name", ["projects/q", "projects/q/issues/i", "projects/P", "projects/pp"])
async def test_a_key_is_limited_to_its_project(served: AuthorisedServer, name: str) -> None:
    """A resource of another project is refused, whether it exists or not."""
    with pytest.raises(errors.PermissionDenied, match=name) as refused:
        await get_project(served, bearer(await served.token(*Scope)), name)

    assert "FOREIGN_PROJECT" == refused.value.reason


@pytest.mark.parametrize("name", ["", "p", "projects", "projects/", "issues/i", "/projects/p"])
async def test_a_malformed_name_is_refused(served: AuthorisedServer, name: str) -> None:
    """A name without a project is INVALID_ARGUMENT, with the form that is expected."""
    with pytest.raises(errors.InvalidArgument, match=r"projects/\{project\}") as refused:
        await get_project(served, bearer(await served.token(*Scope)), name)

    assert "name" == refused.value.fields[0].field


async def test_the_admin_key_is_valid_for_every_project(served: AuthorisedServer) -> None:
    """The admin's key is valid for all projects, and it alone may create one."""
    admin = served.keys.new_admin()
    await served.keys.adopt_admin(admin)
    stub: Any = project_pb2_grpc.ProjectServiceStub(served.channel)
    request = project_pb2.CreateProjectRequest(project_id="new")

    for name in ("projects/p", "projects/q"):
        assert name == (await get_project(served, bearer(admin.token), name)).name
    assert "new" == (await stub.CreateProject(request, metadata=bearer(admin.token))).name
    with pytest.raises(grpc.aio.AioRpcError, match="only the admin's key"):
        await stub.CreateProject(request, metadata=bearer(await served.token(*Scope)))


async def test_a_key_needs_the_scope(served: AuthorisedServer) -> None:
    """A key without a scope of the method's rule is refused, naming the accepted ones."""
    stub: Any = project_pb2_grpc.ProjectServiceStub(served.channel)
    token = await served.token(Scope.LOG, Scope.REVIEW)

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await stub.ListApiKeys(
            project_pb2.ListApiKeysRequest(parent="projects/p"), metadata=bearer(token)
        )
    error = rpc_errors.from_rpc_error(failed.value)
    assert (errors.PermissionDenied, "SCOPE_MISSING") == (type(error), error.reason)
    assert "lacks the required scope (one of admin)" in error.message
    assert {"scope": "admin", "project": "p"} == error.metadata


async def test_a_method_without_a_rule_is_refused(
    served: AuthorisedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A method that is missing in the table is refused for every key."""
    monkeypatch.delitem(ACCESS_RULES, "/sluice.v1.ProjectService/GetProject")

    with pytest.raises(errors.PermissionDenied, match="no access rule"):
        await get_project(served, bearer(await served.token(*Scope)))


async def test_a_revoked_key_is_refused_at_once(served: AuthorisedServer) -> None:
    """The call after the deletion of its key fails."""
    new_key = await served.keys.create("p", "", [Scope.LOG])
    await get_project(served, bearer(new_key.token))
    await served.keys.delete("p", new_key.record.id)

    with pytest.raises(errors.Unauthenticated):
        await get_project(served, bearer(new_key.token))


def open_scores(served: AuthorisedServer, token: str) -> Any:
    """An open StreamScores call."""
    stub: Any = scorer_pb2_grpc.ScorerServiceStub(served.channel)
    return stub.StreamScores(metadata=bearer(token))


def batch(number: int, parent: str) -> scorer_pb2.StreamScoresRequest:
    """A batch of that project."""
    return scorer_pb2.StreamScoresRequest(
        batch_id=number, batch=scorer_pb2.ScoreFramesRequest(parent=parent)
    )


async def test_the_first_message_of_a_stream_is_checked(served: AuthorisedServer) -> None:
    """A stream that starts in another project never reaches the servicer."""
    call = open_scores(served, await served.token(Scope.LOG))
    await call.write(batch(1, "projects/q"))

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call.read()
    assert grpc.StatusCode.PERMISSION_DENIED == failed.value.code()
    assert 0 == served.scorer.started


async def test_the_first_message_of_a_stream_names_the_project(served: AuthorisedServer) -> None:
    """A Submit stream that does not begin with its start is refused, naming the field."""
    stub: Any = ingest_pb2_grpc.IngestServiceStub(served.channel)
    call = stub.Submit(metadata=bearer(await served.token(Scope.LOG)))
    await call.write(ingest_pb2.SubmitRequest(batch=ingest_pb2.SubmitBatch(seq=1)))

    with pytest.raises(grpc.aio.AioRpcError, match=r"start\.parent"):
        await call.read()


async def test_later_messages_need_not_name_the_project(served: AuthorisedServer) -> None:
    """The batches of a Submit stream pass under the project of its start."""
    stub: Any = ingest_pb2_grpc.IngestServiceStub(served.channel)
    call = stub.Submit(metadata=bearer(await served.token(Scope.LOG)))
    await call.write(ingest_pb2.SubmitRequest(start=ingest_pb2.SubmitStart(parent="projects/p")))
    await call.write(ingest_pb2.SubmitRequest(batch=ingest_pb2.SubmitBatch(seq=1)))

    assert [0, 1] == [(await call.read()).result.seq for _ in range(2)]


async def test_later_messages_of_a_stream_are_checked(served: AuthorisedServer) -> None:
    """A later message of another project ends the stream; a malformed name is for the servicer."""
    call = open_scores(served, await served.token(Scope.LOG))
    for number, parent in enumerate(["projects/p", "", "nonsense", "projects/q"]):
        await call.write(batch(number, parent))

    assert [0, 1, 2] == [(await call.read()).batch_id for _ in range(3)]
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call.read()
    assert grpc.StatusCode.PERMISSION_DENIED == failed.value.code()


async def test_an_empty_stream_is_served(served: AuthorisedServer) -> None:
    """A stream that ends before its first message gets no response and no error."""
    call = open_scores(served, await served.token(Scope.LOG))
    await call.done_writing()

    assert grpc.aio.EOF is await call.read()
    assert grpc.StatusCode.OK == await call.code()


async def test_a_revoked_key_ends_its_streams(
    served: AuthorisedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream with a revoked key ends at its first message after the interval."""
    monkeypatch.setattr(auth, "REVERIFY_AFTER_S", -1)
    new_key = await served.keys.create("p", "", [Scope.LOG])
    call = open_scores(served, new_key.token)
    await call.write(batch(1, "projects/p"))
    await call.read()
    await served.keys.delete("p", new_key.record.id)
    await call.write(batch(2, "projects/p"))

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call.read()
    assert grpc.StatusCode.UNAUTHENTICATED == failed.value.code()


async def test_a_revoked_key_ends_streams_of_responses(
    served: AuthorisedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch ends after its key is revoked, and not while the ledger cannot be read."""
    monkeypatch.setattr(auth, "REVERIFY_AFTER_S", 0.001)
    new_key = await served.keys.create("p", "", [Scope.LOG])
    stub: Any = campaign_pb2_grpc.CampaignServiceStub(served.channel)
    request = campaign_pb2.WatchActiveVersionsRequest(parent="projects/p")
    call = stub.WatchActiveVersions(request, metadata=bearer(new_key.token))
    assert 1 == (await call.read()).generation
    await fail_once(served.keys, monkeypatch)
    await served.keys.delete("p", new_key.record.id)

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call.read()
    assert grpc.StatusCode.UNAUTHENTICATED == failed.value.code()


async def fail_once(keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next verification of a key fail as when the ledger is away; wait for it."""
    failed = asyncio.Event()

    async def verify(token: str) -> None:
        failed.set()
        raise errors.Unavailable("the ledger is away")

    with monkeypatch.context() as patched:
        patched.setattr(keys, "verify", verify)
        await failed.wait()


async def test_a_key_has_a_limit_of_streams(tmp_path: Path) -> None:
    """One stream too many of a key is refused until another of it ends; others are not."""
    async with serving(tmp_path, streams_per_key_max=2) as served:
        token = await served.token(Scope.LOG)
        opened = [open_scores(served, token) for _ in range(2)]
        for call in opened:
            await call.write(batch(1, "projects/p"))
            await call.read()

        refused = open_scores(served, token)
        with pytest.raises(grpc.aio.AioRpcError, match="2 streams") as failed:
            await refused.read()
        assert grpc.StatusCode.RESOURCE_EXHAUSTED == failed.value.code()
        assert "2" == rpc_errors.from_rpc_error(failed.value).metadata["limit"]
        other = open_scores(served, await served.token(Scope.LOG))
        await other.write(batch(1, "projects/p"))
        await other.read()

        await opened[0].done_writing()
        assert grpc.StatusCode.OK == await opened[0].code()
        again = open_scores(served, token)
        await again.write(batch(1, "projects/p"))
        assert 1 == (await again.read()).batch_id
