"""Projects, issues, campaigns and samples: one method a call, pages turned on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from numpy.typing import ArrayLike, NDArray

from sluice.errors import InvalidArgument, translate
from sluice.frames import Frame
from sluice.tensors import pack
from sluice.v1 import campaign_pb2, dataset_pb2, ingest_pb2, issue_pb2, project_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub
from sluice.v1.issue_pb2_grpc import IssueServiceStub
from sluice.v1.project_pb2_grpc import ProjectServiceStub

PAGE_SIZE = 1_000
BACKGROUND_ROWS_PER_MESSAGE = 256


def _pages(call: Callable[[Any], Any], request: Any, field: str) -> Iterator[Any]:
    """All items of a listing."""
    request.page_size = PAGE_SIZE
    while True:
        page = translate(call, request)
        yield from getattr(page, field)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


class Projects:
    """Projects, their keys and datasets. Names are resource names: `projects/{project_id}`."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = ProjectServiceStub(channel)
        self._datasets = DatasetServiceStub(channel)

    def create(self, project_id: str, display_name: str = "") -> project_pb2.Project:
        """Create a project; for the admin's key only."""
        request = project_pb2.CreateProjectRequest(
            project_id=project_id, project=project_pb2.Project(display_name=display_name)
        )
        return translate(self._stub.CreateProject, request)

    def list(self) -> Iterator[project_pb2.Project]:
        """The projects that the key may see."""
        return _pages(self._stub.ListProjects, project_pb2.ListProjectsRequest(), "projects")

    def create_api_key(self, project: str, scopes: Iterable[str], display_name: str = "") -> str:
        """Create a key of scopes `log`, `review` or `admin`.

        Returns its secret, which is shown only now.
        """
        named = [f"SCOPE_{scope.upper()}" for scope in scopes]
        if unknown := sorted(set(named) - set(project_pb2.Scope.keys()[1:])):
            raise InvalidArgument.of(
                "scopes", f"{unknown[0][6:].lower()!r} is none of log, review, admin"
            )
        request = project_pb2.CreateApiKeyRequest(
            parent=project,
            api_key=project_pb2.ApiKey(display_name=display_name, scopes=named),
        )
        return translate(self._stub.CreateApiKey, request).secret

    def create_dataset(
        self, project: str, dataset_id: str, dataset: dataset_pb2.Dataset
    ) -> dataset_pb2.Dataset:
        """Create a dataset: its task type and class map."""
        request = dataset_pb2.CreateDatasetRequest(
            parent=project, dataset_id=dataset_id, dataset=dataset
        )
        return translate(self._datasets.CreateDataset, request)


