"""The curation service's APIs over one channel, and shorter ways to call them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from sluice.errors import SluiceError
from sluice.rpc_errors import from_rpc_error
from sluice.tensors import Embeddings
from sluice.v1 import campaign_pb2, dataset_frame_pb2, dataset_pb2, frame_pb2, issue_pb2, round_pb2
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1.batch_pb2_grpc import BatchServiceStub
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceStub
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub
from sluice.v1.issue_pb2_grpc import IssueServiceStub
from sluice.v1.progress_pb2_grpc import ProgressServiceStub
from sluice.v1.round_pb2_grpc import RoundServiceStub

PROJECT = "projects/p"
DATASET = "projects/p/datasets/d"
MODEL = "m"
DIMENSION = 8


class Api:
    """The services that datasets go through, and what many tests do first."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.frames = FrameServiceStub(channel)
        self.rounds = RoundServiceStub(channel)
        self.progress = ProgressServiceStub(channel)
        self.batches = BatchServiceStub(channel)
        self.datasets = DatasetServiceStub(channel)
        self.issues = IssueServiceStub(channel)
        self.campaigns = CampaignServiceStub(channel)
        self.ingest = IngestServiceStub(channel)

    async def dataset(
        self, id: str = "d", task: frame_pb2.TaskType = frame_pb2.TASK_TYPE_BOX_2D
    ) -> str:
        """A dataset of cars and trams, boxes if nothing else is said."""
        classes = [
            dataset_pb2.LabelClass(id=0, name="car"),
            dataset_pb2.LabelClass(id=1, name="tram"),
        ]
        response = await self.datasets.CreateDataset(
            dataset_pb2.CreateDatasetRequest(
                parent=PROJECT,
                dataset_id=id,
                dataset=dataset_pb2.Dataset(task_type=task, classes=classes),
            )
        )
        return response.name

    async def append(
        self,
        *frames: str | dataset_frame_pb2.DatasetFrame,
        dataset: str = DATASET,
        seed: int = 0,
        **request: Any,
    ) -> tuple[int, int, int]:
        """Append frames with embeddings that follow from their ids; how many were new, …."""
        messages = [item if not isinstance(item, str) else frame(item) for item in frames]
        rows = vectors([item.frame.id for item in messages], seed)
        message = dataset_frame_pb2.AppendFramesRequest(
            dataset=dataset,
            frames=messages,
            embeddings=Embeddings.of_frames(MODEL, rows).to_proto(),
        )
        message.MergeFrom(dataset_frame_pb2.AppendFramesRequest(**request))
        response = await self.frames.AppendFrames(message)
        return response.added_count, response.changed_count, response.unchanged_count

    async def get(self, frame_id: str) -> dataset_frame_pb2.DatasetFrame:
        """A frame of the dataset."""
        request = dataset_frame_pb2.GetFrameRequest(name=f"{DATASET}/frames/{frame_id}")
        return await self.frames.GetFrame(request)

    async def list(self, **request: Any) -> list[str]:
        """The ids of all frames that pass, whatever pages they come in."""
        result: list[str] = []
        token = ""
        while True:
            message = dataset_frame_pb2.ListFramesRequest(
                parent=DATASET, page_token=token, **request
            )
            page = await self.frames.ListFrames(message)
            result += [item.frame.id for item in page.frames]
            token = page.next_page_token
            if not token:
                return result

    async def counts(self, *names: str) -> tuple[int, ...]:
        """Some counts of the dataset."""
        request = dataset_frame_pb2.CountFramesRequest(dataset=DATASET)
        result = await self.frames.CountFrames(request)
        return tuple(getattr(result, name) for name in names)

    async def issue(self) -> str:
        """The name of a new issue of the dataset."""
        message = issue_pb2.Issue(display_name="night", dataset=DATASET)
        request = issue_pb2.CreateIssueRequest(parent=PROJECT, issue=message)
        return (await self.issues.CreateIssue(request)).name

    async def pick(self, issue: str, *frame_ids: str) -> dataset_frame_pb2.PickElementsResponse:
        """Put frames into an issue."""
        elements = [issue_pb2.ElementKey(frame_id=frame_id) for frame_id in frame_ids]
        return await self.frames.PickElements(
            dataset_frame_pb2.PickElementsRequest(dataset=DATASET, issue=issue, elements=elements)
        )

    async def campaign(self, *frame_ids: str) -> str:
        """A campaign of an issue with those frames."""
        issue = await self.issue()
        await self.pick(issue, *frame_ids)
        request = campaign_pb2.CreateCampaignRequest(
            parent=PROJECT, campaign=campaign_pb2.Campaign(issue=issue)
        )
        return (await self.campaigns.CreateCampaign(request)).name

    async def search(
        self, search_id: str = "", **request: Any
    ) -> AsyncIterator[dataset_frame_pb2.SearchDatasetResponse]:
        """Search the dataset."""
        message = dataset_frame_pb2.SearchDatasetRequest(
            dataset=DATASET, search_id=search_id or str(uuid4()), **request
        )
        async for response in self.frames.SearchDataset(message):
            yield response

    async def round(self, id: str, metric_split: dataset_frame_pb2.Split) -> str:
        """A round of the dataset."""
        request = round_pb2.CreateRoundRequest(
            parent=DATASET, round_id=id, round=round_pb2.Round(metric_split=metric_split)
        )
        return (await self.rounds.CreateRound(request)).name

    async def predict(
        self, round_: str, predicted: Mapping[str, Sequence[round_pb2.PredictedFrame.Prediction]]
    ) -> tuple[int, int, int]:
        """Import predictions by frame id; how many were new, replaced, the same."""
        frames = [
            round_pb2.PredictedFrame(frame_id=id, predictions=item)
            for id, item in predicted.items()
        ]
        response = await self.rounds.ImportPredictions(
            round_pb2.ImportPredictionsRequest(round=round_, frames=frames)
        )
        return response.added_count, response.replaced_count, response.unchanged_count

    async def mine(self, round_: str, split: dataset_frame_pb2.Split) -> round_pb2.Round:
        """Mine the failures of a split."""
        request = round_pb2.MineFailuresRequest(round=round_, split=split)
        return await self.rounds.MineFailures(request)


