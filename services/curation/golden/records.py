"""The ledger records of golden QA, and their keys.

They are in the partition of their project; they name the blobs of annotations and check details.

| key | holds |
| --- | --- |
| `golden-set/{dataset}/{set}` | a golden set; it never changes |
|| `golden-check/{dataset}/{set}/{check}` | a check; only its override may be added later |
| `golden-newest/{dataset}/{set}` | the check of a golden set that decides ||
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import field

from services.curation.golden.history import HistoryKey
from services.curation.golden.limits import GoldenLimits
from services.curation.golden.summary import Summary
from services.curation.golden.verdict import GoldenVerdict
from services.records.records import Record, key, prefix
from sluice.errors import NotFound
from sluice.labels import TaskType
from sluice.names import DatasetName, GoldenCheckName, GoldenSetName

_ID = re.compile("(0|[1-9][0-9]{0,9})-[0-9a-f]{16}")
_ID_DIGITS: Final = 16


class GoldenSet(Record, frozen=True, kw_only=True):
    """A golden set; `annotations` is the digest of its images, and of the blob that has them.

    `labels` counts all labels, `crowds` the crowds of them. `other_classes` counts labels by class
    for the most frequent classes that are not in the class map.
    """

    id: str
    display_name: str
    task_type: TaskType
    classes: tuple[str, ...]
    limits: GoldenLimits
    annotations: str
    images: int
    labels: int
    crowds: int = 0
    other_classes: dict[str, int] = field(default_factory=dict)
    created_us: int


class CheckOverride(Record, frozen=True, kw_only=True):
    """The decision to continue despite a failed check."""

    reason: str
    decided_by: str = ""
    key_id: str
    created_us: int

    def is_same_decision(self, other: CheckOverride) -> bool:
        """Whether both are the same decision."""
        decision = (self.reason, self.decided_by, self.key_id)
        return decision == (other.reason, other.decided_by, other.key_id)


class RoundCheck(Record, frozen=True, kw_only=True):
    """A check without its details; `check` is the digest of the blob that has them.

    `annotations` and `reference` are the digests of the round and of the golden set. `summary`
    lists no other classes, since their number has no limit.
    """

    key: HistoryKey
    annotations: str
    reference: str
    check: str
    verdict: GoldenVerdict
    reason: str
    summary: Summary
    missing: int
    created_us: int
    override: CheckOverride | None = None

    @property
    def decides(self) -> bool:
        """Whether enough was compared for a verdict."""
        return self.verdict is not GoldenVerdict.INSUFFICIENT

    @property
    def blocks(self) -> bool:
        """Whether it failed and is not overridden."""
        return self.verdict is GoldenVerdict.FAIL and self.override is None


class NewestCheck(Record, frozen=True, kw_only=True):
    """The check of a golden set that decides: the last one that is not insufficient.

    It is the last one of all if every check is insufficient.
    """

    check: str


def golden_set_key(name: GoldenSetName) -> str:
    """Key of a golden set."""
    return key("golden-set", name.dataset, name.golden_set)


def golden_sets_prefix(name: DatasetName) -> str:
    """Prefix of the golden sets of a dataset."""
    return prefix("golden-set", name.dataset)


def newest_key(name: GoldenSetName) -> str:
    """Key of the newest check of a golden set."""
    return key("golden-newest", name.dataset, name.golden_set)


def newest_prefix(name: DatasetName) -> str:
    """Prefix of the newest checks of a dataset."""
    return prefix("golden-newest", name.dataset)


def checks_prefix(name: GoldenSetName) -> str:
    """Prefix of the checks of a golden set."""
    return prefix("golden-check", name.dataset, name.golden_set)


def check_key(name: GoldenCheckName) -> str:
    """Key of a check, ordered by round; NotFound for a malformed check id."""
    match = _ID.fullmatch(name.check)
    if match is None:
        raise NotFound.of(name)
    golden_set = GoldenSetName(name.project, name.dataset, name.golden_set)
    return f"{checks_prefix(golden_set)}{int(match[1]):010}/{name.check}"


def check_name(golden_set: GoldenSetName, history_key: HistoryKey) -> GoldenCheckName:
    """The name of the check with a history key: its id is the round and a digest of the key."""
    digest = sha256(msgspec.msgpack.encode(history_key)).hexdigest()[:_ID_DIGITS]
    parent = (golden_set.project, golden_set.dataset, golden_set.golden_set)
    return GoldenCheckName(*parent, f"{history_key.round}-{digest}")
