"""Datasets: what labels fit, and how they are read over gRPC."""

from __future__ import annotations

from typing import Any

import pytest

from services.peers.datasets import CampaignDatasets, Dataset
from sluice import errors
from sluice.labels import Box2D, Label, Semseg2D, TaskType
from sluice.names import DatasetName
from sluice.v1 import dataset_pb2 as pb
from sluice.v1.dataset_pb2_grpc import (
    DatasetServiceServicer,
    add_DatasetServiceServicer_to_server,
)
from sluice.v1.frame_pb2 import TASK_TYPE_BOX_2D
from tests.rpc.peers.fake_services import check_key, connect_fake

NAME = DatasetName("p", "d")


class FakeDatasetService(DatasetServiceServicer):
    """A dataset service with one dataset, which counts its requests."""

    def __init__(self) -> None:
        self.requested_names: list[str] = []

    async def GetDataset(  # noqa: D102, N802
        self, request: pb.GetDatasetRequest, context: Any
    ) -> pb.Dataset:
        check_key(context)
        self.requested_names.append(request.name)
        if request.name != str(NAME):
            raise errors.NotFound(f"name: {request.name} does not exist")
        return pb.Dataset(
            name=request.name,
            task_type=TASK_TYPE_BOX_2D,
            classes=[pb.LabelClass(id=1, name="car"), pb.LabelClass(id=2, name="tram")],
        )


async def test_a_dataset_is_read_once() -> None:
    """A dataset never changes, so it is read once; a missing one is requested again."""
    service = FakeDatasetService()  # type: ignore[abstract]  # methods that no test calls
    async with connect_fake((add_DatasetServiceServicer_to_server, service)) as peer:
        datasets = CampaignDatasets(peer)
        for _ in range(2):
            expected = Dataset(NAME, TaskType.BOX_2D, frozenset({"car", "tram"}))
            assert expected == await datasets.get(NAME)
            with pytest.raises(errors.NotFound, match="datasets/other"):
                await datasets.get(DatasetName("p", "other"))

    other = "projects/p/datasets/other"
    assert [str(NAME), other, other] == service.requested_names


def box(class_name: str) -> Label:
    """A box of that class."""
    shape = Box2D(left=0, top=0, width=1, height=1)
    return Label(id="l", class_name=class_name, shape=shape)


@pytest.mark.parametrize(
    ("task_type", "label", "mismatch"),
    [
        (TaskType.BOX_2D, box("car"), ""),
        (
            TaskType.BOX_2D,
            box("bus"),
            "label 'l': class 'bus' is not in the dataset's class map",
        ),
        (
            TaskType.BOX_2D,
            box("Car"),
            "label 'l': class 'Car' is not in the dataset's class map; did you mean 'car'?",
        ),
        (
            TaskType.CLASSIFICATION_2D,
            box("car"),
            "label 'l' is BOX_2D, the dataset's are CLASSIFICATION_2D",
        ),
        (
            TaskType.SEMSEG_2D,
            Label(id="l", class_name="", shape=Semseg2D(mask_url="file:///mask.png")),
            "",
        ),
    ],
)
def test_a_label_must_fit_the_dataset(task_type: TaskType, label: Label, mismatch: str) -> None:
    """A label has the dataset's task type and, unless it is a mask, a class of its class map."""
    assert mismatch == Dataset(NAME, task_type, frozenset({"car"})).describe_mismatch(label)
