"""BatchService over gRPC."""

from __future__ import annotations

import asyncio
from typing import Any

from services.curation.batches.create import Creation
from services.curation.batches.delete_batch import BatchDeletion
from services.curation.batches.read import get_batch, list_batches, list_picks
from services.curation.batches.records import dataset_of
from services.curation.context import Curation
from services.curation.resource_deletion import delete_resource
from services.curation.servicer import batch_messages as messages
from services.peers import deletion_messages
from services.records.pages import read_page
from sluice.names import BatchName, DatasetName
from sluice.v1 import batch_pb2 as pb
from sluice.v1 import deletion_pb2
from sluice.v1.batch_pb2_grpc import BatchServiceServicer


class BatchServicer(BatchServiceServicer):
    """The batches of datasets."""

    def __init__(self, curation: Curation) -> None:
        self._curation = curation
        self._creation = Creation(curation, asyncio.Lock())

    async def CreateBatch(self, request: pb.CreateBatchRequest, context: Any) -> pb.Batch:
        """Choose a batch."""
        parent = DatasetName.parse(request.parent, "parent")
        name = BatchName(parent.project, parent.dataset, request.batch_id)
        batch = await self._creation.create_batch(name, messages.read_spec(request.batch))
        return messages.batch(parent, batch)

    async def GetBatch(self, request: pb.GetBatchRequest, context: Any) -> pb.Batch:
        """Read one batch."""
        name = BatchName.parse(request.name)
        return messages.batch(dataset_of(name), await get_batch(self._curation, name))

    async def ListBatches(
        self, request: pb.ListBatchesRequest, context: Any
    ) -> pb.ListBatchesResponse:
        """List the batches of a dataset."""
        parent = DatasetName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListBatches", request.parent)
        records, token = await list_batches(self._curation, parent, page)
        batches = [messages.batch(parent, record) for record in records]
        return pb.ListBatchesResponse(batches=batches, next_page_token=token)

    async def ListPicks(self, request: pb.ListPicksRequest, context: Any) -> pb.ListPicksResponse:
        """List the picks of a batch."""
        parent = BatchName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListPicks", request.parent)
        records, token = await list_picks(self._curation, parent, page)
        return pb.ListPicksResponse(picks=map(messages.pick, records), next_page_token=token)

    async def DeleteBatch(
        self, request: pb.DeleteBatchRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Delete it, or say what would be deleted."""
        deletion = BatchDeletion(BatchName.parse(request.name))
        counts = await delete_resource(
            self._curation, deletion, validate_only=request.validate_only
        )
        return deletion_messages.summary(counts, validate_only=request.validate_only)
