"""The limits that comments of the protos promise for requests, each with a call of a given size."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np

from sluice.tensors import Embeddings, pack
from sluice.v1 import (
    batch_pb2,
    campaign_pb2,
    dataset_pb2,
    deletion_pb2,
    frame_pb2,
    golden_set_pb2,
    ingest_pb2,
    issue_pb2,
    project_pb2,
    round_pb2,
)
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1.golden_set_pb2_grpc import GoldenSetServiceStub
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from tests.proto_comments import read_comments, read_numbers
from tests.rpc.conftest import PROJECT
from tests.rpc.curation.api import DATASET, MODEL, Api, box, frame

CAMPAIGN, ISSUE = f"{PROJECT}/campaigns/c", f"{PROJECT}/issues/i"
BATCH, GOLDEN_SET = f"{DATASET}/batches/b", f"{DATASET}/goldenSets/g"
LABELS = frame("labels", *(box(f"l{number}") for number in range(300)))
VALUE = frame_pb2.MetadataValue(integer=1)


class Services(Api):
    """All services of a project with a dataset."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        super().__init__(channel)
        self.channel = channel
        self.golden = GoldenSetServiceStub(channel)
        self.projects = ProjectServiceStub(channel)

    async def append_crops(self, count: int) -> Any:
        """Append a frame with so many embeddings."""
        ids = [label.id for label in LABELS.frame.labels[:count]]
        rows = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
        embeddings = Embeddings(MODEL, rows, np.zeros(count, np.intp), ids)
        return await self.append_frames(LABELS, embeddings=embeddings.to_proto())

    async def append_frames(self, *frames: pb.DatasetFrame, **request: Any) -> Any:
        """Append frames, as they are."""
        return await self.frames.AppendFrames(
            pb.AppendFramesRequest(dataset=DATASET, frames=frames, **request)
        )

    async def list_by(self, **conditions: Any) -> Any:
        """List the frames that a filter selects."""
        passing = pb.FrameFilter(**conditions)
        return await self.frames.ListFrames(pb.ListFramesRequest(parent=DATASET, filter=passing))

    async def create_batch(self, **batch: Any) -> Any:
        """Create a batch."""
        request = batch_pb2.CreateBatchRequest(
            parent=DATASET, batch_id="b", batch=batch_pb2.Batch(**batch)
        )
        return await self.batches.CreateBatch(request)

    async def create_dataset(self, id: str = "other", **dataset: Any) -> Any:
        """Create a dataset."""
        message = dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_BOX_2D, **dataset)
        return await self.datasets.CreateDataset(
            dataset_pb2.CreateDatasetRequest(parent=PROJECT, dataset_id=id, dataset=message)
        )

    async def override(self, **request: Any) -> Any:
        """Override a check."""
        message = golden_set_pb2.OverrideCheckRequest(name=f"{GOLDEN_SET}/checks/1-0", **request)
        return await self.golden.OverrideCheck(message)


def texts(count: int) -> list[str]:
    """So many different texts."""
    return [f"x{number}" for number in range(count)]


def fields(count: int) -> dict[str, frame_pb2.MetadataValue]:
    """So many fields of a frame."""
    return dict.fromkeys(texts(count), VALUE)


@dataclass(frozen=True)
class Limit:
    """The n-th number of a comment, the field that an error names, and a call of such a size."""

    path: str
    field: str
    call: Callable[[Services, int], Awaitable[Any]]
    number: int = 0

    @property
    def maximum(self) -> int:
        """The number in the comment."""
        return int(read_numbers(COMMENTS[self.path])[self.number])

    @property
    def refused_sizes(self) -> list[int]:
        """One more than the maximum; and 0, where the comment says that the range begins at 1."""
        begins_at_1 = f"1…{self.maximum:,}" in COMMENTS[self.path]
        return [0, self.maximum + 1] if begins_at_1 else [self.maximum + 1]


