"""The active campaign versions, as the campaign service publishes them."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
import structlog

from services.peers.active import ActiveCampaign, ActiveSet, Budget, Version
from services.peers.channel import REQUEST_TIMEOUT_S, PeerChannel, connect_peer
from sluice.errors import NotFound, SluiceError, Unavailable
from sluice.names import CampaignName, ProjectName, VersionName
from sluice.v1 import campaign_pb2 as pb
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub

BACKOFF_INITIAL_S: Final = 0.05
BACKOFF_MAX_S: Final = 1.0
"""Longest pause before a broken watch is opened again."""

log = structlog.get_logger()


@asynccontextmanager
async def follow_campaigns(
    target: str, internal_key: str, *, timeout_s: float = REQUEST_TIMEOUT_S
) -> AsyncIterator[CampaignFollower]:
    """Follow the campaign service at a gRPC target, which need not be up yet."""
    async with connect_peer("campaign", target, internal_key, timeout_s=timeout_s) as peer:
        follower = CampaignFollower(peer)
        try:
            yield follower
        finally:
            await follower.close()


class CampaignFollower:
    """`ActiveVersions` over gRPC: one watch per project, opened by its first request.

    While the campaign service is away, its last response holds.
    """

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = CampaignServiceStub(peer.channel)
        self._watches: dict[str, _Watch] = {}
        self._versions: dict[VersionName, tuple[int, Version]] = {}
        """Versions by name, each with the generation that it was read at."""

    async def check(self) -> None:
        """Raise Unavailable until the campaign service has been healthy once."""
        await self._peer.check_served("sluice.v1.CampaignService")

    async def current(self, project: str) -> ActiveSet:
        """See `ActiveVersions.current`."""
        watch = self._watches.get(project)
        if watch is None or watch.ended:
            watch = self._watches[project] = _Watch(self._peer, project)
        return await watch.current()

    async def version(
        self, project: str, campaign: str, number: int, *, fresh: bool = False
    ) -> Version:
        """See `ActiveVersions.version`; each is read once in a generation of a watched project.

        A deletion of frames changes versions, and the generation with them.
        """
        name = VersionName(project, campaign, str(number))
        watch = self._watches.get(project)
        generation = watch.generation if watch else None
        read_at, version = self._versions.get(name, (None, None))
        if fresh or version is None or generation is None or read_at != generation:
            request = pb.GetVersionRequest(name=str(name))
            version = _to_version(await self._peer.call(self._stub.GetVersion, request))
            if generation is not None:
                self._versions[name] = generation, version
        return version

    async def close(self) -> None:
        """End all watches."""
        await asyncio.gather(*(watch.close() for watch in self._watches.values()))


class _Watch:
    """Keeps the active set of one project up to date, until its project does not exist."""

    def __init__(self, peer: PeerChannel, project: str) -> None:
        self._peer = peer
        self._stub = CampaignServiceStub(peer.channel)
        self._project = project
        self._latest: ActiveSet | None = None
        self._problem: SluiceError = Unavailable("no response yet")
        self._resolved = asyncio.Event()
        # In a context of its own: it outlives the call that happened to start it.
        self._task = asyncio.create_task(self._run(), context=contextvars.Context())

    @property
    def ended(self) -> bool:
        """Whether no more responses will come."""
        return self._task.done()

    @property
    def generation(self) -> int | None:
        """The generation of the latest active set, None without one."""
        return self._latest.generation if self._latest else None

    async def current(self) -> ActiveSet:
        """The latest active set; waits for the first one, up to the request timeout."""
        if self._latest is None:
            try:
                await asyncio.wait_for(self._resolved.wait(), self._peer.timeout_s)
            except TimeoutError as cause:
                raise Unavailable(
                    f"the campaign service cannot be reached: {self._problem}", retry_after_s=1
                ) from cause
        if self._latest is None:
            raise self._problem
        return self._latest

    async def close(self) -> None:
        """End the watch."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        # A loop of its own and not stamina: each response resets the backoff, which stamina cannot.
        backoff_s = BACKOFF_INITIAL_S
        while True:
            try:
                async for active in self._receive():
                    self._latest = active
                    self._resolved.set()
                    backoff_s = BACKOFF_INITIAL_S
            except NotFound as error:
                self._latest, self._problem = None, error
                self._resolved.set()
                return
            except SluiceError as error:
                self._problem = error
                log.warning("follower.lost", project=self._project, error=str(error))
            # Jitter, so that the watches of all processes do not come back at the same moment.
            await asyncio.sleep(random.uniform(backoff_s / 2, backoff_s))  # noqa: S311 - no secret
            backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)

    async def _receive(self) -> AsyncIterator[ActiveSet]:
        """The active set, at once and after every change."""
        request = pb.WatchActiveVersionsRequest(parent=str(ProjectName(self._project)))
        call = self._stub.WatchActiveVersions(
            request, metadata=self._peer.metadata, wait_for_ready=True
        )
        try:
            async for response in call:
                yield _to_active_set(response)
        except grpc.aio.AioRpcError as error:
            raise self._peer.translate(error) from error
        finally:
            call.cancel()


def _to_active_set(response: pb.WatchActiveVersionsResponse) -> ActiveSet:
    campaigns = map(_to_active_campaign, response.active_versions)
    return ActiveSet(response.generation, {active.campaign: active for active in campaigns})


def _to_active_campaign(active: pb.ActiveVersion) -> ActiveCampaign:
    budget = active.budget
    return ActiveCampaign(
        campaign=CampaignName.parse(active.campaign).campaign,
        version=_to_version(active.version),
        threshold=active.threshold if active.HasField("threshold") else None,
        budget=Budget(
            budget.total if budget.HasField("total") else None,
            budget.per_day if budget.HasField("per_day") else None,
        ),
    )


def _to_version(version: pb.CampaignVersion) -> Version:
    return Version(
        number=version.number,
        model_digest=version.model_digest,
        basis_digest=version.basis_digest,
        model_id=version.model_id,
        dimension=version.dimension,
        former_digests=tuple(version.former_model_digests),
    )
