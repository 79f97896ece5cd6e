"""A client without Sluice's code: grpcio and the server's reflection alone.

Run as a program with a target and an admin key; does the main job on made-up frames and prints
the results as JSON. It imports nothing of Sluice, and checks that at the end.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import struct
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

DIMENSION = 8
MODEL = "any-model"
SESSION = "0b5e7c52-3d0c-4f5e-9d4e-6f1f3f1a2b3c"


class Api:
    """Calls methods by name, with messages as the JSON that protobuf defines for them."""

    def __init__(self, channel: grpc.Channel, key: str) -> None:
        self._channel = channel
        self._pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        self._metadata = [("authorization", f"Bearer {key}")]

    def call(self, service: str, method: str, **request: Any) -> dict[str, Any]:
        """One request, one response."""
        make, kwargs = self._method(service, method, "unary_unary")
        response = make(f"/sluice.v1.{service}/{method}", **kwargs)(
            self._message(service, method, request), metadata=self._metadata, timeout=20
        )
        return MessageToDict(response, preserving_proto_field_name=True)

    def stream(
        self, service: str, method: str, requests: Iterable[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """A stream of requests, a stream of responses."""
        make, kwargs = self._method(service, method, "stream_stream")
        messages = (self._message(service, method, request) for request in requests)
        for response in make(f"/sluice.v1.{service}/{method}", **kwargs)(
            messages, metadata=self._metadata, timeout=20
        ):
            yield MessageToDict(response, preserving_proto_field_name=True)

    def upload(self, service: str, method: str, requests: list[dict[str, Any]]) -> dict[str, Any]:
        """A stream of requests, one response."""
        make, kwargs = self._method(service, method, "stream_unary")
        messages = [self._message(service, method, request) for request in requests]
        response = make(f"/sluice.v1.{service}/{method}", **kwargs)(
            iter(messages), metadata=self._metadata, timeout=20
        )
        return MessageToDict(response, preserving_proto_field_name=True)

    def _method(self, service: str, method: str, shape: str) -> tuple[Any, dict[str, Any]]:
        output = self._describe(service, method).output_type
        return getattr(self._channel, shape), {
            "request_serializer": lambda message: message.SerializeToString(),
            "response_deserializer": GetMessageClass(output).FromString,
        }

    def _message(self, service: str, method: str, request: dict[str, Any]) -> Any:
        return ParseDict(request, GetMessageClass(self._describe(service, method).input_type)())

    def _describe(self, service: str, method: str) -> Any:
        return self._pool.FindServiceByName(f"sluice.v1.{service}").FindMethodByName(method)


def tensor(rows: list[list[float]]) -> dict[str, Any]:
    """Rows as the proto says: little-endian float32, row after row."""
    data = b"".join(struct.pack(f"<{DIMENSION}f", *row) for row in rows)
    return {"dimension": DIMENSION, "data": base64.b64encode(data).decode()}


def near(axis: int, draw: random.Random, spread: float) -> list[float]:
    """A vector about one axis."""
    return [(index == axis) + draw.gauss(0, spread) for index in range(DIMENSION)]


def frame(frame_id: str) -> dict[str, Any]:
    """A frame with one image."""
    return {
        "id": frame_id,
        "capture_time": "2026-01-01T00:00:00Z",
        "sensors": [{"sensor_id": "cam", "url": f"https://example.org/{frame_id}.png"}],
    }


def tally(scored: dict[str, Any], scores: list[float]) -> dict[str, Any]:
    """The scores of a batch under one version, summed up by hand."""
    histogram = [0] * 64
    for score in scores:
        histogram[min(int(score * 64), 63)] += 1
    return {
        "campaign": scored["campaign"],
        "version": scored["version"],
        "model_digest": scored["model_digest"],
        "count": len(scores),
        "sum": sum(scores),
        "sum_squares": sum(score * score for score in scores),
        "minimum": min(scores),
        "maximum": max(scores),
        "histogram": histogram,
    }


def start_campaign(api: Api, draw: random.Random) -> str:
    """A project, a dataset, an issue with three elements, a background, and a campaign."""
    project = api.call("ProjectService", "CreateProject", project_id="plain")["name"]
    dataset = api.call(
        "DatasetService",
        "CreateDataset",
        parent=project,
        dataset_id="frames",
        dataset={"task_type": "TASK_TYPE_CLASSIFICATION_2D", "classes": [{"id": 1, "name": "van"}]},
    )["name"]
    issue = api.call(
        "IssueService",
        "CreateIssue",
        parent=project,
        issue={"display_name": "vans in fog", "dataset": dataset},
    )["name"]
    api.call(
        "IssueService",
        "AddElements",
        issue=issue,
        model_id=MODEL,
        elements=[{"frame": frame(f"hard{index}"), "dataset": dataset} for index in range(3)],
        embeddings=tensor([near(0, draw, 0.1) for _ in range(3)]),
    )
    background = tensor([near(draw.randrange(1, DIMENSION), draw, 0.3) for _ in range(64)])
    api.upload(
        "CampaignService",
        "SetBackground",
        [{"parent": project, "model_id": MODEL, "embeddings": background}],
    )
    campaign = {"issue": issue}
    return str(
        api.call("CampaignService", "CreateCampaign", parent=project, campaign=campaign)["name"]
    )


def run(target: str, key: str) -> dict[str, Any]:
    """Run the main job; returns its results."""
    draw = random.Random(5)  # noqa: S311 - not a secret
    with grpc.insecure_channel(target) as channel:
        api = Api(channel, key)
        campaign = start_campaign(api, draw)
        project = campaign.split("/campaigns/")[0]
        vectors = [near(0 if index < 4 else index % 7 + 1, draw, 0.15) for index in range(20)]
        batch = {
            "parent": project,
            "embeddings": {"model_id": MODEL, "tensor": tensor(vectors)},
        }
        [response] = api.stream("ScorerService", "StreamScores", [{"batch_id": 7, "batch": batch}])
        scored = response["scores"]
        scores = [s for (s,) in struct.iter_unpack("<d", base64.b64decode(scored["scores"]))]
        submit = submission(scored["versions"][0], scores, vectors)
        start = {"start": {"parent": project, "session_id": SESSION, "logger": "plain"}}
        responses = list(api.stream("IngestService", "Submit", [start, {"batch": submit}]))
        return {
            "batch_id": response["batch_id"],
            "passing": [score >= 0.5 for score in scores],
            "explained": [e.get("frame_index", 0) for e in scored["explanations"]],
            "neighbours": scored["explanations"][0]["explanation"]["neighbours"],
            "started": responses[0]["started"],
            "result": responses[1]["result"],
            "funnel": api.call("IngestService", "GetFunnel", campaign=campaign),
        }


def submission(
    version: dict[str, Any], scores: list[float], vectors: list[list[float]]
) -> dict[str, Any]:
    """The batch of the frames seen, with the documents of the matches."""
    matching = [index for index, score in enumerate(scores) if score >= version["threshold"]]
    hashes = (hashlib.sha256(f"frame{index}".encode()).digest()[:8] for index in range(len(scores)))
    return {
        "seq": 1,
        "seen_hashes": base64.b64encode(b"".join(hashes)).decode(),
        "tallies": [tally(version, scores)],
        "matches": [
            {"frame": frame(f"frame{index}"), "scores": [{"score": scores[index]}]}
            for index in matching
        ],
        "embeddings": {
            "model_id": MODEL,
            "tensor": tensor([vectors[index] for index in matching]),
        },
    }


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:])))  # noqa: T201 - its output
    imported = [name for name in sys.modules if name.split(".")[0] in ("sluice", "services")]
    assert not imported, imported
