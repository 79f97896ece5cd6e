"""The ledger records of the campaign service, and their keys.

| partition | key | holds |
| --- | --- | --- |
| `_system` | `project/{project}` | a project |
| `_system` | `deleted-project/{project}` | the tombstone of a project |
| project | `dataset/{dataset}` | a dataset |
| project | `deleted-dataset/{dataset}` | the tombstone of a dataset |
| project | `label/{dataset}/{label}` | the frame that owns the label id |
| project | `issue/{issue}` | an issue |
| project | `element/{issue}/…` | an element of an issue; its vector is in the vector store |
| project | `issue-campaigns/{issue}` | the campaigns of an issue; deleted with the issue |
| project | `campaign/{campaign}` | a campaign with its newest version |
| project | `version/{campaign}/…` | a version; the newest has the lowest key |
| project | `space/{model}/{dimension}` | a space and its background |
| project | `making/{campaign}/{snapshot}` | a commit that is running, or crashed |
| project | `deleted-issue/{issue}` | the tombstone of an issue |
| project | `deleted-campaign/{campaign}` | the tombstone of a campaign |

The counter `generation` of a project grows with every change of the set of active versions, their
thresholds or budgets. Times are microseconds since 1970, UTC. An `etag` grows with each change of
its record.
"""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec import structs

from services.records.records import Record, key, now_us, prefix
from services.records.tombstones import DeletionCounts
from sluice.labels import TaskType

GENERATION: Final = "generation"

_VERSION_NUMBERS: Final = 10**12
"""Exclusive upper bound of version numbers; keys count down from it."""

RevisedT = TypeVar("RevisedT", "IssueRecord", "CampaignRecord")


class ProjectRecord(Record, frozen=True, kw_only=True):
    """A tenant; `deleted_us` is set while it is being deleted."""

    id: str
    display_name: str
    created_us: int
    deleted_us: int = 0


class ProjectTombstone(Record, frozen=True, kw_only=True):
    """A deleted project; what it had is in its mark, see `services/records/project_marks.py`."""

    deleted_us: int


class LabelClassRecord(Record, frozen=True, kw_only=True):
    """One class of a class map; with an empty colour, viewers choose one."""

    id: int
    name: str
    colour: str = ""


class DatasetRecord(Record, frozen=True, kw_only=True):
    """A dataset: the task type and class map of its labels."""

    id: str
    display_name: str
    task_type: TaskType
    classes: tuple[LabelClassRecord, ...] = ()
    created_us: int


class DatasetTombstone(Record, frozen=True, kw_only=True):
    """A deleted dataset."""

    deleted_us: int


class LabelOwnerRecord(Record, frozen=True, kw_only=True):
    """The frame that owns a label id of a dataset, from the first label with that id on."""

    frame_id: str


class IssueRecord(Record, frozen=True, kw_only=True):
    """An issue without its elements; `model_id` and `dimension` are set by the first element.

    `edits` grows with each change of the elements: equal edits mean equal elements.
    """

    id: str
    display_name: str
    dataset: str
    model_id: str = ""
    dimension: int = 0
    element_count: int = 0
    edits: int = 0
    created_us: int
    updated_us: int
    etag: int = 1


class IssueCampaignsRecord(Record, frozen=True, kw_only=True):
    """The campaigns of an issue, including inactive ones."""

    campaigns: tuple[str, ...] = ()


class ElementEntry(Record, frozen=True, kw_only=True):
    """Ids and content digest of an element: the part of its record that a manifest lists."""

    frame_id: str
    label_id: str = ""
    digest: bytes


class ElementRecord(ElementEntry, frozen=True, kw_only=True):
    """An element of an issue: its encoded frame, and the id of the point that has its vector.

    `digest` is `candidates.content_digest` of the frame, label id and vector.
    """

    frame: bytes
    point: bytes


class MemberShareRecord(Record, frozen=True, kw_only=True):
    """The share of members in a background, 0 to 1, and its interval."""

    estimate: float
    low: float
    high: float


class FitRecord(Record, frozen=True, kw_only=True):
    """The fit summary of a scoring model; `members` is None if the share was not estimated."""

    remainder_weight: float
    prototype_share: float = 0.0
    set_aside: int
    members: MemberShareRecord | None = None


class VersionRecord(Record, frozen=True, kw_only=True):
    """A campaign version; `issue_edits` are the issue's edits at the time of the snapshot.

    `element_count` includes the `accepted_count` samples that were taken in beside the issue's
    elements. `fit` is None if the scoring model has format 2, which earlier versions of Sluice
    wrote, and without a scoring model.

    Only a deletion of frames changes it. `purged` are the deleted frames that the snapshot had, in
    `purged_count` members; `purged_us` is when it was purged last. The model is then built again
    from the other members, in the current format, or is "" if no element is left; `former_digests`
    are of the models before. With its campaign deleted, `deleted_us` is set: it has no files and no
    points any more.
    """

    number: int
    snapshot_digest: str
    model_digest: str
    basis_digest: str = ""
    model_id: str
    dimension: int
    element_count: int
    cluster_count: int
    diverse: bool
    issue_edits: int
    created_us: int
    accepted_count: int = 0
    negative_count: int = 0
    fit: FitRecord | None = None
    purged: tuple[str, ...] = ()
    purged_count: int = 0
    purged_us: int = 0
    former_digests: tuple[str, ...] = ()
    deleted_us: int = 0


