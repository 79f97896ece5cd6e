"""FrameService over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from services.curation.context import Curation
from services.curation.datasets.append import append_frames
from services.curation.datasets.counts import count_frames
from services.curation.datasets.delete_dataset import DatasetDeletion
from services.curation.datasets.delete_frames import delete_frames
from services.curation.datasets.filters import Filter, check_filter
from services.curation.datasets.frames import get_frame, list_frames, stream_frames
from services.curation.datasets.pick_elements import pick_elements
from services.curation.datasets.search import SearchRequest, search_dataset
from services.curation.datasets.similar import SimilarityQuery, find_similar
from services.curation.datasets.split import split_groups
from services.curation.datasets.updates import (
    GroupUpdate,
    set_fields,
    tag_frames,
    update_groups,
)
from services.curation.datasets.views import get_view
from services.curation.doctor.diagnose import diagnose
from services.curation.project_purge import purge_project
from services.curation.resource_deletion import delete_resource
from services.curation.servicer import (
    filter_messages,
    frame_messages,
    zcore_messages,
)
from services.curation.servicer.common_messages import serialise
from services.curation.servicer.views import ViewMethods
from services.curation.zcore.compute import Computation
from services.doctor import messages as finding_messages
from services.peers import deletion_messages
from services.records.idempotency import IdempotentRequest
from services.records.pages import read_page
from services.server.draining import Draining
from sluice.errors import InvalidArgument
from sluice.names import (
    CampaignName,
    DatasetFrameName,
    DatasetName,
    IssueName,
    ProjectName,
    ViewName,
)
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import deletion_pb2, finding_pb2

SIMILAR_DEFAULT: Final = 100


class FrameServicer(ViewMethods):
    """The frames of datasets."""

    def __init__(self, curation: Curation, draining: Draining) -> None:
        super().__init__(curation)
        self._draining = draining
        self._zcore = Computation(curation, asyncio.Lock())

    async def AppendFrames(
        self, request: pb.AppendFramesRequest, context: Any
    ) -> pb.AppendFramesResponse:
        """Append frames."""
        name = DatasetName.parse(request.dataset, "dataset")
        counts = await append_frames(
            self._curation, name, frame_messages.read_append_request(request)
        )
        return pb.AppendFramesResponse(
            added_count=counts.added_count,
            changed_count=counts.changed_count,
            unchanged_count=counts.unchanged_count,
            kept_status_count=counts.kept_status_count,
            deleted_frame_ids=counts.deleted_ids,
        )

    async def DeleteDataset(
        self, request: pb.DeleteDatasetRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Delete a dataset."""
        deletion = DatasetDeletion(DatasetName.parse(request.name))
        counts = await delete_resource(
            self._curation, deletion, validate_only=request.validate_only
        )
        return deletion_messages.summary(counts, validate_only=request.validate_only)

    async def DeleteFrames(
        self, request: pb.DeleteFramesRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Delete frames from the whole project."""
        counts = await delete_frames(
            self._curation,
            ProjectName.parse(request.parent, "parent"),
            request.frame_ids,
            validate_only=request.validate_only,
        )
        return deletion_messages.summary(counts, validate_only=request.validate_only)

    async def PurgeProject(
        self, request: deletion_pb2.PurgeProjectRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Delete the files of a project."""
        name, validate_only = ProjectName.parse(request.name), request.validate_only
        counts = await purge_project(self._curation, name, validate_only=validate_only)
        return deletion_messages.summary(counts, validate_only=validate_only)

    async def GetFrame(self, request: pb.GetFrameRequest, context: Any) -> pb.DatasetFrame:
        """Read one frame."""
        name = DatasetFrameName.parse(request.name)
        frame = await get_frame(self._curation, name)
        return frame_messages.frame(DatasetName(name.project, name.dataset), frame)

    async def ListFrames(
        self, request: pb.ListFramesRequest, context: Any
    ) -> pb.ListFramesResponse:
        """List the frames of a dataset."""
        parent = DatasetName.parse(request.parent, "parent")
        frame_filter = await self._filter(parent, request)
        listing = request.filter.SerializeToString(deterministic=True).hex()
        page = read_page(
            request.page_size,
            request.page_token,
            "ListFrames",
            request.parent,
            listing,
            request.view,
        )
        records, token = await list_frames(self._curation, parent, frame_filter, page)
        frames = [frame_messages.frame(parent, record) for record in records]
        return pb.ListFramesResponse(frames=frames, next_page_token=token)

    async def ReadFrames(
        self, request: pb.ReadFramesRequest, context: Any
    ) -> AsyncIterator[pb.ReadFramesResponse]:
        """Read all frames that match a filter."""
        parent = DatasetName.parse(request.parent, "parent")
        frame_filter = await self._filter(parent, request)
        parts = stream_frames(
            self._curation, parent, frame_filter, with_embeddings=request.with_embeddings
        )
        async for part in self._draining.until(parts):
            yield pb.ReadFramesResponse(
                frames=[frame_messages.frame(parent, frame) for frame in part.frames],
                embeddings=part.embeddings.to_proto() if part.embeddings else None,
            )

    async def CountFrames(self, request: pb.CountFramesRequest, context: Any) -> pb.DatasetCounts:
        """Count groups and frames."""
        name = DatasetName.parse(request.dataset, "dataset")
        return frame_messages.counts(name, await count_frames(self._curation, name))

    async def SetStatus(self, request: pb.SetStatusRequest, context: Any) -> pb.SetStatusResponse:
        """Set the status of groups."""
        once = IdempotentRequest.of("SetStatus", request.request_id, serialise(request))
        name = DatasetName.parse(request.dataset, "dataset")
        status = filter_messages.read_status(request.status, "status")
        update = GroupUpdate(status, request.allow_backward)
        changed = await update_groups(self._curation, once, name, list(request.groups), update)
        return pb.SetStatusResponse(changed_count=changed.count)

    async def TagFrames(self, request: pb.TagFramesRequest, context: Any) -> pb.TagFramesResponse:
        """Add and remove tags."""
        once = IdempotentRequest.of("TagFrames", request.request_id, serialise(request))
        name = DatasetName.parse(request.dataset, "dataset")
        ids, add, remove = list(request.frame_ids), list(request.add), list(request.remove)
        changed = await tag_frames(self._curation, once, name, ids, add, remove)
        return pb.TagFramesResponse(changed_count=changed.count)

    async def SetFields(self, request: pb.SetFieldsRequest, context: Any) -> pb.SetFieldsResponse:
        """Set and remove fields."""
        once = IdempotentRequest.of("SetFields", request.request_id, serialise(request))
        name = DatasetName.parse(request.dataset, "dataset")
        changes = frame_messages.read_field_changes(request)
        changed = await set_fields(self._curation, once, name, changes)
        return pb.SetFieldsResponse(changed_count=changed.count)

    async def ComputeZcore(
        self, request: pb.ComputeZcoreRequest, context: Any
    ) -> AsyncIterator[pb.ComputeZcoreResponse]:
        """Compute and store ZCore scores."""
        name = DatasetName.parse(request.dataset, "dataset")
        computation = zcore_messages.read_request(request, await self._filter(name, request))
        events = self._zcore.compute(name, computation)
        async for progress in self._draining.until(events):
            yield zcore_messages.progress(progress)

    async def AssignSplits(self, request: pb.AssignSplitsRequest, context: Any) -> pb.DatasetCounts:
        """Assign splits to groups."""
        name = DatasetName.parse(request.dataset, "dataset")
        statuses = [filter_messages.read_status(number, "statuses") for number in request.statuses]
        shares = frame_messages.read_split_shares(request)
        await split_groups(self._curation, name, shares, seed=request.seed, statuses=statuses)
        return frame_messages.counts(name, await count_frames(self._curation, name))

    async def FindSimilar(
        self, request: pb.FindSimilarRequest, context: Any
    ) -> pb.FindSimilarResponse:
        """Find the frames most similar to given ones."""
        name = DatasetName.parse(request.dataset, "dataset")
        frame_filter = filter_messages.read_filter(request.filter, "filter")
        check_filter(frame_filter, "filter")
        other = DatasetName(name.project, request.query_dataset or name.dataset)
        limit = request.limit or SIMILAR_DEFAULT
        query = SimilarityQuery(list(dict.fromkeys(request.frame_ids)), other, limit, frame_filter)
        hits = await find_similar(self._curation, name, query)
        return pb.FindSimilarResponse(hits=[frame_messages.hit(name, hit) for hit in hits])

    async def PickElements(
        self, request: pb.PickElementsRequest, context: Any
    ) -> pb.PickElementsResponse:
        """Put frames or crops into an issue."""
        name = DatasetName.parse(request.dataset, "dataset")
        issue = IssueName.parse(request.issue, "issue")
        elements = [(element.frame_id, element.label_id) for element in request.elements]
        counts = await pick_elements(self._curation, name, issue, elements)
        return pb.PickElementsResponse(
            added_count=counts.added_count,
            replaced_count=counts.replaced_count,
            unchanged_count=counts.unchanged_count,
            element_count=counts.element_count,
        )

    async def SearchDataset(
        self, request: pb.SearchDatasetRequest, context: Any
    ) -> AsyncIterator[pb.SearchDatasetResponse]:
        """Search a dataset with the active campaigns."""
        name = DatasetName.parse(request.dataset, "dataset")
        campaigns = [CampaignName.parse(campaign, "campaigns") for campaign in request.campaigns]
        threshold = request.threshold_override if request.HasField("threshold_override") else None
        search = SearchRequest(request.search_id, campaigns, threshold)
        events = search_dataset(self._curation, name, search)
        async for progress in self._draining.until(events):
            yield frame_messages.search_progress(progress)

    async def DiagnoseProject(
        self, request: finding_pb2.DiagnoseProjectRequest, context: Any
    ) -> AsyncIterator[finding_pb2.DiagnoseProjectResponse]:
        """Examine all records of a project's datasets, and repair them if asked."""
        events = diagnose(self._curation, ProjectName.parse(request.name), repair=request.repair)
        async for event in self._draining.until(events):
            yield finding_messages.response(event)

    async def _filter(
        self,
        parent: DatasetName,
        request: pb.ListFramesRequest | pb.ReadFramesRequest | pb.ComputeZcoreRequest,
    ) -> Filter:
        """The filter of a request, or of the view that it names."""
        if not request.view:
            frame_filter = filter_messages.read_filter(request.filter, "filter")
            check_filter(frame_filter, "filter")
            return frame_filter
        if request.HasField("filter"):
            raise InvalidArgument.of("view", f"{request.view!r}: set either view or filter")
        view = ViewName(parent.project, parent.dataset, request.view)
        return (await get_view(self._curation, view)).filter
