"""What the curation service keeps in the ledger, and where each record lies.

All lie in the partition of their project.

| key | holds |
| --- | --- |
| `dataset-frames/{dataset}` | how many frames there are, and their space |
| `frame/{dataset}/{frame}` | a frame's group, tags, fields and failures |
| `frame-document/{dataset}/{frame}` | the frame itself |
| `frame-at/{dataset}/{number}` | which frame has that number |
| `frame-label/{dataset}/{label}` | the frame whose label has that id |
| `group/{dataset}/{group}` | a group's frames, status and split |
| `view/{dataset}/{view}` | a saved filter |
| `search/{dataset}/{search}` | how a search cuts the dataset into batches |
| `round/{dataset}/{round}` | a round |
| `counters-mended/{dataset}` | when a doctor mended counters of the dataset |
| `prediction/{dataset}/{round}/{frame}` | what the model of a round predicted in a frame |

What lies below `batch`, `batch-plan` and `pick` is in `batches/records.py`.

The counters `groups/{dataset}/{status}` and `split/{dataset}/{split}` count groups,
`held-out/{dataset}/{status}` those of them that are held out, and `predicted/{dataset}/{round}`
frames. Times are microseconds since 1970, UTC.
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


STATUS_ORDER = {status: place for place, status in enumerate(Status)}
"""Statuses by how far they are."""


class Split(StrEnum):
    """What a group is used for."""

    NONE = ""
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    GOLDEN = "golden"


HELD_OUT: Final = frozenset({Split.VALIDATION, Split.TEST, Split.GOLDEN})
"""What measures models is never labelled for their training."""


class FailureKind(StrEnum):
    """What a model did wrong in a frame."""

    MISSED = "missed"
    SPURIOUS = "spurious"
    CONFUSED = "confused"


class DatasetFrames(Record, frozen=True, kw_only=True):
    """The frames of a dataset as a whole; numbers go from 1 to `count`.

    The space is empty until the first embedding comes. No frame has more than `rows_per_frame_max`
    of them.
    """

    count: int = 0
    model_id: str = ""
    dimension: int = 0
    rows_per_frame_max: int = 0


class StoredVector(Record, frozen=True, kw_only=True):
    """An embedding of a frame, or of the crop with that label id, and the point that has it."""

    label_id: str = ""
    point: bytes


class FrameRow(Record, frozen=True, kw_only=True):
    """What is known of a frame beside its document; `failures` are by round.

    The digests tell whether what is appended again has changed; that of no vectors is empty.
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
    created_us: int


class FrameDocument(Record, frozen=True, kw_only=True):
    """A frame as protobuf, see `Frame.to_bytes`."""

    frame: bytes


class FrameReference(Record, frozen=True, kw_only=True):
    """The frame that a number or a label id is of."""

    frame_id: str


class Group(Record, frozen=True, kw_only=True):
    """A scene; its slices are `frames`, in the order in which they were appended."""

    id: str
    frames: tuple[str, ...]
    slices: tuple[str, ...]
    status: Status = Status.UNLABELLED
    split: Split = Split.NONE


def dataset_frames_key(dataset: str) -> str:
    """Where the frames of a dataset are counted."""
    return key("dataset-frames", dataset)


def frame_prefix(dataset: str) -> str:
    """What the keys of all rows of frames of a dataset start with."""
    return prefix("frame", dataset)


def frame_key(dataset: str, frame_id: str) -> str:
    """Where a frame's row lies."""
    return key("frame", dataset, frame_id)


def document_key(dataset: str, frame_id: str) -> str:
    """Where a frame's document lies."""
    return key("frame-document", dataset, frame_id)


def number_prefix(dataset: str) -> str:
    """What the keys of all numbers of a dataset start with."""
    return prefix("frame-at", dataset)


def number_key(dataset: str, number: int) -> str:
    """Where it lies which frame has a number, in their order."""
    return f"{number_prefix(dataset)}{number:0{_NUMBER_DIGITS}}"


def label_key(dataset: str, label_id: str) -> str:
    """Where it lies whose a label id is."""
    return key("frame-label", dataset, label_id)


def group_prefix(dataset: str) -> str:
    """What the keys of all groups of a dataset start with."""
    return prefix("group", dataset)


def group_key(dataset: str, group: str) -> str:
    """Where a group lies."""
    return key("group", dataset, group)


def status_counter(dataset: str, status: Status) -> str:
    """What counts the groups of a status."""
    return key("groups", dataset, status)


def split_counter(dataset: str, split: Split) -> str:
    """What counts the groups of a split."""
    return key("split", dataset, split)


def held_out_counter(dataset: str, status: Status) -> str:
    """What counts the groups of a status that are held out."""
    return key("held-out", dataset, status)


def counters_of(dataset: str, group: Group) -> list[str]:
    """All that counts a group; who changes its status or split moves it from these to those."""
    counters = [status_counter(dataset, group.status)]
    if group.split is not Split.NONE:
        counters.append(split_counter(dataset, group.split))
    if group.split in HELD_OUT:
        counters.append(held_out_counter(dataset, group.status))
    return counters
