"""Access rules: every method of the API has one, and a call without a rule is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from services.server.keys import Caller, Scope
from sluice.errors import InvalidArgument, PermissionDenied
from sluice.names import ProjectName


class CrossProjectAccess(Enum):
    """Access to a method without a project in its request."""

    FILTERED = "any key; the response holds only projects that the key may see"
    ADMIN_ONLY = "only the admin's key"


@dataclass(frozen=True, slots=True)
class AccessRule:
    """The scopes that may call a method, and the request field that names the project.

    `project_field` is the path of a field that holds a resource name. The first message of a stream
    must have it; later messages are checked when they have one.
    """

    scopes: frozenset[Scope]
    project_field: str | CrossProjectAccess

    def check_scope(self, caller: Caller) -> None:
        """Raise PermissionDenied when the caller's key has none of the scopes."""
        if self.project_field is CrossProjectAccess.ADMIN_ONLY and caller.project:
            raise PermissionDenied(
                f"API key {caller.key_id} is limited to project {caller.project!r}; "
                "only the admin's key may call this method",
                metadata={"scope": "admin", "admin_only": "true"},
            )
        if not self.scopes & caller.scopes:
            accepted = ", ".join(scope for scope in Scope if scope in self.scopes)
            raise PermissionDenied(
                f"API key {caller.key_id} lacks the required scope (one of {accepted})",
                metadata={"scope": accepted, "project": caller.project},
            )

    def check_project(self, caller: Caller, request: Any, *, required: bool = True) -> None:
        """Raise PermissionDenied when the request names a project other than the key's.

        Raises InvalidArgument when it names none. With `required` false such a request passes: a
        later message of a stream belongs to the project of the first, and the handler checks it.
        """
        if isinstance(self.project_field, CrossProjectAccess):
            return
        name = _read_field(request, self.project_field)
        try:
            project = _parse_project(name, self.project_field)
        except InvalidArgument:
            if required:
                raise
            return
        if caller.project not in ("", project):
            raise PermissionDenied(
                f"{self.project_field}: {name!r} is not in project {caller.project!r}; "
                f"API key {caller.key_id} is limited to that project",
                reason="FOREIGN_PROJECT",
            )


def _read_field(request: Any, path: str) -> str:
    for part in path.split("."):
        request = getattr(request, part)
    return str(request)


def _parse_project(name: str, field: str) -> str:
    """The project of a resource name; only its first two segments are read."""
    project = "/".join(name.split("/")[:2])
    try:
        return ProjectName.parse(project, field).project
    except InvalidArgument as cause:
        problem = f"expected projects/{{project}} or a name below it, got {name!r}"
        raise InvalidArgument.of(field, problem) from cause


_LOG = frozenset({Scope.LOG, Scope.ADMIN})
_REVIEW = frozenset({Scope.REVIEW, Scope.ADMIN})
_READ = frozenset(Scope)
_ADMIN = frozenset({Scope.ADMIN})


def _rules_of_service(
    name: str, **rules: tuple[frozenset[Scope], str | CrossProjectAccess]
) -> dict[str, AccessRule]:
    return {f"/sluice.v1.{name}/{method}": AccessRule(*rule) for method, rule in rules.items()}


