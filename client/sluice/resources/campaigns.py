"""Campaigns, their versions and their spaces."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Final

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from numpy.typing import ArrayLike

from sluice.missing_background import MissingBackgroundWarning, describe_space
from sluice.names import IssueName, ProjectName
from sluice.resources.pages import list_items
from sluice.resources.resolver import Resolver
from sluice.rpc_errors import translate
from sluice.tensors import pack, to_matrix
from sluice.v1 import campaign_pb2, deletion_pb2, issue_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.issue_pb2_grpc import IssueServiceStub

BACKGROUND_ROWS_PER_MESSAGE: Final = 256


class Campaigns:
    """Campaigns, their versions and spaces.

    Found by resource name, id, start of an id, or display name, which is that of the issue unless
    it was changed.
    """

    def __init__(self, channel: grpc.Channel, names: Resolver | None = None) -> None:
        self._names = names or Resolver(channel)
        self._stub = CampaignServiceStub(channel)
        self._issues = IssueServiceStub(channel)

    def start(
        self, issue: str, *, threshold: float | None = None, without_background: bool = False
    ) -> campaign_pb2.Campaign:
        """Start a campaign for an issue.

        Before it starts one in a space without a background, it issues MissingBackgroundWarning,
        unless `without_background`.
        """
        issue_name = self._names.issue(issue)
        if not without_background:
            self._warn_without_background(self.space_of(issue_name))
        request = campaign_pb2.CreateCampaignRequest(
            parent=str(ProjectName(IssueName.parse(issue_name).project)),
            campaign=campaign_pb2.Campaign(issue=issue_name, threshold=threshold),
        )
        return translate(self._stub.CreateCampaign, request)

    def get(self, name: str) -> campaign_pb2.Campaign:
        """Read a campaign, with the changes of its issue since the last version."""
        request = campaign_pb2.GetCampaignRequest(name=self._names.campaign(name))
        return translate(self._stub.GetCampaign, request)

    def list(self, project: str = "") -> Iterator[campaign_pb2.Campaign]:
        """The campaigns of a project."""
        request = campaign_pb2.ListCampaignsRequest(parent=self._names.project(project))
        return list_items(self._stub.ListCampaigns, request, "campaigns")

    def version(self, campaign: str, number: int = 0) -> campaign_pb2.CampaignVersion:
        """Read a version of a campaign.

        Without a number, `campaign` is the resource name of the version. `fit.member_share` is the
        share of the corpus that looks like the issue, with an interval; `HasField("fit")` is false
        for versions committed before model format 3.
        """
        name = f"{self._names.campaign(campaign)}/versions/{number}" if number else campaign
        return translate(self._stub.GetVersion, campaign_pb2.GetVersionRequest(name=name))

    def versions(self, name: str) -> Iterator[campaign_pb2.CampaignVersion]:
        """The versions of a campaign, newest first."""
        request = campaign_pb2.ListVersionsRequest(parent=self._names.campaign(name))
        return list_items(self._stub.ListVersions, request, "versions")

    def commit(self, name: str, *, with_feedback: bool = False) -> campaign_pb2.CampaignVersion:
        """Commit the current elements of the issue as the next version.

        With feedback, the campaign's accepted samples become elements of the version, and its
        discarded samples become negatives.
        """
        request = campaign_pb2.CommitVersionRequest(
            parent=self._names.campaign(name), with_feedback=with_feedback
        )
        return translate(self._stub.CommitVersion, request)

    def activate(self, name: str) -> campaign_pb2.Campaign:
        """Make a campaign active: it collects samples."""
        request = campaign_pb2.ActivateCampaignRequest(name=self._names.campaign(name))
        return translate(self._stub.ActivateCampaign, request)

    def deactivate(self, name: str) -> campaign_pb2.Campaign:
        """Make a campaign inactive: it stops collecting."""
        request = campaign_pb2.DeactivateCampaignRequest(name=self._names.campaign(name))
        return translate(self._stub.DeactivateCampaign, request)

    def delete(self, name: str, *, validate_only: bool = False) -> deletion_pb2.DeletionSummary:
        """Delete an inactive campaign with its samples, snapshots and models.

        The counts of its funnel stay. With `validate_only` nothing is deleted, only counted.
        """
        request = campaign_pb2.DeleteCampaignRequest(
            name=self._names.campaign(name), validate_only=validate_only
        )
        return translate(self._stub.DeleteCampaign, request)

    def set_threshold(self, name: str, threshold: float | None) -> campaign_pb2.Campaign:
        """Set a campaign's threshold; None for the default, 0.5."""
        campaign = campaign_pb2.Campaign(name=self._names.campaign(name), threshold=threshold)
        return self._update(campaign, "threshold")

    def rename(self, name: str, display_name: str) -> campaign_pb2.Campaign:
        """Change the display name of a campaign; "" for that of its issue."""
        campaign = campaign_pb2.Campaign(name=self._names.campaign(name), display_name=display_name)
        return self._update(campaign, "display_name")

    def set_budget(
        self, name: str, *, total: int | None = None, per_day: int | None = None
    ) -> campaign_pb2.Campaign:
        """Set the maximum number of samples, in total and per UTC day; None for no limit."""
        budget = campaign_pb2.Budget(total=total, per_day=per_day)
        campaign = campaign_pb2.Campaign(name=self._names.campaign(name), budget=budget)
        return self._update(campaign, "budget")

    def _update(self, campaign: campaign_pb2.Campaign, field: str) -> campaign_pb2.Campaign:
        request = campaign_pb2.UpdateCampaignRequest(
            campaign=campaign, update_mask=FieldMask(paths=[field])
        )
        return translate(self._stub.UpdateCampaign, request)

    def set_background(
        self, project: str, model_id: str, embeddings: ArrayLike
    ) -> campaign_pb2.Space:
        """Set the background of a space: a random sample of its frames, `(rows, dimension)`.

        Raises PermissionDenied for a key without scope admin if the space has another one.
        """
        parent = self._names.project(project)
        rows = to_matrix(embeddings)  # here, since grpc would hide an error of its thread
        starts = range(0, len(rows), BACKGROUND_ROWS_PER_MESSAGE)
        requests = (
            campaign_pb2.SetBackgroundRequest(
                parent=parent,
                model_id=model_id,
                embeddings=pack(rows[start : start + BACKGROUND_ROWS_PER_MESSAGE]),
            )
            for start in starts
        )
        return translate(self._stub.SetBackground, requests)

    def _warn_without_background(self, space: campaign_pb2.Space) -> None:
        if space.model_id and not space.basis_digest:
            warnings.warn(
                f"{describe_space(space.model_id, space.dimension)}. Call campaigns.set_background "
                "with a random sample of the corpus first, or pass without_background=True",
                MissingBackgroundWarning,
                stacklevel=3,
            )

    def space_of(self, issue: str) -> campaign_pb2.Space:
        """The space of an issue's elements; empty for an issue without any."""
        name = self._names.issue(issue)
        stored = translate(self._issues.GetIssue, issue_pb2.GetIssueRequest(name=name))
        key = (stored.model_id, stored.dimension)
        for space in self.spaces(str(ProjectName(IssueName.parse(name).project))):
            if (space.model_id, space.dimension) == key:
                return space
        return campaign_pb2.Space(model_id=stored.model_id, dimension=stored.dimension)

    def spaces(self, project: str = "") -> Iterator[campaign_pb2.Space]:
        """The spaces of a project, and whether each has a background."""
        request = campaign_pb2.ListSpacesRequest(parent=self._names.project(project))
        return list_items(self._stub.ListSpaces, request, "spaces")
