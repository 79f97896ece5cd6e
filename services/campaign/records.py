"""What the campaign service keeps in the ledger, and where each record lies.

| partition | key | holds |
| --- | --- | --- |
| `_system` | `project/{project}` | a project |
| project | `dataset/{dataset}` | a dataset |
| project | `label/{dataset}/{label}` | the frame whose label has that id |
| project | `issue/{issue}` | an issue |
| project | `element/{issue}/…` | an element of an issue; its vector lies in the vector store |
| project | `issue-campaigns/{issue}` | the campaigns of an issue, as long as there is the issue |
| project | `campaign/{campaign}` | a campaign with its newest version |
| project | `version/{campaign}/…` | a version, the newest first |
| project | `space/{model}/{dimension}` | a space and its background |
| project | `making/{campaign}/{snapshot}` | a commit that is under way, or died |
| project | `deleting/{issue}` | an issue whose elements are being deleted |

The counter `generation` of a project grows in every transaction that changes which versions are
to be scored, or how. Times are microseconds since 1970, UTC. An `etag` grows with each change of
its record.
"""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec import structs

from services.records.records import Record, key, now_us, prefix
from sluice.labels import TaskType

GENERATION: Final = "generation"

_NUMBERS = 10**12  # more versions than anyone commits

ChangingT = TypeVar("ChangingT", "Issue", "Campaign")


class Project(Record, frozen=True, kw_only=True):
    """A tenant."""

    id: str
    display_name: str
    created_us: int


class LabelClass(Record, frozen=True, kw_only=True):
    """One class of a class map; an empty colour is the viewer's to choose."""

    id: int
    name: str
    colour: str = ""


class Dataset(Record, frozen=True, kw_only=True):
    """What the labels of a set of frames mean."""

    id: str
    display_name: str
    task_type: TaskType
    classes: tuple[LabelClass, ...] = ()
    created_us: int


class LabelOwner(Record, frozen=True, kw_only=True):
    """The frame that a label id of a dataset belongs to, from its first label on."""

    frame_id: str


class Issue(Record, frozen=True, kw_only=True):
    """An issue without its elements; their space is empty until the first one comes.

    `edits` grows with each change of the elements: equal edits, equal elements.
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


class IssueCampaigns(Record, frozen=True, kw_only=True):
    """The campaigns of an issue, inactive ones too."""

    campaigns: tuple[str, ...] = ()


class ElementEntry(Record, frozen=True, kw_only=True):
    """What tells whether an element has changed: all of it that GetCampaign needs to read."""

    frame_id: str
    label_id: str = ""
    digest: bytes


class Element(ElementEntry, frozen=True, kw_only=True):
    """An element of an issue: its frame, and the point that has its vector.

    `digest` is `elements.content_digest` of the frame, label id and vector.
    """

    frame: bytes
    point: bytes


class Version(Record, frozen=True, kw_only=True):
    """A campaign version; `issue_edits` are the edits of the issue that it is a snapshot of.

    Of its elements, `accepted_count` are samples and not the issue's.
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


class Budget(Record, frozen=True, kw_only=True):
    """How many samples a campaign may collect; None: no bound."""

    total: int | None = None
    per_day: int | None = None


NO_BUDGET: Final = Budget()


class Campaign(Record, frozen=True, kw_only=True):
    """A campaign with its newest version; a threshold of None is the default."""

    id: str
    display_name: str
    issue: str
    active: bool
    threshold: float | None = None
    budget: Budget = NO_BUDGET
    version: Version
    created_us: int
    updated_us: int
    etag: int = 1


class Space(Record, frozen=True, kw_only=True):
    """A space; an empty basis digest: no background yet."""

    model_id: str
    dimension: int
    basis_digest: str = ""
    background_count: int = 0
    background_us: int | None = None


class Making(Record, frozen=True, kw_only=True):
    """A commit under way, from before its first write until its version is bound.

    It names what no version names yet: the snapshot, and the basis that its space may replace
    meanwhile. With `removing` it is the doctor's: what a commit that died has left goes.
    """

    started_us: int
    basis_digest: str = ""
    removing: bool = False


class Deleting(Record, frozen=True, kw_only=True):
    """Says that the elements of a deleted issue are being deleted."""

    started_us: int


def changed(record: ChangingT, **fields: object) -> ChangingT:
    """The record with those fields changed, at this time, under the next etag."""
    return structs.replace(record, **fields, updated_us=now_us(), etag=record.etag + 1)


def project_key(project: str) -> str:
    """Where a project lies, in the partition `SYSTEM`."""
    return key("project", project)


def dataset_key(dataset: str) -> str:
    """Where a dataset lies."""
    return key("dataset", dataset)


def label_key(dataset: str, label_id: str) -> str:
    """Where it lies whose a label id is."""
    return key("label", dataset, label_id)


def issue_key(issue: str) -> str:
    """Where an issue lies."""
    return key("issue", issue)


def issue_campaigns_key(issue: str) -> str:
    """Where the campaigns of an issue are listed."""
    return key("issue-campaigns", issue)


def element_prefix(issue: str) -> str:
    """What the keys of all elements of an issue start with."""
    return prefix("element", issue)


def element_key(issue: str, frame_id: str, label_id: str) -> str:
    """Where an element lies: ordered by frame id, which percent-encoding would not keep."""
    # A NUL ends the frame id and sorts before whatever a longer one goes on with; one inside of it
    # is told from the end by what follows.
    return element_prefix(issue) + frame_id.replace("\0", "\0\1") + "\0\0" + label_id


def campaign_key(campaign: str) -> str:
    """Where a campaign lies."""
    return key("campaign", campaign)


def version_prefix(campaign: str) -> str:
    """What the keys of all versions of a campaign start with."""
    return prefix("version", campaign)


def version_key(campaign: str, number: int) -> str:
    """Where a version lies: the newest first, since a ledger is read in one direction."""
    return f"{version_prefix(campaign)}{_NUMBERS - number:012}"


def making_key(campaign: str, snapshot_digest: str) -> str:
    """Where a commit that makes a snapshot of a campaign says so."""
    return key("making", campaign, snapshot_digest)


def deleting_key(issue: str) -> str:
    """Where the deletion of an issue's elements says that it is not over."""
    return key("deleting", issue)


def space_key(model_id: str, dimension: int) -> str:
    """Where a space lies."""
    return key("space", model_id, f"{dimension:05}")
