"""Following the campaign service over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from services.peers import campaign as follower_module
from services.peers.active import ActiveCampaign, ActiveSet, Budget, Version
from services.peers.campaign import CHANNEL_OPTIONS, Follower
from services.server.interceptors import RaiseStatus
from sluice import errors
from sluice.v1 import campaign_pb2 as pb
from sluice.v1.campaign_pb2_grpc import (
    CampaignServiceServicer,
    add_CampaignServiceServicer_to_server,
)

KEY = "the internal key"


class Campaigns(CampaignServiceServicer):
    """A campaign service of one project, `p`, that says what tests put into it."""

    def __init__(self) -> None:
        self.changed = asyncio.Condition()
        self.answer = pb.WatchActiveVersionsResponse(generation=1)
        self.broken: errors.SluiceError | None = None
        self.watches = 0
        self.asked: list[str] = []

    async def say(self, answer: pb.WatchActiveVersionsResponse) -> None:
        """Tell all who watch."""
        async with self.changed:
            self.answer = answer
            self.changed.notify_all()

    async def break_with(self, error: errors.SluiceError | None) -> None:
        """Fail all watches, those that are open too."""
        async with self.changed:
            self.broken = error
            self.changed.notify_all()

    async def WatchActiveVersions(  # noqa: D102, N802
        self, request: pb.WatchActiveVersionsRequest, context: Any
    ) -> AsyncIterator[pb.WatchActiveVersionsResponse]:
        assert ("authorization", f"Bearer {KEY}") in context.invocation_metadata()
        self.watches += 1
        if request.parent != "projects/p":
            raise errors.NotFound(f"parent: there is no {request.parent}")
        async with self.changed:
            while True:
                if self.broken:
                    raise self.broken
                yield self.answer
                await self.changed.wait()

    async def GetVersion(  # noqa: D102, N802
        self, request: pb.GetVersionRequest, context: Any
    ) -> pb.CampaignVersion:
        assert ("authorization", f"Bearer {KEY}") in context.invocation_metadata()
        self.asked.append(request.name)
        if request.name.endswith("/9"):
            raise errors.NotFound(f"name: there is no {request.name}")
        return version(3)


def version(number: int) -> pb.CampaignVersion:
    """A version as the API has it."""
    return pb.CampaignVersion(
        number=number, model_digest="m", basis_digest="b", model_id="clip", dimension=8
    )


async def start(campaigns: Campaigns, port: int = 0) -> tuple[grpc.aio.Server, int]:
    """A server around the campaign service, and its port."""
    server = grpc.aio.server(interceptors=[RaiseStatus()], options=[("grpc.so_reuseport", 0)])
    add_CampaignServiceServicer_to_server(campaigns, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, port


class Rig:
    """A campaign service, and a follower of it."""

    def __init__(self, campaigns: Campaigns, server: grpc.aio.Server, port: int) -> None:
        self.campaigns, self.server, self.port = campaigns, server, port
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
        self.follower = Follower(self.channel, KEY)

    async def generation(self, wanted: int) -> ActiveSet:
        """The active set once it is of that generation; fails after ten seconds."""
        async with asyncio.timeout(10):
            # Nothing tells when a follower has heard of a change.
            while (active := await self.follower.current("p")).generation != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return active


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A campaign service, and a follower of it."""
    campaigns = Campaigns()  # type: ignore[abstract]  # what no test calls is left out
    rig = Rig(campaigns, *await start(campaigns))
    yield rig
    await rig.follower.close()
    await rig.channel.close()
    await rig.server.stop(None)


async def test_active_campaigns_are_read_whole(rig: Rig) -> None:
    """Every field that scoring needs arrives; what is unset stays unset."""
    active = [
        pb.ActiveVersion(
            campaign="projects/p/campaigns/a",
            threshold=0.0,
            budget=pb.Budget(total=0),
            version=version(3),
        ),
        pb.ActiveVersion(campaign="projects/p/campaigns/b", version=version(1)),
    ]
    rig.campaigns.answer = pb.WatchActiveVersionsResponse(generation=7, active_versions=active)

    expected = {
        "a": ActiveCampaign("a", Version(3, "m", "b", "clip", 8), 0.0, Budget(total=0)),
        "b": ActiveCampaign("b", Version(1, "m", "b", "clip", 8)),
    }
    assert ActiveSet(7, expected) == await rig.follower.current("p")


async def test_a_change_is_heard(rig: Rig) -> None:
    """After a change the new set is there, without a new watch."""
    await rig.follower.current("p")
    await rig.campaigns.say(pb.WatchActiveVersionsResponse(generation=2))

    await rig.generation(2)
    assert 1 == rig.campaigns.watches


async def test_a_project_has_one_watch(rig: Rig) -> None:
    """All who ask for a project share one watch, also those who ask at once."""
    await asyncio.gather(*(rig.follower.current("p") for _ in range(20)))

    assert 1 == rig.campaigns.watches


async def test_an_unknown_project_is_not_found(rig: Rig) -> None:
    """A project that does not exist is NotFound for each who asks, and is asked for anew."""
    for watches in (1, 2):
        with pytest.raises(errors.NotFound, match="projects/q"):
            await rig.follower.current("q")
        assert watches == rig.campaigns.watches


async def test_a_broken_watch_is_taken_up_again(rig: Rig) -> None:
    """While the campaign service fails, the last set holds; once it is back, changes are heard."""
    await rig.follower.current("p")
    await rig.campaigns.break_with(errors.Internal("a bug"))
    async with asyncio.timeout(10):
        while rig.campaigns.watches < 3:
            assert 1 == (await rig.follower.current("p")).generation
            await asyncio.sleep(0.01)

    rig.campaigns.answer = pb.WatchActiveVersionsResponse(generation=2)
    await rig.campaigns.break_with(None)
    await rig.generation(2)


async def test_a_restarted_service_is_found_again(rig: Rig) -> None:
    """A follower goes on when the campaign service has been away and is back on its port."""
    await rig.follower.current("p")
    await rig.server.stop(None)
    assert 1 == (await rig.follower.current("p")).generation

    rig.campaigns.answer = pb.WatchActiveVersionsResponse(generation=2)
    rig.server, _ = await start(rig.campaigns, rig.port)
    await rig.generation(2)


async def test_a_service_that_was_never_there_is_unavailable(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks before the campaign service could be reached hears Unavailable, soon."""
    monkeypatch.setattr(follower_module, "PATIENCE_S", 0.05)
    await rig.server.stop(None)

    with pytest.raises(errors.Unavailable, match="campaign service"):
        await rig.follower.current("p")
    with pytest.raises(errors.Unavailable, match="campaign service"):
        await rig.follower.version("p", "c", 1)


async def test_versions_are_asked_for_once(rig: Rig) -> None:
    """A version never changes, so it is asked for once; one that is missing is asked for again."""
    for _ in range(2):
        assert Version(3, "m", "b", "clip", 8) == await rig.follower.version("p", "c", 3)
        with pytest.raises(errors.NotFound, match="versions/9"):
            await rig.follower.version("p", "c", 9)

    name = "projects/p/campaigns/c/versions/"
    assert [f"{name}3", f"{name}9", f"{name}9"] == rig.campaigns.asked
