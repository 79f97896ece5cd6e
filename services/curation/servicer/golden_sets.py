"""GoldenSetService over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from services.curation.context import Curation
from services.curation.golden.delete_golden_set import GoldenSetDeletion
from services.curation.golden.gate import read_gate
from services.curation.golden.golden_checks import add_check, get_check, list_checks, override_check
from services.curation.golden.golden_sets import create_golden_set, get_golden_set, list_golden_sets
from services.curation.golden.history import HistoryKey
from services.curation.resource_deletion import delete_resource
from services.curation.servicer import golden_messages as messages
from services.curation.servicer.annotated_images import read_annotations
from services.peers import deletion_messages
from services.records.pages import read_page
from services.server.auth import current_caller
from sluice.names import DatasetName, GoldenCheckName, GoldenSetName
from sluice.v1 import deletion_pb2
from sluice.v1 import golden_set_pb2 as pb
from sluice.v1.golden_set_pb2_grpc import GoldenSetServiceServicer


class GoldenSetServicer(GoldenSetServiceServicer):
    """Golden sets, the history of their checks, and the gate of a dataset."""

    def __init__(self, curation: Curation) -> None:
        self._curation = curation
        self._stores = curation.stores
        self._datasets = curation.others.datasets

    async def CreateGoldenSet(
        self, requests: AsyncIterator[pb.CreateGoldenSetRequest], context: Any
    ) -> pb.GoldenSet:
        """Create a golden set from a stream of its images."""
        first = await anext(requests, pb.CreateGoldenSetRequest())
        parent = DatasetName.parse(first.parent, "parent")
        record = await create_golden_set(
            self._stores,
            self._datasets,
            GoldenSetName(parent.project, parent.dataset, first.golden_set_id),
            first.golden_set.display_name,
            messages.read_limits(first.golden_set.limits),
            await read_annotations(first, requests),
        )
        return messages.golden_set(parent, record)

    async def GetGoldenSet(self, request: pb.GetGoldenSetRequest, context: Any) -> pb.GoldenSet:
        """Read one golden set."""
        name = GoldenSetName.parse(request.name)
        records = await get_golden_set(self._stores, name)
        return messages.golden_set(DatasetName(name.project, name.dataset), records)

    async def ListGoldenSets(
        self, request: pb.ListGoldenSetsRequest, context: Any
    ) -> pb.ListGoldenSetsResponse:
        """List the golden sets of a dataset."""
        parent = DatasetName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListGoldenSets", request.parent)
        records, token = await list_golden_sets(self._stores, self._datasets, parent, page)
        return pb.ListGoldenSetsResponse(
            golden_sets=[messages.golden_set(parent, record) for record in records],
            next_page_token=token,
        )

    async def CheckRound(
        self, requests: AsyncIterator[pb.CheckRoundRequest], context: Any
    ) -> pb.CheckRoundResponse:
        """Compare a round with a golden set, from a stream of its images."""
        first = await anext(requests, pb.CheckRoundRequest())
        name = GoldenSetName.parse(first.golden_set, "golden_set")
        annotations = await read_annotations(first, requests)
        result = await add_check(self._stores, name, _key(first.key), annotations)
        return pb.CheckRoundResponse(
            check=messages.check(name, result.record, result.details), added=result.added
        )

    async def GetCheck(self, request: pb.GetCheckRequest, context: Any) -> pb.GoldenCheck:
        """Read one check with its details."""
        name = GoldenCheckName.parse(request.name)
        return messages.check(messages.golden_set_of(name), *await get_check(self._stores, name))

    async def ListChecks(
        self, request: pb.ListChecksRequest, context: Any
    ) -> pb.ListChecksResponse:
        """List the checks of a golden set by round."""
        parent = GoldenSetName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListChecks", request.parent)
        records, token = await list_checks(self._stores, parent, page)
        return pb.ListChecksResponse(
            checks=[messages.check(parent, record) for record in records], next_page_token=token
        )

    async def OverrideCheck(self, request: pb.OverrideCheckRequest, context: Any) -> pb.GoldenCheck:
        """Unblock a dataset despite a failed check."""
        name = GoldenCheckName.parse(request.name)
        key_id = current_caller().key_id
        result = await override_check(
            self._stores, name, request.reason, request.decided_by, key_id
        )
        return messages.check(messages.golden_set_of(name), *result)

    async def GetGate(self, request: pb.GetGateRequest, context: Any) -> pb.GoldenGate:
        """Say whether the next batch of a dataset is blocked."""
        name = DatasetName.parse(request.dataset, "dataset")
        await self._datasets.get(name)
        return messages.gate(name, await read_gate(self._stores, name))

    async def DeleteGoldenSet(
        self, request: pb.DeleteGoldenSetRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Delete it, or say what would be deleted."""
        deletion = GoldenSetDeletion(GoldenSetName.parse(request.name))
        counts = await delete_resource(
            self._curation, deletion, validate_only=request.validate_only
        )
        return deletion_messages.summary(counts, validate_only=request.validate_only)


def _key(message: pb.CheckRoundRequest.Key) -> HistoryKey:
    return HistoryKey(
        round=message.round,
        schema_version=message.schema_version,
        annotator=message.annotator,
        guideline_version=message.guideline_version,
    )
