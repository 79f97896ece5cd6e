"""DatasetReader as the services other than campaign, which keeps them, know them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sluice.errors import SluiceError, Unavailable
from sluice.labels import Label, TaskType
from sluice.names import DatasetName
from sluice.rpc_errors import from_rpc_error
from sluice.v1 import dataset_pb2 as pb
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub

PATIENCE_S: Final = 5.0
"""How long the campaign service may take for an answer."""

_SERVICE: Final = "sluice.v1.DatasetService"
_TRANSIENT: Final = {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the labels of a dataset may be."""

    name: DatasetName
    task_type: TaskType
    class_names: frozenset[str] = field(default_factory=frozenset)

    def problem(self, label: Label) -> str:
        """Why a label is none of the dataset's, "" for one that is."""
        if label.task_type != self.task_type:
            return (
                f"label {label.id!r} is {label.task_type.name}, "
                f"the dataset's are {self.task_type.name}"
            )
        # A mask has a class for each pixel, and none of its own.
        if self.task_type != TaskType.SEMSEG_2D and label.class_name not in self.class_names:
            return f"label {label.id!r} is of class {label.class_name!r}, which the dataset has not"
        return ""


class DatasetReader(Protocol):
    """Where datasets are read."""

    async def get(self, name: DatasetName) -> Dataset:
        """A dataset.

        Raises errors.NotFound naming it, and errors.Unavailable while it cannot be read.
        """

    async def check(self) -> None:
        """Raise errors.Unavailable until the campaign service has answered once."""


class CampaignDatasets:
    """`DatasetReader` over gRPC; a dataset never changes, so each is asked for once."""

    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._stub = DatasetServiceStub(channel)
        self._health: Any = health_pb2_grpc.HealthStub(channel)
        self._metadata = metadata
        self._known: dict[DatasetName, Dataset] = {}
        self._answered = False

    async def get(self, name: DatasetName) -> Dataset:
        """See `DatasetReader.get`."""
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = await self._read(name)
        return found

    async def check(self) -> None:
        """See `DatasetReader.check`."""
        if self._answered:
            return
        request = health_pb2.HealthCheckRequest(service=_SERVICE)
        try:
            answer = await self._health.Check(request, timeout=PATIENCE_S)
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"the campaign service: {error.details()}") from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise Unavailable("the campaign service cannot work yet")
        self._answered = True

    async def _read(self, name: DatasetName) -> Dataset:
        try:
            found = await self._stub.GetDataset(
                pb.GetDatasetRequest(name=str(name)),
                metadata=self._metadata,
                timeout=PATIENCE_S,
                wait_for_ready=True,
            )
        except grpc.aio.AioRpcError as error:
            raise translated(error) from error
        names = frozenset(known.name for known in found.classes)
        return Dataset(name, TaskType(found.task_type), names)


def translated(error: grpc.aio.AioRpcError) -> SluiceError:
    """What a call of the campaign service failed with."""
    if error.code() in _TRANSIENT:
        return Unavailable(f"the campaign service: {error.details()}", retry_after_s=1)
    return from_rpc_error(error)
