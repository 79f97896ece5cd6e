"""The services of the API: their descriptors, and how a servicer is bound to a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from sluice.v1 import (
    batch_pb2,
    batch_pb2_grpc,
    campaign_pb2,
    campaign_pb2_grpc,
    dataset_frame_pb2,
    dataset_frame_pb2_grpc,
    dataset_pb2,
    dataset_pb2_grpc,
    golden_set_pb2,
    golden_set_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    issue_pb2,
    issue_pb2_grpc,
    progress_pb2,
    progress_pb2_grpc,
    project_pb2,
    project_pb2_grpc,
    round_pb2,
    round_pb2_grpc,
    scorer_pb2,
    scorer_pb2_grpc,
)

AddToServer = Callable[[Any, grpc.aio.Server], None]

PROTO_FILES: Final = (
    project_pb2,
    dataset_pb2,
    issue_pb2,
    campaign_pb2,
    scorer_pb2,
    ingest_pb2,
    dataset_frame_pb2,
    round_pb2,
    golden_set_pb2,
    progress_pb2,
    batch_pb2,
)
"""The proto files that define services."""

_ADD: Final[dict[type, AddToServer]] = {
    project_pb2_grpc.ProjectServiceServicer: project_pb2_grpc.add_ProjectServiceServicer_to_server,
    dataset_pb2_grpc.DatasetServiceServicer: dataset_pb2_grpc.add_DatasetServiceServicer_to_server,
    issue_pb2_grpc.IssueServiceServicer: issue_pb2_grpc.add_IssueServiceServicer_to_server,
    campaign_pb2_grpc.CampaignServiceServicer: (
        campaign_pb2_grpc.add_CampaignServiceServicer_to_server
    ),
    scorer_pb2_grpc.ScorerServiceServicer: scorer_pb2_grpc.add_ScorerServiceServicer_to_server,
    ingest_pb2_grpc.IngestServiceServicer: ingest_pb2_grpc.add_IngestServiceServicer_to_server,
    dataset_frame_pb2_grpc.FrameServiceServicer: (
        dataset_frame_pb2_grpc.add_FrameServiceServicer_to_server
    ),
    round_pb2_grpc.RoundServiceServicer: round_pb2_grpc.add_RoundServiceServicer_to_server,
    golden_set_pb2_grpc.GoldenSetServiceServicer: (
        golden_set_pb2_grpc.add_GoldenSetServiceServicer_to_server
    ),
    progress_pb2_grpc.ProgressServiceServicer: (
        progress_pb2_grpc.add_ProgressServiceServicer_to_server
    ),
    batch_pb2_grpc.BatchServiceServicer: batch_pb2_grpc.add_BatchServiceServicer_to_server,
}


def list_services() -> dict[str, ServiceDescriptor]:
    """Every service of the API by its full name."""
    return {
        service.full_name: service
        for file in PROTO_FILES
        for service in file.DESCRIPTOR.services_by_name.values()
    }


def register(servicer: object, server: grpc.aio.Server) -> str:
    """Bind a servicer to a server; returns the full name of its service.

    Raises TypeError for an object that is not a servicer of the API.
    """
    for kind, add in _ADD.items():
        if isinstance(servicer, kind):
            add(servicer, server)
            return f"sluice.v1.{kind.__name__.removesuffix('Servicer')}"
    raise TypeError(f"{type(servicer).__name__} is not a servicer of sluice.v1")
