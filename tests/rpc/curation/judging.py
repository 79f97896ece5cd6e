"""Golden QA and progress over one channel, and shorter ways to call them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from typing import Any

import grpc
import pytest

from sluice.errors import SluiceError
from sluice.rpc_errors import from_rpc_error
from sluice.v1 import dataset_pb2, frame_pb2, progress_pb2, project_pb2
from sluice.v1 import golden_set_pb2 as pb
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub
from sluice.v1.golden_set_pb2_grpc import GoldenSetServiceStub
from sluice.v1.progress_pb2_grpc import ProgressServiceStub
from sluice.v1.project_pb2_grpc import ProjectServiceStub

PROJECT = "projects/p"
DATASET = "projects/p/datasets/d"
GOLDEN_SET = f"{DATASET}/goldenSets/g"
CLASSES = ("car", "tram")
IMAGES = 40


class Judging:
    """Both services, and what many tests do first."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.projects = ProjectServiceStub(channel)
        self.datasets = DatasetServiceStub(channel)
        self.golden = GoldenSetServiceStub(channel)
        self.progress = ProgressServiceStub(channel)

    async def dataset(
        self, dataset_id: str = "d", task_type: frame_pb2.TaskType = frame_pb2.TASK_TYPE_BOX_2D
    ) -> None:
        """A dataset of trams and cars."""
        classes = [dataset_pb2.LabelClass(id=i, name=name) for i, name in enumerate(CLASSES)]
        await self.datasets.CreateDataset(
            dataset_pb2.CreateDatasetRequest(
                parent=PROJECT,
                dataset_id=dataset_id,
                dataset=dataset_pb2.Dataset(task_type=task_type, classes=classes),
            )
        )

    async def new_project(self) -> None:
        """The project with its dataset, where there is none yet."""
        await self.projects.CreateProject(project_pb2.CreateProjectRequest(project_id="p"))
        await self.dataset()

    async def golden_set(
        self, images: Iterable[pb.AnnotatedImage], golden_set_id: str = "g", **fields: Any
    ) -> pb.GoldenSet:
        """A new golden set, its images one to a message."""
        first = pb.CreateGoldenSetRequest(
            parent=fields.pop("parent", DATASET),
            golden_set_id=golden_set_id,
            golden_set=pb.GoldenSet(**fields),
        )
        rest = (pb.CreateGoldenSetRequest(images=[image]) for image in images)
        return await self.golden.CreateGoldenSet(stream(first, *rest))

    async def check(
        self,
        images: Iterable[pb.AnnotatedImage],
        round_number: int = 1,
        golden_set: str = GOLDEN_SET,
        **key: str,
    ) -> pb.CheckRoundResponse:
        """The check of a round, its images one to a message."""
        first = pb.CheckRoundRequest(golden_set=golden_set, key=key_of(round_number, **key))
        rest = (pb.CheckRoundRequest(images=[image]) for image in images)
        return await self.golden.CheckRound(stream(first, *rest))

    async def gate(self) -> pb.GoldenGate:
        """The gate of the dataset."""
        return await self.golden.GetGate(pb.GetGateRequest(dataset=DATASET))

    async def record(
        self, round_number: int, values: Sequence[float], **fields: Any
    ) -> progress_pb2.RecordRoundResponse:
        """Record a round, of samples s0, s1 and so on."""
        return await self.progress.RecordRound(recording(round_number, values, **fields))


def key_of(round_number: int, **key: str) -> pb.CheckRoundRequest.Key:
    """The key of a round."""
    same = {"schema_version": "1", "annotator": "ann", "guideline_version": "2"}
    return pb.CheckRoundRequest.Key(round=round_number, **same | key)


def recording(
    round_number: int, values: Sequence[float], **fields: Any
) -> progress_pb2.RecordRoundRequest:
    """A request that records a round."""
    return progress_pb2.RecordRoundRequest(
        dataset=fields.pop("dataset", DATASET),
        round=round_number,
        labelled_groups=fields.pop("labelled_groups", 100 * round_number),
        sample_ids=fields.pop("sample_ids", [f"s{index}" for index in range(len(values))]),
        values=values,
        **fields,
    )


def box(class_name: str, left: float = 0) -> frame_pb2.Label:
    """A square of 20 × 20 pixels."""
    shape = frame_pb2.Box2D(left=left, top=0, width=20, height=20)
    return frame_pb2.Label(class_name=class_name, box_2d=shape)


def image(image_id: str, *class_names: str) -> pb.AnnotatedImage:
    """An image with objects that do not overlap."""
    labels = [box(name, 30 * index) for index, name in enumerate(class_names)]
    return pb.AnnotatedImage(id=image_id, width=1_000, height=1_000, labels=labels)


def images(*class_names: str, count: int = IMAGES) -> list[pb.AnnotatedImage]:
    """Images i000, i001 and so on, each with those objects."""
    return [image(f"i{index:03}", *class_names) for index in range(count)]


async def stream(*messages: Any) -> AsyncIterator[Any]:
    """Messages one after the other."""
    for message in messages:
        yield message


async def refusal(call: Awaitable[Any]) -> SluiceError:
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)
