"""CampaignService over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.campaign.active_campaigns import ActiveCampaignWatcher
from services.campaign.campaign_deletion import delete_campaign
from services.campaign.campaigns import (
    CampaignTerms,
    get_campaign,
    list_campaigns,
    set_active,
    update_campaign,
)
from services.campaign.commit import commit_version, create_campaign
from services.campaign.doctor.diagnose import diagnose
from services.campaign.frame_deletion import purge_frames
from services.campaign.records import BudgetRecord
from services.campaign.servicer import messages
from services.campaign.spaces import list_spaces, set_background
from services.campaign.version_files import VersionFile, read_version_file, split_chunks
from services.campaign.versions import find_pending_changes, get_version, list_versions
from services.doctor import messages as finding_messages
from services.peers import deletion_messages
from services.peers.resource_purges import ResourcePurges
from services.peers.reviews import Reviews
from services.records.idempotency import IdempotentRequest
from services.records.pages import read_page
from services.records.stores import Stores
from services.server.auth import current_caller
from services.server.draining import Draining
from services.server.keys import Scope
from sluice.errors import InvalidArgument
from sluice.limits import BATCH_BYTES_MAX
from sluice.names import CampaignName, IssueName, ProjectName, VersionName
from sluice.tensors import unpack
from sluice.v1 import campaign_pb2 as pb
from sluice.v1 import deletion_pb2, finding_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceServicer

_FILES = {
    pb.GetScoringModelRequest.FILE_UNSPECIFIED: VersionFile.MODEL,
    pb.GetScoringModelRequest.FILE_MODEL: VersionFile.MODEL,
    pb.GetScoringModelRequest.FILE_BASIS: VersionFile.BASIS,
}


class CampaignServicer(CampaignServiceServicer):
    """Campaigns, their versions, and the spaces they are scored in."""

    def __init__(
        self, stores: Stores, draining: Draining, reviews: Reviews, purges: ResourcePurges
    ) -> None:
        self._stores = stores
        self._reviews = reviews
        self._purges = purges
        self._draining = draining
        self._watcher = ActiveCampaignWatcher(stores)

    async def CreateCampaign(self, request: pb.CreateCampaignRequest, context: Any) -> pb.Campaign:
        """Start a campaign of an issue."""
        parent = ProjectName.parse(request.parent, "parent")
        campaign = await create_campaign(
            self._stores,
            IdempotentRequest.of("CreateCampaign", request.request_id, messages.serialise(request)),
            parent,
            IssueName.parse(request.campaign.issue, "campaign.issue"),
            _parse_terms(request.campaign),
        )
        return messages.campaign(parent.project, campaign)

    async def GetCampaign(self, request: pb.GetCampaignRequest, context: Any) -> pb.Campaign:
        """Read one campaign, with the changes of its issue since the newest version."""
        name = CampaignName.parse(request.name)
        campaign = await get_campaign(self._stores, name)
        changes = await find_pending_changes(self._stores, name.project, campaign)
        return messages.campaign(name.project, campaign, changes)

    async def ListCampaigns(
        self, request: pb.ListCampaignsRequest, context: Any
    ) -> pb.ListCampaignsResponse:
        """List the campaigns of a project."""
        parent = ProjectName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListCampaigns", request.parent)
        campaigns, token = await list_campaigns(self._stores, parent, page)
        return pb.ListCampaignsResponse(
            campaigns=[messages.campaign(parent.project, record) for record in campaigns],
            next_page_token=token,
        )

    async def UpdateCampaign(self, request: pb.UpdateCampaignRequest, context: Any) -> pb.Campaign:
        """Change display name, threshold or budget."""
        name = CampaignName.parse(request.campaign.name, "campaign.name")
        terms, mask = _parse_terms(request.campaign), list(request.update_mask.paths)
        campaign = await update_campaign(self._stores, name, terms, mask, request.campaign.etag)
        return messages.campaign(name.project, campaign)

    async def ActivateCampaign(
        self, request: pb.ActivateCampaignRequest, context: Any
    ) -> pb.Campaign:
        """Activate a campaign."""
        name = CampaignName.parse(request.name)
        return messages.campaign(name.project, await set_active(self._stores, name, active=True))

    async def DeactivateCampaign(
        self, request: pb.DeactivateCampaignRequest, context: Any
    ) -> pb.Campaign:
        """Deactivate a campaign."""
        name = CampaignName.parse(request.name)
        return messages.campaign(name.project, await set_active(self._stores, name, active=False))

    async def CommitVersion(
        self, request: pb.CommitVersionRequest, context: Any
    ) -> pb.CampaignVersion:
        """Commit the issue as the next version, with feedback if requested."""
        name = CampaignName.parse(request.parent, "parent")
        idempotent_request = IdempotentRequest.of(
            "CommitVersion", request.request_id, messages.serialise(request)
        )
        reviews = self._reviews if request.with_feedback else None
        version = await commit_version(
            self._stores, idempotent_request, name, request.etag, reviews
        )
        return messages.version(name, version)

    async def GetVersion(self, request: pb.GetVersionRequest, context: Any) -> pb.CampaignVersion:
        """Read one version."""
        name = VersionName.parse(request.name)
        version = await get_version(self._stores, name)
        return messages.version(CampaignName(name.project, name.campaign), version)

    async def ListVersions(
        self, request: pb.ListVersionsRequest, context: Any
    ) -> pb.ListVersionsResponse:
        """List the versions of a campaign, newest first."""
        parent = CampaignName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListVersions", request.parent)
        versions, token = await list_versions(self._stores, parent, page)
        return pb.ListVersionsResponse(
            versions=[messages.version(parent, record) for record in versions],
            next_page_token=token,
        )

    async def GetScoringModel(
        self, request: pb.GetScoringModelRequest, context: Any
    ) -> AsyncIterator[pb.GetScoringModelResponse]:
        """Send the scoring model or the basis of a version."""
        name = VersionName.parse(request.name)
        if request.file not in _FILES:
            raise InvalidArgument.of("file", f"{request.file} is neither FILE_MODEL nor FILE_BASIS")
        content = await read_version_file(self._stores, name, _FILES[request.file])
        for chunk in split_chunks(content):
            yield pb.GetScoringModelResponse(data=chunk, total_bytes=len(content))

    async def WatchActiveVersions(
        self, request: pb.WatchActiveVersionsRequest, context: Any
    ) -> AsyncIterator[pb.WatchActiveVersionsResponse]:
        """Send the active versions, now and after each change, until the server stops."""
        parent = ProjectName.parse(request.parent, "parent")
        async for active in self._draining.until(self._watcher.watch(parent)):
            yield messages.active_versions(parent.project, active)

    async def SetBackground(
        self, requests: AsyncIterator[pb.SetBackgroundRequest], context: Any
    ) -> pb.Space:
        """Set the background of a space."""
        first = await anext(requests, pb.SetBackgroundRequest())
        parent = ProjectName.parse(first.parent, "parent")
        rows = _parse_background(first, requests)
        may_replace = Scope.ADMIN in current_caller().scopes
        space = await set_background(
            self._stores, parent, first.model_id, rows, may_replace=may_replace
        )
        return messages.space(space)

    async def ListSpaces(
        self, request: pb.ListSpacesRequest, context: Any
    ) -> pb.ListSpacesResponse:
        """List the spaces of a project."""
        parent = ProjectName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListSpaces", request.parent)
        spaces, token = await list_spaces(self._stores, parent, page)
        return pb.ListSpacesResponse(spaces=map(messages.space, spaces), next_page_token=token)

    async def DeleteCampaign(
        self, request: pb.DeleteCampaignRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Delete an inactive campaign."""
        counts = await delete_campaign(
            self._stores,
            self._purges,
            CampaignName.parse(request.name),
            request.etag,
            validate_only=request.validate_only,
        )
        return deletion_messages.summary(counts, validate_only=request.validate_only)

    async def PurgeFrames(
        self, request: deletion_pb2.PurgeFramesRequest, context: Any
    ) -> deletion_pb2.DeletionSummary:
        """Remove all copies of frames."""
        counts = await purge_frames(
            self._stores,
            ProjectName.parse(request.parent, "parent"),
            request.frame_ids,
            validate_only=request.validate_only,
        )
        return deletion_messages.summary(counts, validate_only=request.validate_only)

    async def DiagnoseProject(
        self, request: finding_pb2.DiagnoseProjectRequest, context: Any
    ) -> AsyncIterator[finding_pb2.DiagnoseProjectResponse]:
        """Compare issues, versions, snapshots and files of a project; repair if requested."""
        name = ProjectName.parse(request.name)
        events = diagnose(self._stores, name, repair=request.repair, purges=self._purges)
        async for event in self._draining.until(events):
            yield finding_messages.response(event)


def _parse_terms(message: pb.Campaign) -> CampaignTerms:
    budget = message.budget
    return CampaignTerms(
        display_name=message.display_name,
        threshold=message.threshold if message.HasField("threshold") else None,
        budget=BudgetRecord(
            total=budget.total if budget.HasField("total") else None,
            per_day=budget.per_day if budget.HasField("per_day") else None,
        ),
    )


async def _parse_background(
    first: pb.SetBackgroundRequest, others: AsyncIterator[pb.SetBackgroundRequest]
) -> AsyncIterator[NDArray[np.float32]]:
    if first.HasField("embeddings"):
        yield _parse_rows(first)
    async for message in others:
        for field in ("parent", "model_id"):
            if getattr(message, field) not in ("", getattr(first, field)):
                problem = f"{getattr(message, field)!r} differs from the first message's"
                raise InvalidArgument.of(field, problem)
        yield _parse_rows(message)


def _parse_rows(message: pb.SetBackgroundRequest) -> NDArray[np.float32]:
    # Messages of vectors alone: only their size in bytes is limited.
    return unpack(message.embeddings, "embeddings", rows_max=BATCH_BYTES_MAX)