def frame(
    id: str, *labels: frame_pb2.Label, group: str = "", slice_: str = "", **fields: Any
) -> dataset_frame_pb2.DatasetFrame:
    """A frame with labels, in a group; fields are texts, numbers or flags."""
    kinds = {str: "text", int: "integer", float: "number", bool: "flag"}
    values = {
        name: frame_pb2.MetadataValue(**{kinds[type(value)]: value})
        for name, value in fields.items()
    }
    return dataset_frame_pb2.DatasetFrame(
        frame=frame_pb2.Frame(id=id, labels=labels), group=group, slice=slice_, fields=values
    )


def box(id: str, class_name: str = "car", left: float = 0, size: float = 10) -> frame_pb2.Label:
    """A square box at a place of its own."""
    shape = frame_pb2.Box2D(left=left, top=0, width=size, height=size)
    return frame_pb2.Label(id=id, class_name=class_name, box_2d=shape)


def prediction(
    class_name: str = "car", left: float = 0, score: float = 0.9
) -> round_pb2.PredictedFrame.Prediction:
    """A predicted box."""
    label = box(f"{class_name}-{left}", class_name, left)
    return round_pb2.PredictedFrame.Prediction(label=label, score=score)


def vectors(ids: Iterable[str], seed: int = 0) -> NDArray[np.float32]:
    """A vector for each id, always the same: those with one first letter are near each other."""
    rows = []
    for id in ids:
        centre = np.random.default_rng([*id[:1].encode()]).normal(size=DIMENSION)
        noise = np.random.default_rng([seed, *id.encode()]).normal(size=DIMENSION)
        rows.append(4 * centre / np.linalg.norm(centre) + 0.3 * noise)
    return np.array(rows, np.float32)


async def refusal(call: Awaitable[Any]) -> SluiceError:
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)


def moving(*groups: str, status: pb.AnnotationStatus, **request: object) -> pb.SetStatusRequest:
    """A request that gives groups a status."""
    message = pb.SetStatusRequest(dataset=DATASET, groups=groups, status=status)
    message.MergeFrom(pb.SetStatusRequest(**request))  # type: ignore[arg-type]
    return message


def tagging(*frame_ids: str, **request: object) -> pb.TagFramesRequest:
    """A request that tags frames."""
    message = pb.TagFramesRequest(dataset=DATASET, frame_ids=frame_ids)
    message.MergeFrom(pb.TagFramesRequest(**request))  # type: ignore[arg-type]
    return message


CARS = [f"c{number}" for number in range(8)]


TRAMS = [f"t{number}" for number in range(8)]