ACCESS_RULES: Final[dict[str, AccessRule]] = {
    **_rules_of_service(
        "ProjectService",
        CreateProject=(_ADMIN, CrossProjectAccess.ADMIN_ONLY),
        GetProject=(_READ, "name"),
        ListProjects=(_READ, CrossProjectAccess.FILTERED),
        DeleteProject=(_ADMIN, CrossProjectAccess.ADMIN_ONLY),
        CreateApiKey=(_ADMIN, "parent"),
        ListApiKeys=(_ADMIN, "parent"),
        DeleteApiKey=(_ADMIN, "name"),
    ),
    **_rules_of_service(
        "DatasetService",
        CreateDataset=(_ADMIN, "parent"),
        GetDataset=(_REVIEW, "name"),
        ListDatasets=(_REVIEW, "parent"),
        RemoveDataset=(_ADMIN, "name"),
    ),
    **_rules_of_service(
        "IssueService",
        CreateIssue=(_REVIEW, "parent"),
        GetIssue=(_REVIEW, "name"),
        ListIssues=(_REVIEW, "parent"),
        UpdateIssue=(_REVIEW, "issue.name"),
        DeleteIssue=(_REVIEW, "name"),
        AddElements=(_REVIEW, "issue"),
        RemoveElements=(_REVIEW, "issue"),
        ListElements=(_REVIEW, "parent"),
    ),
    **_rules_of_service(
        "CampaignService",
        CreateCampaign=(_ADMIN, "parent"),
        GetCampaign=(_READ, "name"),
        ListCampaigns=(_READ, "parent"),
        UpdateCampaign=(_ADMIN, "campaign.name"),
        ActivateCampaign=(_ADMIN, "name"),
        DeactivateCampaign=(_ADMIN, "name"),
        CommitVersion=(_ADMIN, "parent"),
        GetVersion=(_READ, "name"),
        ListVersions=(_READ, "parent"),
        GetScoringModel=(_READ, "name"),
        WatchActiveVersions=(_READ, "parent"),
        SetBackground=(_LOG, "parent"),
        ListSpaces=(_READ, "parent"),
        DeleteCampaign=(_ADMIN, "name"),
        PurgeFrames=(_ADMIN, "parent"),
        DiagnoseProject=(_ADMIN, "name"),
    ),
    **_rules_of_service(
        "ScorerService",
        ScoreFrames=(_READ, "parent"),
        StreamScores=(_READ, "batch.parent"),
    ),
    **_rules_of_service(
        "IngestService",
        Submit=(_LOG, "start.parent"),
        GetFunnel=(_REVIEW, "campaign"),
        GetSample=(_REVIEW, "name"),
        ListSamples=(_REVIEW, "parent"),
        AcceptSamples=(_REVIEW, "parent"),
        DiscardSamples=(_REVIEW, "parent"),
        RestoreSamples=(_REVIEW, "parent"),
        ReadReviews=(_REVIEW, "parent"),
        DeleteSamples=(_ADMIN, "parent"),
        PurgeCampaign=(_ADMIN, "name"),
        PurgeProject=(_ADMIN, "name"),
        PurgeFrames=(_ADMIN, "parent"),
        DiagnoseProject=(_ADMIN, "name"),
    ),
    **_rules_of_service(
        "FrameService",
        AppendFrames=(_REVIEW, "dataset"),
        GetFrame=(_REVIEW, "name"),
        ListFrames=(_REVIEW, "parent"),
        ReadFrames=(_REVIEW, "parent"),
        CountFrames=(_REVIEW, "dataset"),
        SetStatus=(_REVIEW, "dataset"),
        TagFrames=(_REVIEW, "dataset"),
        SetFields=(_REVIEW, "dataset"),
        ComputeZcore=(_ADMIN, "dataset"),
        AssignSplits=(_ADMIN, "dataset"),
        FindSimilar=(_REVIEW, "dataset"),
        PickElements=(_REVIEW, "dataset"),
        SearchDataset=(_ADMIN, "dataset"),
        DeleteDataset=(_ADMIN, "name"),
        DeleteFrames=(_ADMIN, "parent"),
        PurgeProject=(_ADMIN, "name"),
        CreateView=(_REVIEW, "parent"),
        GetView=(_REVIEW, "name"),
        ListViews=(_REVIEW, "parent"),
        UpdateView=(_REVIEW, "view.name"),
        DeleteView=(_REVIEW, "name"),
        DiagnoseProject=(_ADMIN, "name"),
    ),
    **_rules_of_service(
        "RoundService",
        CreateRound=(_REVIEW, "parent"),
        GetRound=(_REVIEW, "name"),
        ListRounds=(_REVIEW, "parent"),
        ImportPredictions=(_REVIEW, "round"),
        MineFailures=(_REVIEW, "round"),
        DeleteRound=(_ADMIN, "name"),
    ),
    **_rules_of_service(
        "GoldenSetService",
        CreateGoldenSet=(_ADMIN, "parent"),
        GetGoldenSet=(_REVIEW, "name"),
        ListGoldenSets=(_REVIEW, "parent"),
        CheckRound=(_REVIEW, "golden_set"),
        GetCheck=(_REVIEW, "name"),
        ListChecks=(_REVIEW, "parent"),
        OverrideCheck=(_ADMIN, "name"),
        GetGate=(_REVIEW, "dataset"),
        DeleteGoldenSet=(_ADMIN, "name"),
    ),
    **_rules_of_service(
        "ProgressService",
        RecordRound=(_REVIEW, "dataset"),
        ListRecordedRounds=(_REVIEW, "parent"),
        GetProgress=(_REVIEW, "dataset"),
    ),
    **_rules_of_service(
        "BatchService",
        CreateBatch=(_ADMIN, "parent"),
        GetBatch=(_REVIEW, "name"),
        ListBatches=(_REVIEW, "parent"),
        ListPicks=(_REVIEW, "parent"),
        DeleteBatch=(_ADMIN, "name"),
    ),
}
"""Every method of the API by its full name. Others are refused, to the admin's key too."""

KEYLESS_SERVICES: Final = ("/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/")
"""Services that need no key: they disclose nothing about any project."""
