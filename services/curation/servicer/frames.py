"""FrameService over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from services.curation.context import Curation
from services.curation.datasets.append import append_frames
from services.curation.datasets.counts import count_frames
from services.curation.datasets.filters import Filter, check_filter
from services.curation.datasets.frames import get_frame, list_frames, stream_frames
from services.curation.datasets.new_frames import AppendRequest, FrameToAppend
from services.curation.datasets.pick_elements import pick_elements
from services.curation.datasets.search import SearchProgress, SearchRequest, search_dataset
from services.curation.datasets.similar import SimilarityQuery, find_similar
from services.curation.datasets.split import split_groups
from services.curation.datasets.stratification import Shares
from services.curation.datasets.updates import (
    FieldChange,
    GroupUpdate,
    set_fields,
    tag_frames,
    update_groups,
)
from services.curation.datasets.views import get_view
from services.curation.doctor.diagnose import diagnose
from services.curation.records import Split, Status
from services.curation.servicer import messages, zcore_messages
from services.curation.servicer.views import ViewMethods
from services.curation.zcore.compute import Computation
from services.doctor import messages as finding_messages
from services.records.idempotency import IdempotentRequest
from services.records.pages import read_page
from services.server.draining import Draining
from sluice.errors import InvalidArgument
from sluice.frames import Frame, metadata_from_proto
from sluice.names import (
    CampaignName,
    DatasetFrameName,
    DatasetName,
    IssueName,
    ProjectName,
    ViewName,
)
from sluice.tensors import Embeddings
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import finding_pb2

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
        made = await append_frames(self._curation, name, _new_frames(request))
        return pb.AppendFramesResponse(
            added_count=made.added_count,
            replaced_count=made.replaced_count,
            unchanged_count=made.unchanged_count,
        )

    async def GetFrame(self, request: pb.GetFrameRequest, context: Any) -> pb.DatasetFrame:
        """Read one frame."""
        name = DatasetFrameName.parse(request.name)
        found = await get_frame(self._curation, name)
        return messages.frame(DatasetName(name.project, name.dataset), found)

    async def ListFrames(
        self, request: pb.ListFramesRequest, context: Any
    ) -> pb.ListFramesResponse:
        """List the frames of a dataset."""
        parent = DatasetName.parse(request.parent, "parent")
        wanted = await self._filter(parent, request)
        listing = request.filter.SerializeToString(deterministic=True).hex()
        page = read_page(
            request.page_size,
            request.page_token,
            "ListFrames",
            request.parent,
            listing,
            request.view,
        )
        found, token = await list_frames(self._curation, parent, wanted, page)
        frames = [messages.frame(parent, each) for each in found]
        return pb.ListFramesResponse(frames=frames, next_page_token=token)

    async def ReadFrames(
        self, request: pb.ReadFramesRequest, context: Any
    ) -> AsyncIterator[pb.ReadFramesResponse]:
        """Read all frames that pass."""
        parent = DatasetName.parse(request.parent, "parent")
        wanted = await self._filter(parent, request)
        parts = stream_frames(
            self._curation, parent, wanted, with_embeddings=request.with_embeddings
        )
        async for part in self._draining.until(parts):
            yield pb.ReadFramesResponse(
                frames=[messages.frame(parent, each) for each in part.frames],
                embeddings=part.embeddings.to_proto() if part.embeddings else None,
            )

    async def CountFrames(self, request: pb.CountFramesRequest, context: Any) -> pb.DatasetCounts:
        """Count groups and frames."""
        name = DatasetName.parse(request.dataset, "dataset")
        return messages.counts(name, await count_frames(self._curation, name))

    async def SetStatus(self, request: pb.SetStatusRequest, context: Any) -> pb.SetStatusResponse:
        """Move groups on to a status."""
        once = IdempotentRequest.of("SetStatus", request.request_id, messages.asked(request))
        name = DatasetName.parse(request.dataset, "dataset")
        marks = GroupUpdate(messages.read_status(request.status, "status"), request.allow_backward)
        changed = await update_groups(self._curation, once, name, list(request.groups), marks)
        return pb.SetStatusResponse(changed_count=changed.count)

    async def TagFrames(self, request: pb.TagFramesRequest, context: Any) -> pb.TagFramesResponse:
        """Add and remove tags."""
        once = IdempotentRequest.of("TagFrames", request.request_id, messages.asked(request))
        name = DatasetName.parse(request.dataset, "dataset")
        ids, add, remove = list(request.frame_ids), list(request.add), list(request.remove)
        changed = await tag_frames(self._curation, once, name, ids, add, remove)
        return pb.TagFramesResponse(changed_count=changed.count)

    async def SetFields(self, request: pb.SetFieldsRequest, context: Any) -> pb.SetFieldsResponse:
        """Set and remove fields."""
        once = IdempotentRequest.of("SetFields", request.request_id, messages.asked(request))
        name = DatasetName.parse(request.dataset, "dataset")
        changed = await set_fields(self._curation, once, name, _changes(request))
        return pb.SetFieldsResponse(changed_count=changed.count)

    async def ComputeZcore(
        self, request: pb.ComputeZcoreRequest, context: Any
    ) -> AsyncIterator[pb.ComputeZcoreResponse]:
        """Compute and store ZCore scores."""
        name = DatasetName.parse(request.dataset, "dataset")
        wanted = zcore_messages.read_wanted(request, await self._filter(name, request))
        progress = self._zcore.compute(name, wanted)
        async for each in self._draining.until(progress):
            yield zcore_messages.progress(each)

    async def AssignSplits(self, request: pb.AssignSplitsRequest, context: Any) -> pb.DatasetCounts:
        """Give groups their splits."""
        name = DatasetName.parse(request.dataset, "dataset")
        statuses = _statuses(request)
        shares = _shares(request)
        await split_groups(self._curation, name, shares, seed=request.seed, statuses=statuses)
        return messages.counts(name, await count_frames(self._curation, name))

    async def FindSimilar(
        self, request: pb.FindSimilarRequest, context: Any
    ) -> pb.FindSimilarResponse:
        """Find the frames most similar to given ones."""
        name = DatasetName.parse(request.dataset, "dataset")
        wanted = messages.read_filter(request.filter, "filter")
        check_filter(wanted, "filter")
        other = DatasetName(name.project, request.query_dataset or name.dataset)
        limit = request.limit or SIMILAR_DEFAULT
        asked = SimilarityQuery(list(dict.fromkeys(request.frame_ids)), other, limit, wanted)
        return pb.FindSimilarResponse(
            hits=[
                pb.FindSimilarResponse.Hit(
                    frame=messages.frame(name, hit.frame),
                    similarity=hit.similarity,
                    label_id=hit.label_id,
                    similar_to=hit.similar_to,
                )
                for hit in await find_similar(self._curation, name, asked)
            ]
        )

    async def PickElements(
        self, request: pb.PickElementsRequest, context: Any
    ) -> pb.PickElementsResponse:
        """Put frames or crops into an issue."""
        name = DatasetName.parse(request.dataset, "dataset")
        issue = IssueName.parse(request.issue, "issue")
        wanted = [(element.frame_id, element.label_id) for element in request.elements]
        picked = await pick_elements(self._curation, name, issue, wanted)
        return pb.PickElementsResponse(
            added_count=picked.added_count,
            replaced_count=picked.replaced_count,
            unchanged_count=picked.unchanged_count,
            element_count=picked.element_count,
        )

    async def SearchDataset(
        self, request: pb.SearchDatasetRequest, context: Any
    ) -> AsyncIterator[pb.SearchDatasetResponse]:
        """Search a dataset with the active campaigns."""
        name = DatasetName.parse(request.dataset, "dataset")
        campaigns = [CampaignName.parse(each, "campaigns") for each in request.campaigns]
        threshold = request.threshold_override if request.HasField("threshold_override") else None
        wanted = SearchRequest(request.search_id, campaigns, threshold)
        progress = search_dataset(self._curation, name, wanted)
        async for each in self._draining.until(progress):
            yield _progress(each)

    async def DiagnoseProject(
        self, request: finding_pb2.DiagnoseProjectRequest, context: Any
    ) -> AsyncIterator[finding_pb2.DiagnoseProjectResponse]:
        """Compare all that is kept of the datasets of a project, and mend it."""
        events = diagnose(self._curation, ProjectName.parse(request.name), repair=request.repair)
        async for event in self._draining.until(events):
            yield finding_messages.response(event)

    async def _filter(
        self,
        parent: DatasetName,
        request: pb.ListFramesRequest | pb.ReadFramesRequest | pb.ComputeZcoreRequest,
    ) -> Filter:
        """The filter that a request gives, or names."""
        if not request.view:
            wanted = messages.read_filter(request.filter, "filter")
            check_filter(wanted, "filter")
            return wanted
        if request.HasField("filter"):
            raise InvalidArgument.of("view", f"{request.view!r} is given beside a filter")
        view = ViewName(parent.project, parent.dataset, request.view)
        return (await get_view(self._curation, view)).filter


def _new_frames(request: pb.AppendFramesRequest) -> AppendRequest:
    frames = [
        FrameToAppend(
            Frame.from_proto(each.frame, f"frames[{index}].frame"),
            each.group,
            each.slice,
            metadata_from_proto(each.fields, f"frames[{index}].fields"),
        )
        for index, each in enumerate(request.frames)
    ]
    embeddings = None
    if request.HasField("embeddings"):
        embeddings = Embeddings.from_proto(request.embeddings)
    status = Status.UNLABELLED
    if request.status:
        status = messages.read_status(request.status, "status")
    return AppendRequest(frames, embeddings, status, messages.read_split(request.split, "split"))


def _changes(request: pb.SetFieldsRequest) -> dict[str, FieldChange]:
    changes: dict[str, FieldChange] = {}
    for index, change in enumerate(request.changes):
        path = f"changes[{index}]"
        if change.frame_id in changes:
            raise InvalidArgument.of(f"{path}.frame_id", f"{change.frame_id!r} stands twice")
        values = metadata_from_proto(change.set, f"{path}.set")
        changes[change.frame_id] = FieldChange(values, tuple(change.remove))
    return changes


def _statuses(request: pb.AssignSplitsRequest) -> list[Status]:
    return [messages.read_status(number, "statuses") for number in request.statuses]


def _shares(request: pb.AssignSplitsRequest) -> Shares:
    shares: dict[Split, float] = {}
    for index, share in enumerate(request.shares):
        path = f"shares[{index}].split"
        split = messages.read_split(share.split, path)
        if not split or split in shares:
            problem = f"{split.value!r} stands twice" if split else "is not given"
            raise InvalidArgument.of(path, problem)
        shares[split] = share.share
    return shares


def _progress(progress: SearchProgress) -> pb.SearchDatasetResponse:
    return pb.SearchDatasetResponse(
        frames=progress.frames,
        frames_total=progress.frames_total,
        passing=progress.passing,
        verdicts=[
            pb.SearchDatasetResponse.Verdicts(campaign=campaign, verdict=verdict, count=count)
            for (campaign, verdict), count in sorted(progress.verdicts.items())
        ],
        done=progress.done,
    )
