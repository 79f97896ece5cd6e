"""Datasets, read from the campaign service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from services.peers.channel import PeerChannel
from sluice.class_names import suggest_class
from sluice.labels import Label, TaskType
from sluice.names import DatasetName
from sluice.v1 import dataset_pb2 as pb
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub


@dataclass(frozen=True, slots=True)
class Dataset:
    """The task type and class names that the labels of a dataset must have."""

    name: DatasetName
    task_type: TaskType
    class_names: frozenset[str] = field(default_factory=frozenset)

    def describe_mismatch(self, label: Label) -> str:
        """Why a label does not fit the dataset, "" if it does."""
        if label.task_type != self.task_type:
            return (
                f"label {label.id!r} is {label.task_type.name}, "
                f"the dataset's are {self.task_type.name}"
            )
        # A mask has a class per pixel, so the label itself has none.
        if self.task_type != TaskType.SEMSEG_2D and label.class_name not in self.class_names:
            suggestion = suggest_class(label.class_name, self.class_names)
            question = f"; did you mean {suggestion!r}?" if suggestion else ""
            return (
                f"label {label.id!r}: class {label.class_name!r} is not in the dataset's class map"
                + question
            )
        return ""


class DatasetReader(Protocol):
    """Reads datasets."""

    async def get(self, name: DatasetName) -> Dataset:
        """Read a dataset.

        Raises errors.NotFound naming it, and errors.Unavailable while the campaign service is
        away.
        """

    async def check(self) -> None:
        """Raise errors.Unavailable until the campaign service has been healthy once."""


class CampaignDatasets:
    """`DatasetReader` over gRPC; a dataset never changes, so each is read once."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = DatasetServiceStub(peer.channel)
        self._datasets: dict[DatasetName, Dataset] = {}

    async def get(self, name: DatasetName) -> Dataset:
        """See `DatasetReader.get`."""
        dataset = self._datasets.get(name)
        if dataset is None:
            dataset = self._datasets[name] = await self._read(name)
        return dataset

    async def check(self) -> None:
        """See `DatasetReader.check`."""
        await self._peer.check_served("sluice.v1.DatasetService")

    async def _read(self, name: DatasetName) -> Dataset:
        request = pb.GetDatasetRequest(name=str(name))
        response = await self._peer.call(self._stub.GetDataset, request)
        class_names = frozenset(entry.name for entry in response.classes)
        return Dataset(name, TaskType(response.task_type), class_names)
