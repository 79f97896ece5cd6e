"""Routing of calls to services in separate processes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from sluice.channel import connect, connect_sync
from sluice.errors import InvalidArgument
from sluice.targets import parse_target, process_of
from sluice.v1 import (
    campaign_pb2,
    dataset_frame_pb2,
    golden_set_pb2,
    ingest_pb2,
    progress_pb2,
    round_pb2,
    scorer_pb2,
)
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceStub
from sluice.v1.golden_set_pb2_grpc import GoldenSetServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub
from sluice.v1.progress_pb2_grpc import ProgressServiceStub
from sluice.v1.round_pb2_grpc import RoundServiceStub
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub

PROCESSES = ("campaign", "scorer", "ingest", "curation")


class NameHandler(grpc.GenericRpcHandler):
    """Ends every call with a status whose details are the server's name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A handler for any method."""

        def abort(_: bytes, context: grpc.ServicerContext) -> bytes:
            context.abort(grpc.StatusCode.DATA_LOSS, self._name)

        return grpc.unary_unary_rpc_method_handler(abort)


@pytest.fixture
def target() -> Iterator[str]:
    """A server for each process, and the target that names them."""
    servers, addresses = [], []
    for name in PROCESSES:
        server = grpc.server(ThreadPoolExecutor(2), handlers=[NameHandler(name)])
        addresses.append(f"{name}=127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
        server.start()
        servers.append(server)
    yield ",".join(addresses)
    for server in servers:
        server.stop(None).wait()


CALLS = [
    (CampaignServiceStub, "GetCampaign", campaign_pb2.GetCampaignRequest(), "campaign"),
    (ScorerServiceStub, "ScoreFrames", scorer_pb2.ScoreFramesRequest(), "scorer"),
    (IngestServiceStub, "GetFunnel", ingest_pb2.GetFunnelRequest(), "ingest"),
    (FrameServiceStub, "GetFrame", dataset_frame_pb2.GetFrameRequest(), "curation"),
    (RoundServiceStub, "GetRound", round_pb2.GetRoundRequest(), "curation"),
    (GoldenSetServiceStub, "GetGate", golden_set_pb2.GetGateRequest(), "curation"),
    (ProgressServiceStub, "GetProgress", progress_pb2.GetProgressRequest(), "curation"),
]


@pytest.mark.parametrize(("stub", "method", "request_", "process"), CALLS)
def test_a_call_goes_to_the_process_that_serves_it(
    target: str, stub: type, method: str, request_: object, process: str
) -> None:
    """Blocking and asyncio calls reach the process of their service."""

    async def call() -> str:
        async with connect(target, "key") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await getattr(stub(channel), method)(request_)
        return str(raised.value.details())

    with connect_sync(target, "key") as channel, pytest.raises(grpc.RpcError) as raised:
        getattr(stub(channel), method)(request_)
    assert [process, process] == [raised.value.details(), asyncio.run(call())]


def test_an_address_is_for_all() -> None:
    """A target without names is one server that has every service."""
    assert {"": "localhost:50050"} == parse_target("localhost:50050")


def test_a_process_may_have_several_addresses() -> None:
    """A repeated process gets several addresses, which gRPC calls in turn."""
    addresses = parse_target("campaign=h:1, scorer=127.0.0.1:2,scorer=127.0.0.1:3,ingest=h:4")
    assert {
        "campaign": "h:1",
        "scorer": "ipv4:127.0.0.1:2,127.0.0.1:3",
        "ingest": "h:4",
    } == addresses


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("", "target: is empty"),
        ("campaign=h:1,scorer=h:2", "ingest is missing"),
        ("campaign=h:1,scorer=h:2,ingest=", "'ingest='"),
        ("campaign=h:1,score=h:2,ingest=h:3", "'score=h:2'"),
    ],
)
def test_invalid_targets_are_rejected(target: str, message: str) -> None:
    """The error names the missing or unknown part, and the expected form."""
    with pytest.raises(InvalidArgument, match=f"{message}.*expected host:port"):
        parse_target(target)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://localhost:50050", "is a URL; a target is host:port: write 'localhost:50050'"),
        (
            "https://sluice.example.com:443/x",
            "a target is host:port: write 'sluice.example.com:443'",
        ),
        (
            "localhost:x",
            "'localhost:x' has the port 'x'; a target is host:port, as localhost:50050",
        ),
        ("localhost:50050/", "has the port '50050/'"),
        ("campaign=http://h:1,scorer=h:2,ingest=h:3", "'http://h:1' is a URL"),
    ],
)
def test_urls_and_malformed_ports_are_rejected(target: str, message: str) -> None:
    """A target that gRPC would look up as an unknown host is an error that shows what to write."""
    with pytest.raises(InvalidArgument, match=re.escape(message)):
        parse_target(target)


@pytest.mark.parametrize(
    "target",
    ["dns:///scorer.sluice:50052", "unix:/tmp/s.sock", "[::1]:50050", "::1", "ipv4:1.2.3.4:5"],
)
def test_targets_of_grpc_are_accepted(target: str) -> None:
    """Every form of address that gRPC knows passes as it is."""
    assert {"": target} == parse_target(target)


def test_loggers_need_no_curation() -> None:
    """A target without curation works for loggers; curation calls raise an error."""
    with connect_sync("campaign=h:1,scorer=h:2,ingest=h:3", "key") as channel:
        CampaignServiceStub(channel)
        with pytest.raises(InvalidArgument, match="curation is missing: add curation=host:port"):
            FrameServiceStub(channel)


def test_other_methods_go_to_the_campaign_process() -> None:
    """Health and reflection calls go to the process that all others depend on."""
    assert "campaign" == process_of("/grpc.health.v1.Health/Check")