class Issues:
    """Issues and their elements. Names are resource names: `projects/p/issues/{uuid}`."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = IssueServiceStub(channel)

    def create(self, project: str, display_name: str, dataset: str) -> issue_pb2.Issue:
        """Create an issue of a dataset, without elements."""
        request = issue_pb2.CreateIssueRequest(
            parent=project, issue=issue_pb2.Issue(display_name=display_name, dataset=dataset)
        )
        return translate(self._stub.CreateIssue, request)

    def get(self, name: str) -> issue_pb2.Issue:
        """Read an issue."""
        return translate(self._stub.GetIssue, issue_pb2.GetIssueRequest(name=name))

    def list(self, project: str) -> Iterator[issue_pb2.Issue]:
        """The issues of a project."""
        return _pages(self._stub.ListIssues, issue_pb2.ListIssuesRequest(parent=project), "issues")

    def delete(self, name: str) -> None:
        """Delete an issue and its elements."""
        translate(self._stub.DeleteIssue, issue_pb2.DeleteIssueRequest(name=name))

    def add_elements(
        self,
        issue: str,
        frames: Sequence[Frame],
        embeddings: ArrayLike,
        *,
        model_id: str,
        label_ids: Sequence[str] = (),
    ) -> issue_pb2.Issue:
        """Add frames, or the crops of those label ids; returns the issue as it is then.

        `embeddings` is `(frames, dimension)`, one row for each.
        """
        dataset, rows = self.get(issue).dataset, pack(embeddings)
        labels = label_ids or [""] * len(frames)
        request = issue_pb2.AddElementsRequest(
            issue=issue,
            model_id=model_id,
            embeddings=rows,
            elements=[
                issue_pb2.Element(frame=frame.to_proto(), label_id=label_id, dataset=dataset)
                for frame, label_id in zip(frames, labels, strict=True)
            ],
        )
        return translate(self._stub.AddElements, request).issue

    def elements(self, issue: str) -> Iterator[issue_pb2.Element]:
        """The elements of an issue."""
        request = issue_pb2.ListElementsRequest(parent=issue)
        return _pages(self._stub.ListElements, request, "elements")


class Campaigns:
    """Campaigns, their versions and spaces. Names are resource names."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = CampaignServiceStub(channel)

    def start(self, issue: str, *, threshold: float | None = None) -> campaign_pb2.Campaign:
        """Start a campaign of an issue."""
        request = campaign_pb2.CreateCampaignRequest(
            parent="/".join(issue.split("/")[:2]),
            campaign=campaign_pb2.Campaign(issue=issue, threshold=threshold),
        )
        return translate(self._stub.CreateCampaign, request)

    def get(self, name: str) -> campaign_pb2.Campaign:
        """Read a campaign, with what has changed in its issue."""
        return translate(self._stub.GetCampaign, campaign_pb2.GetCampaignRequest(name=name))

    def list(self, project: str) -> Iterator[campaign_pb2.Campaign]:
        """The campaigns of a project."""
        request = campaign_pb2.ListCampaignsRequest(parent=project)
        return _pages(self._stub.ListCampaigns, request, "campaigns")

    def versions(self, name: str) -> Iterator[campaign_pb2.CampaignVersion]:
        """The versions of a campaign, newest first."""
        request = campaign_pb2.ListVersionsRequest(parent=name)
        return _pages(self._stub.ListVersions, request, "versions")

    def commit(self, name: str) -> campaign_pb2.CampaignVersion:
        """Commit the issue as it is now as the next version."""
        return translate(self._stub.CommitVersion, campaign_pb2.CommitVersionRequest(parent=name))

    def activate(self, name: str) -> campaign_pb2.Campaign:
        """Make a campaign collect."""
        request = campaign_pb2.ActivateCampaignRequest(name=name)
        return translate(self._stub.ActivateCampaign, request)

    def deactivate(self, name: str) -> campaign_pb2.Campaign:
        """Make a campaign collect no more."""
        request = campaign_pb2.DeactivateCampaignRequest(name=name)
        return translate(self._stub.DeactivateCampaign, request)

    def set_threshold(self, name: str, threshold: float | None) -> campaign_pb2.Campaign:
        """Set a campaign's threshold; None: the default, 0.5."""
        request = campaign_pb2.UpdateCampaignRequest(
            campaign=campaign_pb2.Campaign(name=name, threshold=threshold),
            update_mask=FieldMask(paths=["threshold"]),
        )
        return translate(self._stub.UpdateCampaign, request)

    def set_background(
        self, project: str, model_id: str, embeddings: NDArray[Any]
    ) -> campaign_pb2.Space:
        """Give a space its background: a random sample `(rows, dimension)` of its frames."""
        starts = range(0, len(embeddings), BACKGROUND_ROWS_PER_MESSAGE)
        requests = (
            campaign_pb2.SetBackgroundRequest(
                parent=project,
                model_id=model_id,
                embeddings=pack(embeddings[start : start + BACKGROUND_ROWS_PER_MESSAGE]),
            )
            for start in starts
        )
        return translate(self._stub.SetBackground, requests)

    def spaces(self, project: str) -> Iterator[campaign_pb2.Space]:
        """The spaces of a project, and which of them have a background."""
        request = campaign_pb2.ListSpacesRequest(parent=project)
        return _pages(self._stub.ListSpaces, request, "spaces")


class Samples:
    """The samples of a campaign, their review, and the funnel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = IngestServiceStub(channel)

    def get(self, name: str) -> ingest_pb2.Sample:
        """Read a sample, with its explanation."""
        return translate(self._stub.GetSample, ingest_pb2.GetSampleRequest(name=name))

    def list(
        self, campaign: str, *, by_version: bool = False, version: int = 0
    ) -> Iterator[ingest_pb2.Sample]:
        """The samples of a campaign, best first; or newest version first, or of one version."""
        order = ingest_pb2.SAMPLE_ORDER_VERSION if by_version else ingest_pb2.SAMPLE_ORDER_SCORE
        request = ingest_pb2.ListSamplesRequest(parent=campaign, order=order, version=version)
        return _pages(self._stub.ListSamples, request, "samples")

    def accept(self, campaign: str, frame_ids: Iterable[str]) -> int:
        """Mark samples as what the campaign looks for; how many changed."""
        request = ingest_pb2.AcceptSamplesRequest(parent=campaign, frame_ids=frame_ids)
        return translate(self._stub.AcceptSamples, request).changed_count

    def discard(self, campaign: str, frame_ids: Iterable[str]) -> int:
        """Mark samples as not what the campaign looks for; how many changed."""
        request = ingest_pb2.DiscardSamplesRequest(parent=campaign, frame_ids=frame_ids)
        return translate(self._stub.DiscardSamples, request).changed_count

    def restore(self, campaign: str, frame_ids: Iterable[str]) -> int:
        """Take back what was said of samples; how many changed."""
        request = ingest_pb2.RestoreSamplesRequest(parent=campaign, frame_ids=frame_ids)
        return translate(self._stub.RestoreSamples, request).changed_count

    def funnel(self, campaign: str) -> ingest_pb2.Funnel:
        """What became of the frames that the campaign's loggers have seen."""
        return translate(self._stub.GetFunnel, ingest_pb2.GetFunnelRequest(campaign=campaign))
