"""Removing the records of deleted datasets from the campaign service."""

from __future__ import annotations

from typing import Protocol

from services.peers.channel import PeerChannel
from sluice.names import DatasetName
from sluice.v1 import dataset_pb2 as pb
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub


class DatasetRemovals(Protocol):
    """Removes datasets."""

    async def remove(self, name: DatasetName, *, validate_only: bool) -> None:
        """Remove a dataset, or only check that this is possible; can be repeated.

        Raises errors.NotFound, errors.FailedPrecondition naming issues of the dataset, and
        errors.Unavailable while the campaign service is away.
        """


class CampaignDatasetRemovals:
    """`DatasetRemovals` over gRPC."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = DatasetServiceStub(peer.channel)

    async def remove(self, name: DatasetName, *, validate_only: bool) -> None:
        """See `DatasetRemovals.remove`."""
        request = pb.RemoveDatasetRequest(name=str(name), validate_only=validate_only)
        await self._peer.call(self._stub.RemoveDataset, request, wait_for_ready=False)
