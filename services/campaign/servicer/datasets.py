"""DatasetService over gRPC."""

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty

from services.campaign.dataset_deletion import remove_dataset
from services.campaign.datasets import create_dataset, get_dataset, list_datasets
from services.campaign.records import LabelClassRecord
from services.campaign.servicer import messages
from services.records.idempotency import IdempotentRequest
from services.records.pages import read_page
from services.records.stores import Stores
from sluice.errors import InvalidArgument
from sluice.labels import TaskType
from sluice.names import DatasetName, ProjectName
from sluice.v1 import dataset_pb2 as pb
from sluice.v1.dataset_pb2_grpc import DatasetServiceServicer


class DatasetServicer(DatasetServiceServicer):
    """Datasets with their class maps."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def CreateDataset(self, request: pb.CreateDatasetRequest, context: Any) -> pb.Dataset:
        """Create a dataset."""
        parent = ProjectName.parse(request.parent, "parent")
        dataset = await create_dataset(
            self._stores,
            IdempotentRequest.of("CreateDataset", request.request_id, messages.serialise(request)),
            DatasetName(parent.project, request.dataset_id),
            request.dataset.display_name,
            _parse_task_type(request.dataset.task_type),
            [
                LabelClassRecord(id=c.id, name=c.name, colour=c.colour)
                for c in request.dataset.classes
            ],
        )
        return messages.dataset(parent.project, dataset)

    async def GetDataset(self, request: pb.GetDatasetRequest, context: Any) -> pb.Dataset:
        """Read one dataset."""
        name = DatasetName.parse(request.name)
        return messages.dataset(name.project, await get_dataset(self._stores, name))

    async def ListDatasets(
        self, request: pb.ListDatasetsRequest, context: Any
    ) -> pb.ListDatasetsResponse:
        """List the datasets of a project."""
        parent = ProjectName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListDatasets", request.parent)
        datasets, token = await list_datasets(self._stores, parent, page)
        return pb.ListDatasetsResponse(
            datasets=[messages.dataset(parent.project, record) for record in datasets],
            next_page_token=token,
        )

    async def RemoveDataset(self, request: pb.RemoveDatasetRequest, context: Any) -> Empty:
        """Remove a dataset, or check that this is possible."""
        name = DatasetName.parse(request.name)
        await remove_dataset(self._stores, name, validate_only=request.validate_only)
        return Empty()


def _parse_task_type(number: int) -> TaskType:
    try:
        return TaskType(number)
    except ValueError as cause:
        accepted = ", ".join(f"TASK_TYPE_{task_type.name}" for task_type in TaskType)
        problem = f"{number} is not one of {accepted}"
        raise InvalidArgument.of("dataset.task_type", problem) from cause
