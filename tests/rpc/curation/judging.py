"""Helpers to call the golden set and progress services over one channel."""

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
    """The golden set and progress services, with shortcuts for frequent calls."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.projects = ProjectServiceStub(channel)
        self.datasets = DatasetServiceStub(channel)
        self.golden = GoldenSetServiceStub(channel)
        self.progress = ProgressServiceStub(channel)

    async def create_dataset(
        self, dataset_id: str = "d", task_type: frame_pb2.TaskType = frame_pb2.TASK_TYPE_BOX_2D
    ) -> None:
        """Create a dataset with the classes car and tram."""
        classes = [dataset_pb2.LabelClass(id=i, name=name) for i, name in enumerate(CLASSES)]
        await self.datasets.CreateDataset(
            dataset_pb2.CreateDatasetRequest(
                parent=PROJECT,
                dataset_id=dataset_id,
                dataset=dataset_pb2.Dataset(task_type=task_type, classes=classes),
            )
        )

    async def create_project(self) -> None:
        """Create the project and its dataset."""
        await self.projects.CreateProject(project_pb2.CreateProjectRequest(project_id="p"))
        await self.create_dataset()

    async def create_golden_set(
        self, images: Iterable[pb.AnnotatedImage], golden_set_id: str = "g", **fields: Any
    ) -> pb.GoldenSet:
        """Create a golden set, sending one image per message."""
        first = pb.CreateGoldenSetRequest(
            parent=fields.pop("parent", DATASET),
            golden_set_id=golden_set_id,
            golden_set=pb.GoldenSet(**fields),
        )
        rest = (pb.CreateGoldenSetRequest(images=[image]) for image in images)
        return await self.golden.CreateGoldenSet(stream(first, *rest))

    async def check_round(
        self,
        images: Iterable[pb.AnnotatedImage],
        round_number: int = 1,
        golden_set: str = GOLDEN_SET,
        **key: str,
    ) -> pb.CheckRoundResponse:
        """Check a round, sending one image per message."""
        first = pb.CheckRoundRequest(golden_set=golden_set, key=round_key(round_number, **key))
        rest = (pb.CheckRoundRequest(images=[image]) for image in images)
        return await self.golden.CheckRound(stream(first, *rest))

    async def get_gate(self) -> pb.GoldenGate:
        """Get the gate of the dataset."""
        return await self.golden.GetGate(pb.GetGateRequest(dataset=DATASET))

    async def record_round(
        self, round_number: int, values: Sequence[float], **fields: Any
    ) -> progress_pb2.RecordRoundResponse:
        """Record a round with the samples s0, s1 and so on."""
        return await self.progress.RecordRound(record_round_request(round_number, values, **fields))


def round_key(round_number: int, **key: str) -> pb.CheckRoundRequest.Key:
    """The key of a round's check."""
    defaults = {"schema_version": "1", "annotator": "ann", "guideline_version": "2"}
    return pb.CheckRoundRequest.Key(round=round_number, **defaults | key)


def record_round_request(
    round_number: int, values: Sequence[float], **fields: Any
) -> progress_pb2.RecordRoundRequest:
    """A request to record a round."""
    return progress_pb2.RecordRoundRequest(
        dataset=fields.pop("dataset", DATASET),
        round=round_number,
        labelled_groups=fields.pop("labelled_groups", 100 * round_number),
        sample_ids=fields.pop("sample_ids", [f"s{index}" for index in range(len(values))]),
        values=values,
        **fields,
    )


def box(class_name: str, left: float = 0) -> frame_pb2.Label:
    """A square box of 20 × 20 pixels."""
    shape = frame_pb2.Box2D(left=left, top=0, width=20, height=20)
    return frame_pb2.Label(class_name=class_name, box_2d=shape)


def image(image_id: str, *class_names: str) -> pb.AnnotatedImage:
    """An image with one object per class name, without overlaps."""
    labels = [box(name, 30 * index) for index, name in enumerate(class_names)]
    return pb.AnnotatedImage(id=image_id, width=1_000, height=1_000, labels=labels)


def images(*class_names: str, count: int = IMAGES) -> list[pb.AnnotatedImage]:
    """Images i000, i001 and so on, each with these objects."""
    return [image(f"i{index:03}", *class_names) for index in range(count)]


async def stream(*messages: Any) -> AsyncIterator[Any]:
    """The messages, one after the other."""
    for message in messages:
        yield message


async def raised_error(call: Awaitable[Any]) -> SluiceError:
    """The error that a call raises."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)
