"""DatasetService over gRPC."""

from __future__ import annotations

import grpc
import pytest

from sluice import errors
from sluice.v1 import dataset_pb2, frame_pb2
from tests.rpc.campaign.api import DATASET, PROJECT, ApiClient, catch_error


async def test_a_dataset_is_made_and_read(api: ApiClient) -> None:
    """A dataset comes back as it was made: task type, classes, colours."""
    classes = [
        dataset_pb2.LabelClass(id=3, name="road", colour="#00ff7f"),
        dataset_pb2.LabelClass(id=0, name="sky"),
    ]
    dataset = dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_SEMSEG_2D, classes=classes)

    created = await api.datasets.CreateDataset(
        dataset_pb2.CreateDatasetRequest(parent=PROJECT, dataset_id="masks", dataset=dataset)
    )
    read = await api.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name=created.name))
    listed = await api.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(parent=PROJECT))

    assert ("projects/p/datasets/masks", "masks") == (created.name, created.display_name)
    assert (frame_pb2.TASK_TYPE_SEMSEG_2D, classes) == (created.task_type, list(created.classes))
    assert created == read
    assert [DATASET, created.name] == [dataset.name for dataset in listed.datasets]


@pytest.mark.parametrize("task_type", [frame_pb2.TASK_TYPE_UNSPECIFIED, 99])
async def test_a_dataset_needs_a_task_type(api: ApiClient, task_type: frame_pb2.TaskType) -> None:
    """A dataset without a task type that exists is refused, and the accepted ones are named."""
    error = await catch_error(
        api.datasets.CreateDataset(
            dataset_pb2.CreateDatasetRequest(
                parent=PROJECT, dataset_id="e", dataset=dataset_pb2.Dataset(task_type=task_type)
            )
        )
    )

    assert isinstance(error, errors.InvalidArgument)
    assert "dataset.task_type" == error.fields[0].field
    assert "TASK_TYPE_BOX_2D" in error.message


async def test_names_are_read_strictly(admin: grpc.aio.Channel, api: ApiClient) -> None:
    """A name of another form is refused with the form that would be accepted."""
    error = await catch_error(
        api.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name="projects/p/issues/d"))
    )

    assert "projects/{project}/datasets/{dataset}" in error.message
