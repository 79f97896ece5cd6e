"""Who may call what: every method of the API, or the call is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from services.server.keys import Caller, Scope
from sluice.errors import InvalidArgument, PermissionDenied
from sluice.names import ProjectName


class Reach(Enum):
    """Calls that are not about one project."""

    OWN_PROJECTS = "answered with what the caller's key may see"
    ALL_PROJECTS = "only for the admin's key"


@dataclass(frozen=True, slots=True)
class Rule:
    """Which scopes may call a method, and where its requests name their project.

    `project` is the path of the field that holds a resource name. In a stream the first message
    must have it; later ones are held against the key when they have one.
    """

    scopes: frozenset[Scope]
    project: str | Reach

    def check_scope(self, caller: Caller) -> None:
        """Raise PermissionDenied when the caller's key has none of the scopes."""
        if self.project is Reach.ALL_PROJECTS and caller.project:
            raise PermissionDenied(
                f"API key {caller.key_id} is of project {caller.project!r}; "
                "only the admin's key may do this",
                metadata={"scope": "admin"},
            )
        if not self.scopes & caller.scopes:
            wanted = ", ".join(scope for scope in Scope if scope in self.scopes)
            raise PermissionDenied(
                f"API key {caller.key_id} has not the scope for this, one of {wanted}",
                metadata={"scope": wanted},
            )

    def check_project(self, caller: Caller, request: Any, *, needed: bool = True) -> None:
        """Raise PermissionDenied when the request is about a project that the key does not open.

        Raises InvalidArgument when it names none. With `needed` false it then passes: a stream
        has its project, and whether the message is right without one is for the handler to say.
        """
        if isinstance(self.project, Reach):
            return
        name = _field(request, self.project)
        try:
            project = _project_of(name, self.project)
        except InvalidArgument:
            if needed:
                raise
            return
        if caller.project not in ("", project):
            raise PermissionDenied(
                f"{self.project}: {name!r} is not of project {caller.project!r}, "
                f"which is all that API key {caller.key_id} opens",
                reason="FOREIGN_PROJECT",
            )


def _field(request: Any, path: str) -> str:
    for part in path.split("."):
        request = getattr(request, part)
    return str(request)


def _project_of(name: str, field: str) -> str:
    """The project of a resource name; only its first two segments are read here."""
    project = "/".join(name.split("/")[:2])
    try:
        return ProjectName.parse(project, field).project
    except InvalidArgument as cause:
        problem = f"{name!r} is no resource name, projects/{{project}} or what is in one"
        raise InvalidArgument.of(field, problem) from cause


_LOG = frozenset({Scope.LOG, Scope.ADMIN})
_REVIEW = frozenset({Scope.REVIEW, Scope.ADMIN})
_READ = frozenset(Scope)
_ADMIN = frozenset({Scope.ADMIN})


def _service(name: str, **rules: tuple[frozenset[Scope], str | Reach]) -> dict[str, Rule]:
    return {f"/sluice.v1.{name}/{method}": Rule(*rule) for method, rule in rules.items()}


RULES: Final[dict[str, Rule]] = {
    **_service(
        "ProjectService",
        CreateProject=(_ADMIN, Reach.ALL_PROJECTS),
        GetProject=(_READ, "name"),
        ListProjects=(_READ, Reach.OWN_PROJECTS),
        CreateApiKey=(_ADMIN, "parent"),
        ListApiKeys=(_ADMIN, "parent"),
        DeleteApiKey=(_ADMIN, "name"),
    ),
    **_service(
        "DatasetService",
        CreateDataset=(_ADMIN, "parent"),
        GetDataset=(_REVIEW, "name"),
        ListDatasets=(_REVIEW, "parent"),
    ),
    **_service(
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
    **_service(
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
        DiagnoseProject=(_ADMIN, "name"),
    ),
    **_service(
        "ScorerService",
        ScoreFrames=(_READ, "parent"),
        StreamScores=(_READ, "batch.parent"),
    ),
    **_service(
        "IngestService",
        Submit=(_LOG, "start.parent"),
        GetFunnel=(_REVIEW, "campaign"),
        GetSample=(_REVIEW, "name"),
        ListSamples=(_REVIEW, "parent"),
        AcceptSamples=(_REVIEW, "parent"),
        DiscardSamples=(_REVIEW, "parent"),
        RestoreSamples=(_REVIEW, "parent"),
        ReadReviews=(_REVIEW, "parent"),
        DiagnoseProject=(_ADMIN, "name"),
    ),
    **_service(
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
        CreateView=(_REVIEW, "parent"),
        GetView=(_REVIEW, "name"),
        ListViews=(_REVIEW, "parent"),
        UpdateView=(_REVIEW, "view.name"),
        DeleteView=(_REVIEW, "name"),
        DiagnoseProject=(_ADMIN, "name"),
    ),
    **_service(
        "RoundService",
        CreateRound=(_REVIEW, "parent"),
        GetRound=(_REVIEW, "name"),
        ListRounds=(_REVIEW, "parent"),
        ImportPredictions=(_REVIEW, "round"),
        MineFailures=(_REVIEW, "round"),
    ),
    **_service(
        "GoldenSetService",
        CreateGoldenSet=(_ADMIN, "parent"),
        GetGoldenSet=(_REVIEW, "name"),
        ListGoldenSets=(_REVIEW, "parent"),
        CheckRound=(_REVIEW, "golden_set"),
        GetCheck=(_REVIEW, "name"),
        ListChecks=(_REVIEW, "parent"),
        OverrideCheck=(_ADMIN, "name"),
        GetGate=(_REVIEW, "dataset"),
    ),
    **_service(
        "ProgressService",
        RecordRound=(_REVIEW, "dataset"),
        ListRecordedRounds=(_REVIEW, "parent"),
        GetProgress=(_REVIEW, "dataset"),
    ),
    **_service(
        "BatchService",
        CreateBatch=(_ADMIN, "parent"),
        GetBatch=(_REVIEW, "name"),
        ListBatches=(_REVIEW, "parent"),
        ListPicks=(_REVIEW, "parent"),
    ),
}
"""Every method of the API by its full name. What is not here is refused, to the admin's key too."""

OPEN: Final = ("/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/")
"""Services that need no key: they tell nothing of any project."""
