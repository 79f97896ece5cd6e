"""Following the campaign service over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest

from deploy.local.process import free_port
from services.peers.active import ActiveCampaign, ActiveSet, Budget, Version
from services.peers.campaign import CampaignFollower, follow_campaigns
from sluice import errors
from sluice.v1 import campaign_pb2 as pb
from sluice.v1.campaign_pb2_grpc import (
    CampaignServiceServicer,
    add_CampaignServiceServicer_to_server,
)
from tests.rpc.peers.fake_services import KEY, check_key, start_server


class FakeCampaignService(CampaignServiceServicer):
    """A campaign service of one project, `p`, with responses that tests set."""

    def __init__(self) -> None:
        self.changed = asyncio.Condition()
        self.response = pb.WatchActiveVersionsResponse(generation=1)
        self.error: errors.SluiceError | None = None
        self.watches = 0
        self.requested_names: list[str] = []

    async def publish(self, response: pb.WatchActiveVersionsResponse) -> None:
        """Send a response to all watches."""
        async with self.changed:
            self.response = response
            self.changed.notify_all()

    async def fail_with(self, error: errors.SluiceError | None) -> None:
        """Fail all watches, those that are open too; None ends the failure."""
        async with self.changed:
            self.error = error
            self.changed.notify_all()

    async def WatchActiveVersions(  # noqa: D102, N802
        self, request: pb.WatchActiveVersionsRequest, context: Any
    ) -> AsyncIterator[pb.WatchActiveVersionsResponse]:
        check_key(context)
        self.watches += 1
        if request.parent != "projects/p":
            raise errors.NotFound(f"parent: {request.parent} does not exist")
        async with self.changed:
            while True:
                if self.error:
                    raise self.error
                yield self.response
                await self.changed.wait()

    async def GetVersion(  # noqa: D102, N802
        self, request: pb.GetVersionRequest, context: Any
    ) -> pb.CampaignVersion:
        check_key(context)
        self.requested_names.append(request.name)
        if request.name.endswith("/9"):
            raise errors.NotFound(f"name: {request.name} does not exist")
        return version_message(3)


def version_message(number: int) -> pb.CampaignVersion:
    """A version as the API has it."""
    return pb.CampaignVersion(
        number=number, model_digest="m", basis_digest="b", model_id="clip", dimension=8
    )


class FollowedService:
    """A fake campaign service, its server, and a follower of it."""

    def __init__(
        self,
        service: FakeCampaignService,
        server: grpc.aio.Server,
        port: int,
        follower: CampaignFollower,
    ) -> None:
        self.service, self.server, self.port = service, server, port
        self.follower = follower

    async def restart(self) -> None:
        """Start the server again on its port."""
        servicer = add_CampaignServiceServicer_to_server, self.service
        self.server, _ = await start_server(servicer, port=self.port)

    async def wait_for_generation(self, generation: int) -> None:
        """Wait until the follower has that generation; fails after ten seconds."""
        async with asyncio.timeout(10):
            # The follower has no event for a change.
            while (await self.follower.current("p")).generation != generation:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def followed() -> AsyncIterator[FollowedService]:
    """A fake campaign service, and a follower of it."""
    service = FakeCampaignService()  # type: ignore[abstract]  # methods that no test calls
    server, port = await start_server((add_CampaignServiceServicer_to_server, service))
    async with AsyncExitStack() as stack:
        follower = await stack.enter_async_context(follow_campaigns(f"127.0.0.1:{port}", KEY))
        followed = FollowedService(service, server, port, follower)
        yield followed
    await followed.server.stop(None)


async def test_active_campaigns_are_read_whole(followed: FollowedService) -> None:
    """Every field that scoring needs arrives; what is unset stays unset."""
    active = [
        pb.ActiveVersion(
            campaign="projects/p/campaigns/a",
            threshold=0.0,
            budget=pb.Budget(total=0),
            version=version_message(3),
        ),
        pb.ActiveVersion(campaign="projects/p/campaigns/b", version=version_message(1)),
    ]
    followed.service.response = pb.WatchActiveVersionsResponse(generation=7, active_versions=active)

    expected = {
        "a": ActiveCampaign("a", Version(3, "m", "b", "clip", 8), 0.0, Budget(total=0)),
        "b": ActiveCampaign("b", Version(1, "m", "b", "clip", 8)),
    }
    assert ActiveSet(7, expected) == await followed.follower.current("p")


async def test_a_change_arrives_on_the_open_watch(followed: FollowedService) -> None:
    """After a change the new set is there, without a new watch."""
    await followed.follower.current("p")
    await followed.service.publish(pb.WatchActiveVersionsResponse(generation=2))

    await followed.wait_for_generation(2)
    assert 1 == followed.service.watches


async def test_a_project_has_one_watch(followed: FollowedService) -> None:
    """All callers of a project share one watch, concurrent ones too."""
    await asyncio.gather(*(followed.follower.current("p") for _ in range(20)))

    assert 1 == followed.service.watches


async def test_an_unknown_project_is_not_found(followed: FollowedService) -> None:
    """A project that does not exist is NotFound for each caller, and is requested anew."""
    for watches in (1, 2):
        with pytest.raises(errors.NotFound, match="projects/q"):
            await followed.follower.current("q")
        assert watches == followed.service.watches


async def test_a_broken_watch_is_opened_again(followed: FollowedService) -> None:
    """While the campaign service fails, the last set holds; after that, changes arrive again."""
    await followed.follower.current("p")
    await followed.service.fail_with(errors.Internal("a bug"))
    async with asyncio.timeout(10):
        while followed.service.watches < 3:
            assert 1 == (await followed.follower.current("p")).generation
            await asyncio.sleep(0.01)

    followed.service.response = pb.WatchActiveVersionsResponse(generation=2)
    await followed.service.fail_with(None)
    await followed.wait_for_generation(2)


async def test_a_restarted_service_is_followed_again(followed: FollowedService) -> None:
    """A follower goes on when the campaign service was away and is back on its port."""
    await followed.follower.current("p")
    await followed.server.stop(None)
    assert 1 == (await followed.follower.current("p")).generation

    followed.service.response = pb.WatchActiveVersionsResponse(generation=2)
    await followed.restart()
    await followed.wait_for_generation(2)


async def test_a_service_that_was_never_up_is_unavailable() -> None:
    """Before the campaign service could be reached, a call is Unavailable after the timeout."""
    target = f"127.0.0.1:{free_port()}"
    async with follow_campaigns(target, KEY, timeout_s=0.05) as follower:
        with pytest.raises(errors.Unavailable, match="campaign service"):
            await follower.current("p")
        with pytest.raises(errors.Unavailable, match="campaign service"):
            await follower.version("p", "c", 1)


async def test_versions_are_read_once(followed: FollowedService) -> None:
    """A version is read once in a generation; a missing one is requested again."""
    await followed.follower.current("p")
    for _ in range(2):
        assert Version(3, "m", "b", "clip", 8) == await followed.follower.version("p", "c", 3)
        with pytest.raises(errors.NotFound, match="versions/9"):
            await followed.follower.version("p", "c", 9)

    name = "projects/p/campaigns/c/versions/"
    assert [f"{name}3", f"{name}9", f"{name}9"] == followed.service.requested_names


async def test_a_new_generation_reads_versions_again(followed: FollowedService) -> None:
    """After a change of the generation a version is read again: a deletion may have changed it."""
    await followed.follower.current("p")
    await followed.follower.version("p", "c", 3)
    await followed.service.publish(pb.WatchActiveVersionsResponse(generation=2))
    await followed.wait_for_generation(2)

    await followed.follower.version("p", "c", 3)

    assert 2 == len(followed.service.requested_names)
