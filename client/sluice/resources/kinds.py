"""The kinds of resources, how each is listed, and how its ids are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import grpc

from sluice import names
from sluice.resources.pages import list_items
from sluice.v1 import (
    batch_pb2,
    campaign_pb2,
    dataset_frame_pb2,
    dataset_pb2,
    golden_set_pb2,
    issue_pb2,
    project_pb2,
    round_pb2,
)
from sluice.v1.batch_pb2_grpc import BatchServiceStub
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceStub
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub
from sluice.v1.golden_set_pb2_grpc import GoldenSetServiceStub
from sluice.v1.issue_pb2_grpc import IssueServiceStub
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from sluice.v1.round_pb2_grpc import RoundServiceStub

CHOSEN_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEY_ID: Final = re.compile(r"[0-9a-f]{16}")
CHECK_ID: Final = re.compile(r"[0-9]+-[0-9a-f]{16}")

SHORT_ID_LENGTH: Final = 8
"""Characters of a generated id that lists show at a terminal."""


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One kind of resource: its words, its ids, and the call that lists it.

    `complete_id` matches every id of the kind. Ids that the server generates may be shortened to a
    prefix; ids that a person has chosen may not: `r1` must never mean `r10`.
    """

    noun: str
    name: type[names.ResourceName]
    parent: ResourceKind | None
    complete_id: re.Pattern[str]
    list_command: str
    list: Callable[[grpc.Channel, str], Iterator[Any]]

    @property
    def field(self) -> str:
        """The field that errors name."""
        return self.noun.lower().replace(" ", "_")

    @property
    def is_generated(self) -> bool:
        """Whether the server makes the ids."""
        return self.complete_id is not CHOSEN_ID

    def name_in(self, parent: str, id: str) -> str:
        """The resource name of an id within its parent."""
        parent_ids = self.parent.name.parse(parent).ids if self.parent else ()
        return str(self.name(*[*parent_ids, id]))


def _list_projects(channel: grpc.Channel, _parent: str) -> Iterator[Any]:
    request = project_pb2.ListProjectsRequest()
    return list_items(ProjectServiceStub(channel).ListProjects, request, "projects")


def _list_api_keys(channel: grpc.Channel, parent: str) -> Iterator[Any]:
    request = project_pb2.ListApiKeysRequest(parent=parent)
    return list_items(ProjectServiceStub(channel).ListApiKeys, request, "api_keys")


def _list_datasets(channel: grpc.Channel, parent: str) -> Iterator[Any]:
    request = dataset_pb2.ListDatasetsRequest(parent=parent)
    return list_items(DatasetServiceStub(channel).ListDatasets, request, "datasets")


def _list_issues(channel: grpc.Channel, parent: str) -> Iterator[Any]:
    request = issue_pb2.ListIssuesRequest(parent=parent)
    return list_items(IssueServiceStub(channel).ListIssues, request, "issues")


def _list_campaigns(channel: grpc.Channel, parent: str) -> Iterator[Any]:
    request = campaign_pb2.ListCampaignsRequest(parent=parent)
    return list_items(CampaignServiceStub(channel).ListCampaigns, request, "campaigns")


def _list_views(channel: grpc.Channel, parent: str) -> Iterator[Any]:
    request = dataset_frame_pb2.ListViewsRequest(parent=parent)
    return list_items(FrameServiceStub(channel).ListViews, request, "views")


def _list_rounds(channel: grpc.Channel, parent: str) -> Iterator[Any]:
    request = round_pb2.ListRoundsRequest(parent=parent)
    return list_items(RoundServiceStub(channel).ListRounds, request, "rounds")


def _list_batches(channel: grpc.Channel, parent: str) -> Iterator[Any]:
    request = batch_pb2.ListBatchesRequest(parent=parent)
    return list_items(BatchServiceStub(channel).ListBatches, request, "batches")


def _list_golden_sets(channel: grpc.Channel, parent: str) -> Iterator[Any]:
    request = golden_set_pb2.ListGoldenSetsRequest(parent=parent)
    return list_items(GoldenSetServiceStub(channel).ListGoldenSets, request, "golden_sets")


def _list_checks(channel: grpc.Channel, parent: str) -> Iterator[Any]:
    request = golden_set_pb2.ListChecksRequest(parent=parent)
    return list_items(GoldenSetServiceStub(channel).ListChecks, request, "checks")


PROJECT: Final = ResourceKind(
    "project", names.ProjectName, None, CHOSEN_ID, "sluice projects list", _list_projects
)
API_KEY: Final = ResourceKind(
    "API key", names.ApiKeyName, PROJECT, KEY_ID, "sluice projects keys list", _list_api_keys
)
DATASET: Final = ResourceKind(
    "dataset", names.DatasetName, PROJECT, CHOSEN_ID, "sluice datasets list", _list_datasets
)
ISSUE: Final = ResourceKind(
    "issue", names.IssueName, PROJECT, UUID, "sluice issues list", _list_issues
)
CAMPAIGN: Final = ResourceKind(
    "campaign", names.CampaignName, PROJECT, UUID, "sluice campaigns list", _list_campaigns
)
VIEW: Final = ResourceKind(
    "view", names.ViewName, DATASET, CHOSEN_ID, "sluice views list DATASET", _list_views
)
ROUND: Final = ResourceKind(
    "round", names.RoundName, DATASET, CHOSEN_ID, "sluice rounds list DATASET", _list_rounds
)
BATCH: Final = ResourceKind(
    "batch", names.BatchName, DATASET, CHOSEN_ID, "sluice batches list DATASET", _list_batches
)
GOLDEN_SET: Final = ResourceKind(
    "golden set",
    names.GoldenSetName,
    DATASET,
    CHOSEN_ID,
    "sluice golden-sets list DATASET",
    _list_golden_sets,
)
CHECK: Final = ResourceKind(
    "check",
    names.GoldenCheckName,
    GOLDEN_SET,
    CHECK_ID,
    "sluice golden-sets history GOLDEN_SET",
    _list_checks,
)
ALL: Final = (
    PROJECT, API_KEY, DATASET, ISSUE, CAMPAIGN, VIEW, ROUND, BATCH, GOLDEN_SET, CHECK,
)  # fmt: skip


def short_id(name: str) -> str:
    """The id of a resource name as lists show it: generated ids are shortened."""
    segments = name.split("/")
    kind = next((kind for kind in ALL if kind.name.pattern == tuple(segments[::2])), None)
    if kind is None:
        return name
    id = kind.name.parse(name).ids[-1]
    return id[:SHORT_ID_LENGTH] if kind.is_generated else id