class BudgetRecord(Record, frozen=True, kw_only=True):
    """Maximum number of samples that a campaign collects; None means no limit."""

    total: int | None = None
    per_day: int | None = None


NO_BUDGET: Final = BudgetRecord()


class CampaignRecord(Record, frozen=True, kw_only=True):
    """A campaign with its newest version; a threshold of None means the default."""

    id: str
    display_name: str
    issue: str
    active: bool
    threshold: float | None = None
    budget: BudgetRecord = NO_BUDGET
    version: VersionRecord
    created_us: int
    updated_us: int
    etag: int = 1


class SpaceRecord(Record, frozen=True, kw_only=True):
    """A space; its basis digest is empty until it gets a background."""

    model_id: str
    dimension: int
    basis_digest: str = ""
    background_count: int = 0
    background_us: int | None = None


class PendingCommitRecord(Record, frozen=True, kw_only=True):
    """A running commit, stored before its first write and deleted when its version is bound.

    The key names its snapshot; `basis_digest` is referenced by no version yet either, and the space
    may get another basis meanwhile. `removing` is set by the doctor while it removes the leftovers
    of a crashed commit.
    """

    started_us: int
    basis_digest: str = ""
    removing: bool = False


class IssueTombstone(Record, frozen=True, kw_only=True):
    """A deleted issue; `done` once all its elements are removed."""

    deleted_us: int
    counts: DeletionCounts = DeletionCounts()
    done: bool = False


class CampaignTombstone(Record, frozen=True, kw_only=True):
    """A deleted campaign; `done` once all that it had is removed."""

    deleted_us: int
    counts: DeletionCounts = DeletionCounts()
    done: bool = False


def revise(record: RevisedT, **fields: object) -> RevisedT:
    """A copy of a record with new values, the current update time and the next etag."""
    return structs.replace(record, **fields, updated_us=now_us(), etag=record.etag + 1)


def project_key(project: str) -> str:
    """Key of a project, in the partition `_system`."""
    return key("project", project)


def project_tombstone_key(project: str) -> str:
    """Key of the tombstone of a project, in the partition `_system`."""
    return key("deleted-project", project)


def dataset_key(dataset: str) -> str:
    """Key of a dataset."""
    return key("dataset", dataset)


def label_prefix(dataset: str) -> str:
    """Prefix of the keys of a dataset's label ids."""
    return prefix("label", dataset)


def label_key(dataset: str, label_id: str) -> str:
    """Key that records which frame owns a label id."""
    return key("label", dataset, label_id)


def issue_key(issue: str) -> str:
    """Key of an issue."""
    return key("issue", issue)


def issue_campaigns_key(issue: str) -> str:
    """Key of the list of an issue's campaigns."""
    return key("issue-campaigns", issue)


def element_prefix(issue: str) -> str:
    """Prefix of the keys of an issue's elements."""
    return prefix("element", issue)


def element_key(issue: str, frame_id: str, label_id: str) -> str:
    """Key of an element; keys sort by frame id, so the id is not percent-encoded."""
    # Two NULs end the frame id and sort before any longer id; a NUL inside of the id is followed
    # by \1, which tells it from the end.
    return element_prefix(issue) + frame_id.replace("\0", "\0\1") + "\0\0" + label_id


def campaign_key(campaign: str) -> str:
    """Key of a campaign."""
    return key("campaign", campaign)


def version_prefix(campaign: str) -> str:
    """Prefix of the keys of a campaign's versions."""
    return prefix("version", campaign)


def version_key(campaign: str, number: int) -> str:
    """Key of a version; the newest sorts first, since a ledger is scanned in one direction."""
    return f"{version_prefix(campaign)}{_VERSION_NUMBERS - number:012}"


def pending_commit_key(campaign: str, snapshot_digest: str) -> str:
    """Key of the running commit of a snapshot."""
    return key("making", campaign, snapshot_digest)


def issue_tombstone_key(issue: str) -> str:
    """Key of the tombstone of an issue."""
    return key("deleted-issue", issue)


def campaign_tombstone_key(campaign: str) -> str:
    """Key of the tombstone of a campaign."""
    return key("deleted-campaign", campaign)


def space_key(model_id: str, dimension: int) -> str:
    """Key of a space."""
    return key("space", model_id, f"{dimension:05}")
