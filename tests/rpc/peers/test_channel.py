"""Error translation and health checks of channels to other services."""

from __future__ import annotations

import pytest
from grpc_health.v1 import health, health_pb2

from deploy.local.process import free_port
from services.peers.channel import connect_peer
from sluice import errors
from sluice.v1 import dataset_pb2 as pb
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub
from tests.rpc.peers.fake_services import KEY, connect_fake, with_health

SERVICE = "sluice.v1.DatasetService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def test_a_service_has_served_once_it_was_healthy() -> None:
    """The check fails until the service is healthy, and passes through later outages."""
    servicer = health.aio.HealthServicer()
    await servicer.set(SERVICE, NOT_SERVING)
    async with connect_fake(with_health(servicer)) as peer:
        with pytest.raises(errors.Unavailable, match="campaign service: not serving yet"):
            await peer.check_served(SERVICE)
        await servicer.set(SERVICE, SERVING)
        await peer.check_served(SERVICE)
        await servicer.set(SERVICE, NOT_SERVING)
        await peer.check_served(SERVICE)


async def test_a_service_that_is_down_has_not_served() -> None:
    """The health check of a target without a server is Unavailable, with a delay to retry."""
    async with connect_peer("ingest", f"127.0.0.1:{free_port()}", KEY) as peer:
        with pytest.raises(errors.Unavailable, match="ingest service") as raised:
            await peer.check_served(SERVICE)

    assert 1 == raised.value.retry_after_s


async def test_a_call_to_an_older_release_can_be_retried() -> None:
    """A method that the server lacks is Unavailable: a rolling upgrade is under way."""
    async with connect_fake() as peer:
        stub = DatasetServiceStub(peer.channel)
        with pytest.raises(errors.Unavailable, match="campaign service") as raised:
            await peer.call(stub.GetDataset, pb.GetDatasetRequest(name="d"))

    assert 1 == raised.value.retry_after_s


async def test_a_call_that_times_out_can_be_retried() -> None:
    """A call to a service that is down is Unavailable after the timeout of the channel."""
    target = f"127.0.0.1:{free_port()}"
    async with connect_peer("campaign", target, KEY, timeout_s=0.2) as peer:
        stub = DatasetServiceStub(peer.channel)
        with pytest.raises(errors.Unavailable, match="campaign service") as raised:
            await peer.call(stub.GetDataset, pb.GetDatasetRequest(name="d"))

    assert 1 == raised.value.retry_after_s
