"""The same request under one request id is made once, whatever the method."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import grpc
import pytest

from sluice import errors
from sluice.rpc_errors import from_rpc_error
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import frame_pb2
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceStub
from tests.rpc.ingest.logger import PROJECT, Logger
from tests.rpc.methods import methods_with

DATASET = f"{PROJECT}/datasets/d"
VALUE = frame_pb2.MetadataValue(integer=1)
SAMPLES = {"frame_ids": ["h1"]}, {"frame_ids": ["h2"]}

REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "CreateProject": ({"project_id": "q"}, {"project_id": "r"}),
    "CreateDataset": (
        {"parent": PROJECT, "dataset_id": "e", "dataset": {"task_type": 3}},
        {"dataset_id": "f"},
    ),
    "CreateIssue": (
        {"parent": PROJECT, "issue": {"display_name": "a", "dataset": DATASET}},
        {"issue": {"display_name": "b"}},
    ),
    "CreateCampaign": ({"parent": PROJECT}, {"campaign": {"display_name": "other"}}),
    "CommitVersion": ({}, {"etag": "1"}),
    "AcceptSamples": SAMPLES,
    "DiscardSamples": SAMPLES,
    "RestoreSamples": SAMPLES,
    "SetStatus": ({"dataset": DATASET, "groups": ["a"], "status": 2}, {"groups": ["b"]}),
    "TagFrames": ({"dataset": DATASET, "frame_ids": ["a"], "add": ["night"]}, {"add": ["day"]}),
    "SetFields": (
        {"dataset": DATASET, "changes": [{"frame_id": "a", "set": {"x": VALUE}}]},
        {"changes": [{"frame_id": "b"}]},
    ),
    "CreateView": ({"parent": DATASET, "view_id": "v"}, {"view_id": "w"}),
    "CreateRound": (
        {"parent": DATASET, "round_id": "r", "round": {"metric_split": pb.SPLIT_TEST}},
        {"round_id": "s"},
    ),
}
"""For each method a request, without names that only a running server gives, and a change of it."""


@pytest.fixture
async def names(admin: grpc.aio.Channel, project: str) -> dict[str, dict[str, Any]]:
    """The rest of some requests; there are a campaign with two samples, and a frame."""
    logger = Logger(admin)
    await logger.start_campaign()
    await FrameServiceStub(admin).AppendFrames(
        pb.AppendFramesRequest(dataset=DATASET, frames=[{"frame": {"id": "a"}}])
    )
    await logger.submit("h1", "h2")
    await logger.settled()
    parent = {"parent": logger.campaign}
    reviews = dict.fromkeys(("AcceptSamples", "DiscardSamples", "RestoreSamples"), parent)
    return {
        **reviews,
        "CommitVersion": parent,
        "CreateCampaign": {"campaign": {"issue": logger.issue}},
    }


async def test_a_request_sent_again_has_the_first_response(
    admin: grpc.aio.Channel, names: dict[str, dict[str, Any]]
) -> None:
    """Each method with a request id returns the first response, and refuses another request."""
    methods = methods_with("request_id")
    for full_name, kind in methods.items():
        method = full_name.rpartition("/")[2]
        content, change = REQUESTS[method]
        request = kind(request_id=str(uuid4()), **content, **names.get(method, {}))
        call: Any = admin.unary_unary(full_name, request_serializer=kind.SerializeToString)
        first = await call(request)

        assert first == await call(request), method
        request.MergeFrom(kind(**change))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(request)
        error = from_rpc_error(refused.value)
        assert isinstance(error, errors.InvalidArgument), method
        assert ["request_id"] == [violation.field for violation in error.fields], method
    assert {name.rpartition("/")[2] for name in methods} == set(REQUESTS)
