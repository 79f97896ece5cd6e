"""Following the campaign service: which versions are to be scored, as it says so."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.peers.active import ActiveCampaign, ActiveSet, Budget, Version
from sluice.errors import NotFound, SluiceError, Unavailable
from sluice.names import CampaignName, ProjectName, VersionName
from sluice.rpc_errors import from_rpc_error
from sluice.v1 import campaign_pb2 as pb
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub

PATIENCE_S: Final = 5.0
"""How long a caller waits for an answer of the campaign service before it hears Unavailable."""

BACKOFF_S: Final = (0.05, 1.0)
"""The first pause before a watch is tried again, which doubles up to the last."""

CHANNEL_OPTIONS: Final = [
    # gRPC's own pauses grow to two minutes; a commit must be seen within a second of a restart.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
]

_SERVICE: Final = "sluice.v1.CampaignService"

log = structlog.get_logger()


@asynccontextmanager
async def follow_campaigns(target: str, internal_key: str) -> AsyncIterator[Follower]:
    """Follow the campaign service at a target until left."""
    async with grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS) as channel:
        follower = Follower(channel, internal_key)
        try:
            yield follower
        finally:
            await follower.close()


class Follower:
    """`ActiveVersions` over gRPC: one watch for each project that was asked for, shared by all.

    While the campaign service is away, what it said last goes on to hold.
    """

    def __init__(self, channel: grpc.aio.Channel, internal_key: str) -> None:
        self._service = _CampaignService(channel, internal_key)
        self._watches: dict[str, _Watch] = {}
        self._versions: dict[tuple[str, str, int], Version] = {}
        self._answered = False

    async def check(self) -> None:
        """Raise Unavailable until the campaign service has answered once.

        From then on what it said holds, also while it is away.
        """
        if not self._answered:
            await self._service.check()
            self._answered = True

    async def current(self, project: str) -> ActiveSet:
        """See `ActiveVersions.current`."""
        watch = self._watches.get(project)
        if watch is None or watch.ended:
            watch = self._watches[project] = _Watch(self._service, project)
        return await watch.current()

    async def version(self, project: str, campaign: str, number: int) -> Version:
        """See `ActiveVersions.version`."""
        asked = project, campaign, number
        found = self._versions.get(asked)
        if found is None:
            found = self._versions[asked] = await self._service.version(*asked)
        return found

    async def close(self) -> None:
        """End all watches."""
        await asyncio.gather(*(watch.close() for watch in self._watches.values()))


class _CampaignService:
    """The two calls that are needed of the campaign service, with domain types."""

    def __init__(self, channel: grpc.aio.Channel, internal_key: str) -> None:
        self._stub = CampaignServiceStub(channel)
        self._health: Any = health_pb2_grpc.HealthStub(channel)
        self._metadata = (("authorization", f"Bearer {internal_key}"),)

    async def check(self) -> None:
        """Raise Unavailable unless it serves."""
        request = health_pb2.HealthCheckRequest(service=_SERVICE)
        try:
            answer = await self._health.Check(request, timeout=PATIENCE_S)
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"the campaign service: {error.details()}") from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise Unavailable("the campaign service cannot work yet")

    async def watch(self, project: str) -> AsyncIterator[ActiveSet]:
        """The active set of a project, at once and after every change."""
        request = pb.WatchActiveVersionsRequest(parent=str(ProjectName(project)))
        call = self._stub.WatchActiveVersions(request, metadata=self._metadata, wait_for_ready=True)
        try:
            async for response in call:
                yield _active_set(response)
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error
        finally:
            call.cancel()

    async def version(self, project: str, campaign: str, number: int) -> Version:
        """A version that was committed at any time."""
        request = pb.GetVersionRequest(name=str(VersionName(project, campaign, str(number))))
        try:
            found = await self._stub.GetVersion(
                request, metadata=self._metadata, timeout=PATIENCE_S, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error
        return _version(found)


class _Watch:
    """Keeps the active set of one project up to date, until its project turns out not to exist."""

    def __init__(self, service: _CampaignService, project: str) -> None:
        self._service = service
        self._project = project
        self._latest: ActiveSet | None = None
        self._problem: SluiceError = Unavailable("no answer yet")
        self._heard = asyncio.Event()
        # In a context of its own: it outlives the call that happened to start it.
        self._task = asyncio.create_task(self._follow(), context=contextvars.Context())

    @property
    def ended(self) -> bool:
        """Whether it will hear nothing more."""
        return self._task.done()

    async def current(self) -> ActiveSet:
        """What was heard last; waits for a while when that is nothing."""
        if self._latest is None:
            try:
                await asyncio.wait_for(self._heard.wait(), PATIENCE_S)
            except TimeoutError as cause:
                raise Unavailable(
                    f"the campaign service cannot be reached: {self._problem}", retry_after_s=1
                ) from cause
        if self._latest is None:
            raise self._problem
        return self._latest

    async def close(self) -> None:
        """Hear no more."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _follow(self) -> None:
        pause_s, pause_max_s = BACKOFF_S
        while True:
            try:
                async for active in self._service.watch(self._project):
                    self._latest = active
                    self._heard.set()
                    pause_s = BACKOFF_S[0]
            except NotFound as error:
                self._latest, self._problem = None, error
                self._heard.set()
                return
            except SluiceError as error:
                self._problem = error
                log.warning("follower.lost", project=self._project, error=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, pause_max_s)


def _active_set(response: pb.WatchActiveVersionsResponse) -> ActiveSet:
    campaigns = map(_active_campaign, response.active_versions)
    return ActiveSet(response.generation, {active.campaign: active for active in campaigns})


def _active_campaign(active: pb.ActiveVersion) -> ActiveCampaign:
    budget = active.budget
    return ActiveCampaign(
        campaign=CampaignName.parse(active.campaign).campaign,
        version=_version(active.version),
        threshold=active.threshold if active.HasField("threshold") else None,
        budget=Budget(
            budget.total if budget.HasField("total") else None,
            budget.per_day if budget.HasField("per_day") else None,
        ),
    )


def _version(version: pb.CampaignVersion) -> Version:
    return Version(
        number=version.number,
        model_digest=version.model_digest,
        basis_digest=version.basis_digest,
        model_id=version.model_id,
        dimension=version.dimension,
    )


_TRANSIENT = {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


def _translated(error: grpc.aio.AioRpcError) -> SluiceError:
    if error.code() in _TRANSIENT:
        return Unavailable(f"the campaign service: {error.details()}", retry_after_s=1)
    return from_rpc_error(error)
