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
from sluice.resources.kinds import ISSUE
from sluice.resources.resolver import PREFIX_LENGTH_MIN, Resolver
from sluice.scoring import Scorer
from sluice.tally import ScoredBy
from sluice.thresholds import effective_threshold
from sluice.v1 import campaign_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub


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


def read_active(channel: grpc.Channel, project: str) -> list[campaign_pb2.ActiveVersion]:
    """The active versions of a project, in one round trip."""
    request = campaign_pb2.WatchActiveVersionsRequest(parent=project)
    call = CampaignServiceStub(channel).WatchActiveVersions(request)
    try:
        return list(rpc_errors.translate(next, call).active_versions)
    finally:
        call.cancel()


def choose_issues(
    names: Resolver,
    projects: Sequence[str],
    active: Sequence[campaign_pb2.ActiveVersion],
    references: Sequence[str] | None,
) -> list[campaign_pb2.ActiveVersion]:
    """The active versions of the campaigns of these issues of the projects; all if None.

    Only display names need a listing. Raises NotFound naming the first issue without an active
    campaign.
    """
    if references is None:
        return list(active)
    by_uuid = {IssueName.parse(version.issue).issue: version.issue for version in active}
    issues = set()
    for reference in references:
        matches = [
            name
            for uuid, name in by_uuid.items()
            if reference == name
            or (len(reference) >= PREFIX_LENGTH_MIN and uuid.startswith(reference))
        ]
        issue = matches[0] if len(matches) == 1 else names.find_in(ISSUE, reference, projects)
        if issue not in by_uuid.values():
            raise errors.NotFound(f"target_issue_uuids: no active campaign of issue {reference!r}")
        issues.add(issue)
    return [version for version in active if version.issue in issues]


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
