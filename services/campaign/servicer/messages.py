"""Domain records as protobuf messages; each servicer parses its own requests."""

from __future__ import annotations

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec.structs import asdict

from services.campaign.active_campaigns import ActiveCampaignList
from services.campaign.records import (
    NO_BUDGET,
    BudgetRecord,
    CampaignRecord,
    DatasetRecord,
    ElementRecord,
    FitRecord,
    IssueRecord,
    ProjectRecord,
    SpaceRecord,
    VersionRecord,
)
from services.campaign.versions import PendingChanges
from services.server.keys import ApiKey, Scope
from sluice.frames import Frame
from sluice.names import (
    ApiKeyName,
    CampaignName,
    DatasetName,
    IssueName,
    ProjectName,
    VersionName,
)
from sluice.v1 import campaign_pb2, dataset_pb2, issue_pb2, project_pb2

SCOPES = {
    project_pb2.SCOPE_LOG: Scope.LOG,
    project_pb2.SCOPE_REVIEW: Scope.REVIEW,
    project_pb2.SCOPE_ADMIN: Scope.ADMIN,
}
_SCOPE_NUMBERS = {scope: number for number, scope in SCOPES.items()}


def serialise(request: Message) -> bytes:
    """The request's bytes, equal for equal requests, so that a repeated one is recognised."""
    return request.SerializeToString(deterministic=True)


def timestamp(time_us: int) -> Timestamp:
    """A time given in microseconds since 1970, UTC."""
    message = Timestamp()
    message.FromMicroseconds(time_us)
    return message


def project(record: ProjectRecord) -> project_pb2.Project:
    """A project."""
    return project_pb2.Project(
        name=str(ProjectName(record.id)),
        display_name=record.display_name,
        create_time=timestamp(record.created_us),
        delete_time=timestamp(record.deleted_us) if record.deleted_us else None,
    )


def api_key(record: ApiKey) -> project_pb2.ApiKey:
    """An API key without its secret."""
    return project_pb2.ApiKey(
        name=str(ApiKeyName(record.project, record.id)),
        display_name=record.display_name,
        scopes=[_SCOPE_NUMBERS[scope] for scope in record.scopes],
        create_time=timestamp(round(record.create_time.timestamp() * 1e6)),
    )


def dataset(project: str, record: DatasetRecord) -> dataset_pb2.Dataset:
    """A dataset with its class map."""
    return dataset_pb2.Dataset(
        name=str(DatasetName(project, record.id)),
        display_name=record.display_name,
        task_type=f"TASK_TYPE_{record.task_type.name}",
        classes=[
            dataset_pb2.LabelClass(
                id=label_class.id, name=label_class.name, colour=label_class.colour
            )
            for label_class in record.classes
        ],
        create_time=timestamp(record.created_us),
    )


def issue(project: str, record: IssueRecord) -> issue_pb2.Issue:
    """An issue without its elements."""
    return issue_pb2.Issue(
        name=str(IssueName(project, record.id)),
        display_name=record.display_name,
        dataset=str(DatasetName(project, record.dataset)),
        model_id=record.model_id,
        dimension=record.dimension,
        element_count=record.element_count,
        create_time=timestamp(record.created_us),
        update_time=timestamp(record.updated_us),
        etag=str(record.etag),
    )


def element(dataset: DatasetName, record: ElementRecord) -> issue_pb2.Element:
    """An element of an issue of a dataset."""
    return issue_pb2.Element(
        frame=Frame.from_bytes(record.frame).to_proto(),
        label_id=record.label_id,
        dataset=str(dataset),
    )


def budget(record: BudgetRecord) -> campaign_pb2.Budget | None:
    """A budget, None if it has no limit."""
    if record == NO_BUDGET:
        return None
    return campaign_pb2.Budget(total=record.total, per_day=record.per_day)


def version(name: CampaignName, record: VersionRecord) -> campaign_pb2.CampaignVersion:
    """A version of a campaign."""
    return campaign_pb2.CampaignVersion(
        name=str(VersionName(name.project, name.campaign, str(record.number))),
        number=record.number,
        snapshot_digest=record.snapshot_digest,
        model_digest=record.model_digest,
        basis_digest=record.basis_digest,
        model_id=record.model_id,
        dimension=record.dimension,
        element_count=record.element_count,
        cluster_count=record.cluster_count,
        diverse=record.diverse,
        create_time=timestamp(record.created_us),
        accepted_count=record.accepted_count,
        negative_count=record.negative_count,
        fit=None if record.fit is None else fit_summary(record.fit),
        purged_count=record.purged_count,
        former_model_digests=record.former_digests,
    )


def fit_summary(record: FitRecord) -> campaign_pb2.FitSummary:
    """The fit summary of a version's scoring model."""
    summary = campaign_pb2.FitSummary(
        remainder_weight=record.remainder_weight,
        background_set_aside=record.set_aside,
        prototype_share=record.prototype_share,
    )
    if record.members is not None:
        summary.member_share.CopyFrom(campaign_pb2.MemberShare(**asdict(record.members)))
    return summary


def campaign(
    project: str, record: CampaignRecord, changes: PendingChanges | None = None
) -> campaign_pb2.Campaign:
    """A campaign, with the changes since its version if given."""
    name = CampaignName(project, record.id)
    state = campaign_pb2.Campaign.State
    message = campaign_pb2.Campaign(
        name=str(name),
        display_name=record.display_name,
        issue=str(IssueName(project, record.issue)),
        state=state.STATE_ACTIVE if record.active else state.STATE_INACTIVE,
        threshold=record.threshold,
        budget=budget(record.budget),
        version=version(name, record.version),
        create_time=timestamp(record.created_us),
        update_time=timestamp(record.updated_us),
        etag=str(record.etag),
    )
    if changes is not None:
        message.elements_added = changes.elements_added
        message.elements_removed = changes.elements_removed
        message.commit_adds_background = changes.commit_adds_background
    return message


def active_versions(
    project: str, active: ActiveCampaignList
) -> campaign_pb2.WatchActiveVersionsResponse:
    """The active versions of a project."""
    return campaign_pb2.WatchActiveVersionsResponse(
        generation=active.generation,
        active_versions=[
            campaign_pb2.ActiveVersion(
                campaign=str(CampaignName(project, record.id)),
                issue=str(IssueName(project, record.issue)),
                threshold=record.threshold,
                budget=budget(record.budget),
                version=version(CampaignName(project, record.id), record.version),
            )
            for record in active.campaigns
        ],
    )


def space(record: SpaceRecord) -> campaign_pb2.Space:
    """A space and its background."""
    return campaign_pb2.Space(
        model_id=record.model_id,
        dimension=record.dimension,
        basis_digest=record.basis_digest,
        background_count=record.background_count,
        background_time=None if record.background_us is None else timestamp(record.background_us),
    )
