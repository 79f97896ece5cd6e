"""The records that the curation service keeps in the ledger, and their keys.

Each is in the partition of its project.
| key | holds |
| --- | --- |
| `dataset-frames/{dataset}` | how many frames there are, and their space |
| `frame/{dataset}/{frame}` | a frame's group, tags, fields and failures |
| `frame-document/{dataset}/{frame}` | the frame itself |
| `frame-at/{dataset}/{number}` | the frame with that number |
| `frame-label/{dataset}/{label}` | the frame that owns that label id |
| `group/{dataset}/{group}` | a group's frames, status and split |
| `view/{dataset}/{view}` | a saved filter |
| `search/{dataset}/{search}` | how a search cuts the dataset into batches |
| `round/{dataset}/{round}` | a round |
| `counters-mended/{dataset}` | when counters were repaired or records deleted last |
| `deleting-frames/{id}` | a deletion of frames that is running, or was interrupted |
| `prediction/{dataset}/{round}/{frame}` | the predictions of a round's model for a frame |

Keys below `batch`, `batch-plan` and `pick` are described in `batches/records.py`.

The counters `groups/{dataset}/{status}` and `split/{dataset}/{split}` count groups,
`held-out/{dataset}/{status}` counts held-out groups, and `predicted/{dataset}/{round}` counts
frames with predictions. Times are microseconds since 1970, UTC.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import field

from services.records.records import Record, key, prefix
from sluice.frames import MetadataValue

_NUMBER_DIGITS = 12


class Status(StrEnum):
    """How far the labels of a group are, in the order in which groups move on."""

    UNLABELLED = "unlabelled"
    SELECTED = "selected"
    ANNOTATED = "annotated"
    REVIEWED = "reviewed"


STATUS_ORDER = {status: position for position, status in enumerate(Status)}
"""The position of each status in the order in which groups move on."""


class Split(StrEnum):
    """What a group is used for."""

    NONE = ""
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    GOLDEN = "golden"


HELD_OUT: Final = frozenset({Split.VALIDATION, Split.TEST, Split.GOLDEN})
"""Splits that measure models: their groups are never picked for training."""


LOST_DIGEST: Final = b"lost"
"""Digest that the doctor notes for lost content. No real content has it, so a frame that is
appended again is stored."""


class FailureKind(StrEnum):
    """How a model failed in a frame."""

    MISSED = "missed"
    SPURIOUS = "spurious"
    CONFUSED = "confused"


class DatasetFrames(Record, frozen=True, kw_only=True):
    """How many frames a dataset has got, numbered from 1 to `count`, and the space of embeddings.

    `deleted` of them were deleted since; their numbers are not used again.

    The space is empty until the first embedding is appended. No frame has more embeddings than
    `rows_per_frame_max`.
    """

    count: int = 0
    model_id: str = ""
    dimension: int = 0
    rows_per_frame_max: int = 0
    deleted: int = 0

    @property
    def remaining(self) -> int:
        """The frames that were not deleted."""
        return self.count - self.deleted


class StoredVector(Record, frozen=True, kw_only=True):
    """The vector store's point for the embedding of a frame, or of its crop `label_id`."""

    label_id: str = ""
    point: bytes


class FrameRow(Record, frozen=True, kw_only=True):
    """Everything about a frame except its document; `failures` are keyed by round.

    The digests show whether a frame that is appended again has changed; without vectors,
    `vectors_digest` is empty. `labelled`: the frame's labels are stated, even if it has none.
    """

    id: str
    number: int
    group: str
    slice: str = ""
    document_digest: bytes
    vectors_digest: bytes = b""
    vectors: tuple[StoredVector, ...] = ()
    tags: tuple[str, ...] = ()
    fields: dict[str, MetadataValue] = field(default_factory=dict)
    failures: dict[str, tuple[FailureKind, ...]] = field(default_factory=dict)
    labelled: bool = False
    created_us: int


class FrameDocument(Record, frozen=True, kw_only=True):
    """A frame as protobuf, see `Frame.to_bytes`."""

    frame: bytes


class FrameReference(Record, frozen=True, kw_only=True):
    """The frame that a number or a label id belongs to."""

    frame_id: str


class Group(Record, frozen=True, kw_only=True):
    """A scene; its slices are `frames`, in the order in which they were appended."""

    id: str
    frames: tuple[str, ...]
    slices: tuple[str, ...]
    status: Status = Status.UNLABELLED
    split: Split = Split.NONE


class CounterRepair(Record, frozen=True, kw_only=True):
    """When counters were repaired or records deleted last: counts under way since are void."""

    mended_us: int


def counter_repair_key(dataset: str) -> str:
    """Key of the last repair of a dataset's counters."""
    return key("counters-mended", dataset)


def dataset_frames_key(dataset: str) -> str:
    """Key of a dataset's `DatasetFrames`."""
    return key("dataset-frames", dataset)


def frame_prefix(dataset: str) -> str:
    """Prefix of the keys of a dataset's frame rows."""
    return prefix("frame", dataset)


def frame_key(dataset: str, frame_id: str) -> str:
    """Key of a frame's row."""
    return key("frame", dataset, frame_id)


def document_key(dataset: str, frame_id: str) -> str:
    """Key of a frame's document."""
    return key("frame-document", dataset, frame_id)


def number_prefix(dataset: str) -> str:
    """Prefix of the keys of a dataset's frame numbers."""
    return prefix("frame-at", dataset)


def number_key(dataset: str, number: int) -> str:
    """Key that records which frame has a number; keys sort by number."""
    return f"{number_prefix(dataset)}{number:0{_NUMBER_DIGITS}}"


def label_key(dataset: str, label_id: str) -> str:
    """Key that records which frame owns a label id."""
    return key("frame-label", dataset, label_id)


def group_prefix(dataset: str) -> str:
    """Prefix of the keys of a dataset's groups."""
    return prefix("group", dataset)


def group_key(dataset: str, group: str) -> str:
    """Key of a group."""
    return key("group", dataset, group)


def status_counter(dataset: str, status: Status) -> str:
    """Counter of the groups with a status."""
    return key("groups", dataset, status)


def split_counter(dataset: str, split: Split) -> str:
    """Counter of the groups in a split."""
    return key("split", dataset, split)


def held_out_counter(dataset: str, status: Status) -> str:
    """Counter of the held-out groups with a status."""
    return key("held-out", dataset, status)


def counters_of(dataset: str, group: Group) -> list[str]:
    """Every counter that counts a group; a change of its status or split must update them."""
    counters = [status_counter(dataset, group.status)]
    if group.split is not Split.NONE:
        counters.append(split_counter(dataset, group.split))
    if group.split in HELD_OUT:
        counters.append(held_out_counter(dataset, group.status))
    return counters
