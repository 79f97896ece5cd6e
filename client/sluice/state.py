"""The client's view of the active campaigns, and the scorers of their models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
import numpy as np
from numpy.typing import NDArray

from sluice import errors, rpc_errors
from sluice.model_store import ModelStore, OnProgress
from sluice.names import CampaignName, IssueName
from sluice.scoring import Scorer
from sluice.tally import ScoredBy
from sluice.thresholds import effective_threshold
from sluice.v1 import campaign_pb2, project_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.project_pb2_grpc import ProjectServiceStub


@dataclass(frozen=True, slots=True)
class Campaign:
    """An active campaign: `name` and `issue` are resource names."""

    name: str
    issue: str
    version: int
    model_digest: str
    threshold: float
    """The campaign's threshold, or the default if it has none."""


@dataclass(frozen=True, slots=True, eq=False)
class SpaceState:
    """The active campaigns of one project and space, and the scorer of their versions."""

    project: str
    model_id: str
    dimension: int
    campaigns: tuple[Campaign, ...]
    scorer: Scorer

    @property
    def scored_by(self) -> list[ScoredBy]:
        """The campaign version of each of the scorer's columns."""
        return [ScoredBy(c.name, c.version, c.model_digest) for c in self.campaigns]

    def thresholds(self, override: float | None) -> NDArray[np.float64]:
        """The threshold of each column, `(campaigns,)`: the override if there is one."""
        return np.array([effective_threshold(override, c.threshold) for c in self.campaigns])


def list_projects(channel: grpc.Channel) -> list[project_pb2.Project]:
    """All projects that the key may see."""
    stub, token = ProjectServiceStub(channel), ""
    projects: list[project_pb2.Project] = []
    while True:
        request = project_pb2.ListProjectsRequest(page_size=1_000, page_token=token)
        page = rpc_errors.translate(stub.ListProjects, request)
        projects += page.projects
        token = page.next_page_token
        if not token:
            return projects


def choose_projects(
    projects: Sequence[project_pb2.Project], names: Sequence[str] | None
) -> list[str]:
    """The resource names of the projects with these ids or display names; all if None.

    An id takes precedence over a display name. Raises NotFound naming the first unknown project,
    and InvalidArgument for a display name that several projects have.
    """
    by_id = {project.name.removeprefix("projects/"): project.name for project in projects}
    if names is None:
        return sorted(by_id.values())
    titles = [(project.display_name, project.name) for project in projects]
    return sorted({by_id.get(name) or _find_by_title(name, titles) for name in names})


def _find_by_title(title: str, titles: Sequence[tuple[str, str]]) -> str:
    names = [name for display_name, name in titles if display_name == title]
    if len(names) == 1:
        return names[0]
    if names:
        problem = f"{title!r} is the display name of {', '.join(sorted(names))}; give the id"
        raise errors.InvalidArgument.of("target_project_names", problem)
    known = ", ".join(sorted(name.removeprefix("projects/") for _, name in titles)) or "none"
    raise errors.NotFound(f"target_project_names: no project {title!r}; there are: {known}")


def read_active(channel: grpc.Channel, project: str) -> list[campaign_pb2.ActiveVersion]:
    """The active versions of a project, in one round trip."""
    request = campaign_pb2.WatchActiveVersionsRequest(parent=project)
    call = CampaignServiceStub(channel).WatchActiveVersions(request)
    try:
        return list(rpc_errors.translate(next, call).active_versions)
    finally:
        call.cancel()


def choose_issues(
    active: Sequence[campaign_pb2.ActiveVersion], uuids: Sequence[str] | None
) -> list[campaign_pb2.ActiveVersion]:
    """The active versions of the campaigns of these issues; all if None.

    Raises NotFound naming the first issue without an active campaign.
    """
    if uuids is None:
        return list(active)
    active_uuids = {IssueName.parse(version.issue).issue for version in active}
    for uuid in uuids:
        if uuid not in active_uuids:
            raise errors.NotFound(f"target_issue_uuids: no active campaign of issue {uuid!r}")
    return [version for version in active if IssueName.parse(version.issue).issue in uuids]


def load_state(
    channel: grpc.Channel,
    store: ModelStore,
    active: Sequence[campaign_pb2.ActiveVersion],
    on_progress: OnProgress | None,
) -> list[SpaceState]:
    """Fetch the models of these versions, and build a scorer per project and space."""
    store.fetch(channel, [version.version for version in active], on_progress)
    spaces: defaultdict[tuple[str, str, int], list[campaign_pb2.ActiveVersion]]
    spaces = defaultdict(list)
    for version in active:
        project = f"projects/{CampaignName.parse(version.campaign).project}"
        spaces[project, version.version.model_id, version.version.dimension].append(version)
    return [
        SpaceState(
            *space,
            campaigns=tuple(map(_campaign, versions)),
            scorer=store.scorer([version.version for version in versions]),
        )
        for space, versions in spaces.items()
    ]


def _campaign(active: campaign_pb2.ActiveVersion) -> Campaign:
    return Campaign(
        active.campaign,
        active.issue,
        active.version.number,
        active.version.model_digest,
        effective_threshold(None, active.threshold if active.HasField("threshold") else None),
    )