# `n or …`: an empty value is accepted, since it stands for a default.
COMMENTS = read_comments()
LIMITS = [
    # Projects and their datasets.
    Limit("CreateProjectRequest.project_id", "project_id", lambda s, n: s.projects.CreateProject(
        project_pb2.CreateProjectRequest(project_id="x" * n))),
    Limit("Project.display_name", "project.display_name", lambda s, n: s.projects.CreateProject(
        project_pb2.CreateProjectRequest(project_id="q", project={"display_name": "x" * n}))),
    Limit("ApiKey.display_name", "api_key.display_name", lambda s, n: s.projects.CreateApiKey(
        project_pb2.CreateApiKeyRequest(
            parent=PROJECT, api_key={"display_name": "x" * n, "scopes": [project_pb2.SCOPE_LOG]}))),
    Limit("CreateDatasetRequest.dataset_id", "dataset_id",
          lambda s, n: s.create_dataset("x" * n)),
    Limit("Dataset.display_name", "dataset.display_name",
          lambda s, n: s.create_dataset(display_name="x" * n)),
    Limit("Dataset.classes", "dataset.classes", lambda s, n: s.create_dataset(
        classes=[{"id": id, "name": f"c{id}"} for id in range(n)])),
    Limit("LabelClass.id", "dataset.classes[0].id",
          lambda s, n: s.create_dataset("c", classes=[{"id": n, "name": "c"}])),
    Limit("LabelClass.name", "dataset.classes[0].name",
          lambda s, n: s.create_dataset("d2", classes=[{"name": "x" * n}])),
    # Issues and campaigns.
    Limit("Issue.display_name", "issue.display_name", lambda s, n: s.issues.CreateIssue(
        issue_pb2.CreateIssueRequest(
            parent=PROJECT, issue={"display_name": "x" * n, "dataset": DATASET}))),
    Limit("RemoveElementsRequest.elements", "elements", lambda s, n: s.issues.RemoveElements(
        issue_pb2.RemoveElementsRequest(
            issue=ISSUE, elements=[{"frame_id": id} for id in texts(n)]))),
    Limit("Campaign.display_name", "campaign.display_name", lambda s, n:
          s.campaigns.UpdateCampaign(campaign_pb2.UpdateCampaignRequest(
              campaign={"name": CAMPAIGN, "display_name": "x" * (n or 257)},
              update_mask={"paths": ["display_name"]}))),
    Limit("PurgeFramesRequest.frame_ids", "frame_ids", lambda s, n: s.campaigns.PurgeFrames(
        deletion_pb2.PurgeFramesRequest(parent=PROJECT, frame_ids=texts(n), validate_only=True))),
    # Samples.
    Limit("AcceptSamplesRequest.frame_ids", "frame_ids", lambda s, n: s.ingest.AcceptSamples(
        ingest_pb2.AcceptSamplesRequest(parent=CAMPAIGN, frame_ids=texts(n)))),
    Limit("DiscardSamplesRequest.frame_ids", "frame_ids", lambda s, n: s.ingest.DiscardSamples(
        ingest_pb2.DiscardSamplesRequest(parent=CAMPAIGN, frame_ids=texts(n)))),
    Limit("RestoreSamplesRequest.frame_ids", "frame_ids", lambda s, n: s.ingest.RestoreSamples(
        ingest_pb2.RestoreSamplesRequest(parent=CAMPAIGN, frame_ids=texts(n)))),
    Limit("DeleteSamplesRequest.frame_ids", "frame_ids", lambda s, n: s.ingest.DeleteSamples(
        ingest_pb2.DeleteSamplesRequest(parent=CAMPAIGN, frame_ids=texts(n)))),
    # Frames of datasets.
    Limit("AppendFramesRequest.frames", "frames",
          lambda s, n: s.append_frames(*map(frame, texts(n)))),
    Limit("AppendFramesRequest.embeddings", "frames[0]", lambda s, n: s.append_crops(n)),
    Limit("Embeddings.model_id", "embeddings.model_id", lambda s, n: s.append_frames(
        frame("m"), embeddings={"model_id": "m" * n, "tensor": pack(np.ones((1, 2)))})),
    Limit("DatasetFrame.group", "frames[0].group",
          lambda s, n: s.append_frames(frame("g", group="x" * (n or 257)))),
    Limit("DatasetFrame.group", "frames[64].group", lambda s, n: s.append_frames(
        *(frame(f"s{id}", group=f"slices{n}", slice_=id) for id in texts(n))), 1),
    Limit("DatasetFrame.slice", "frames[0].slice",
          lambda s, n: s.append_frames(frame("s", slice_="x" * n))),
    Limit("DatasetFrame.fields", "frames[0].fields", lambda s, n: s.append_frames(
        pb.DatasetFrame(frame={"id": "f"}, fields=fields(n)))),
    Limit("DatasetFrame.fields", "frames[0].fields key",
          lambda s, n: s.append_frames(
              pb.DatasetFrame(frame={"id": "k"}, fields={"x" * n: VALUE})), 1),
    Limit("FrameFilter.tags", "filter.tags", lambda s, n: s.list_by(tags=texts(n))),
    Limit("FrameFilter.fields", "filter.fields", lambda s, n: s.list_by(
        fields=[{"field": name} for name in texts(n)])),
    Limit("FieldCondition.field", "filter.fields[0].field",
          lambda s, n: s.list_by(fields=[{"field": "x" * n}])),
    Limit("SetStatusRequest.groups", "groups", lambda s, n: s.frames.SetStatus(
        pb.SetStatusRequest(
            dataset=DATASET, groups=texts(n), status=pb.ANNOTATION_STATUS_SELECTED))),
    Limit("TagFramesRequest.frame_ids", "frame_ids", lambda s, n: s.frames.TagFrames(
        pb.TagFramesRequest(dataset=DATASET, frame_ids=texts(n), add=["t"]))),
    Limit("TagFramesRequest.add", "add[0]", lambda s, n: s.frames.TagFrames(
        pb.TagFramesRequest(dataset=DATASET, frame_ids=["x0"], add=["x" * n]))),
    Limit("TagFramesRequest.add", "add", lambda s, n: s.frames.TagFrames(
        pb.TagFramesRequest(dataset=DATASET, frame_ids=["labels"], add=texts(n))), 1),
    Limit("TagFramesRequest.remove", "remove", lambda s, n: s.frames.TagFrames(
        pb.TagFramesRequest(dataset=DATASET, frame_ids=["x2"], remove=texts(n)))),
    Limit("SetFieldsRequest.changes", "changes", lambda s, n: s.frames.SetFields(
        pb.SetFieldsRequest(
            dataset=DATASET, changes=[{"frame_id": id, "set": fields(1)} for id in texts(n)]))),
    Limit("FindSimilarRequest.frame_ids", "frame_ids", lambda s, n: s.frames.FindSimilar(
        pb.FindSimilarRequest(dataset=DATASET, frame_ids=texts(n)))),
    Limit("FindSimilarRequest.limit", "limit", lambda s, n: s.frames.FindSimilar(
        pb.FindSimilarRequest(dataset=DATASET, frame_ids=["x0"], limit=n or -1))),
    Limit("PickElementsRequest.elements", "elements", lambda s, n: s.frames.PickElements(
        pb.PickElementsRequest(
            dataset=DATASET, issue=ISSUE, elements=[{"frame_id": id} for id in texts(n)]))),
    Limit("DeleteFramesRequest.frame_ids", "frame_ids", lambda s, n: s.frames.DeleteFrames(
        pb.DeleteFramesRequest(parent=PROJECT, frame_ids=texts(n), validate_only=True))),
    Limit("CreateViewRequest.view_id", "view_id", lambda s, n: s.frames.CreateView(
        pb.CreateViewRequest(parent=DATASET, view_id="v" * n))),
    Limit("View.display_name", "view.display_name", lambda s, n: s.frames.CreateView(
        pb.CreateViewRequest(parent=DATASET, view_id="v2", view={"display_name": "x" * n}))),
    # Rounds, batches and golden sets.
    Limit("CreateRoundRequest.round_id", "round_id", lambda s, n: s.rounds.CreateRound(
        round_pb2.CreateRoundRequest(
            parent=DATASET, round_id="r" * n, round={"metric_split": pb.SPLIT_TEST}))),
    Limit("Round.display_name", "round.display_name", lambda s, n: s.rounds.CreateRound(
        round_pb2.CreateRoundRequest(parent=DATASET, round_id="r2", round={
            "display_name": "x" * n, "metric_split": pb.SPLIT_TEST}))),
    Limit("ImportPredictionsRequest.frames", "frames", lambda s, n: s.rounds.ImportPredictions(
        round_pb2.ImportPredictionsRequest(
            round=f"{DATASET}/rounds/r2", frames=[{"frame_id": id} for id in texts(n)]))),
    Limit("CreateBatchRequest.batch_id", "batch_id", lambda s, n: s.batches.CreateBatch(
        batch_pb2.CreateBatchRequest(parent=DATASET, batch_id="b" * n))),
    Limit("Batch.failures", "batch.failures", lambda s, n: s.create_batch(
        failures=[{"round": id} for id in texts(n)])),
    Limit("Batch.Failures.weight", "batch.failures[0].weight", lambda s, n: s.create_batch(
        failures=[{"round": "none", "weight": n}]), 1),
    Limit("Batch.golden_override", "batch.golden_override",
          lambda s, n: s.create_batch(golden_override="x" * n)),
    Limit("OverrideCheckRequest.reason", "reason", lambda s, n: s.override(reason="x" * n)),
    Limit("OverrideCheckRequest.decided_by", "decided_by",
          lambda s, n: s.override(reason="x", decided_by="x" * n)),
]  # fmt: skip
