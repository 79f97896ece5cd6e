"""What golden QA keeps in the ledger, and where each record lies.

All lie in the partition of their project; annotations and whole checks are blobs that they name.

| key | holds |
| --- | --- |
| `golden-set/{dataset}/{set}` | a golden set; it never changes |
| `golden-check/{dataset}/{set}/{check}` | a check; only its override may come later |
| `golden-newest/{dataset}/{set}` | which check of a golden set was added last |
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

import msgspec

from services.curation.golden.history import HistoryKey
from services.curation.golden.summary import Summary
from services.curation.golden.verdict import GoldenLimits, GoldenVerdict
from services.records.records import Record, key, prefix
from sluice.errors import NotFound
from sluice.labels import TaskType
from sluice.names import DatasetName, GoldenCheckName, GoldenSetName

_ID = re.compile("(0|[1-9][0-9]{0,9})-[0-9a-f]{16}")
_ID_DIGITS: Final = 16


class GoldenSet(Record, frozen=True, kw_only=True):
    """A golden set; `annotations` is the digest of its images, and of the blob that has them."""

    id: str
    display_name: str
    task_type: TaskType
    classes: tuple[str, ...]
    limits: GoldenLimits
    annotations: str
    images: int
    labels: int
    created_us: int


class CheckOverride(Record, frozen=True, kw_only=True):
    """Who lets work go on in spite of a failed check, and why."""

    reason: str
    decided_by: str = ""
    key_id: str
    created_us: int

    def says_the_same(self, other: CheckOverride) -> bool:
        """Whether both are the same decision."""
        mine = (self.reason, self.decided_by, self.key_id)
        return mine == (other.reason, other.decided_by, other.key_id)


class RoundCheck(Record, frozen=True, kw_only=True):
    """A check as listings need it; `check` is the digest of the blob that has all of it.

    `annotations` and `reference` are the digests of the round and of the golden set. `summary`
    has no other classes: nothing bounds their number.
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
    def blocks(self) -> bool:
        """Whether it failed and is not overridden."""
        return self.verdict is GoldenVerdict.FAIL and self.override is None


class NewestCheck(Record, frozen=True, kw_only=True):
    """The check of a golden set that was added last."""

    check: str


def golden_set_key(name: GoldenSetName) -> str:
    """Where a golden set lies."""
    return key("golden-set", name.dataset, name.golden_set)


def golden_sets_prefix(name: DatasetName) -> str:
    """What the keys of all golden sets of a dataset start with."""
    return prefix("golden-set", name.dataset)


def newest_key(name: GoldenSetName) -> str:
    """Where it lies which check was added last."""
    return key("golden-newest", name.dataset, name.golden_set)


def newest_prefix(name: DatasetName) -> str:
    """What the keys of the newest checks of a dataset start with."""
    return prefix("golden-newest", name.dataset)


def checks_prefix(name: GoldenSetName) -> str:
    """What the keys of all checks of a golden set start with."""
    return prefix("golden-check", name.dataset, name.golden_set)


def check_key(name: GoldenCheckName) -> str:
    """Where a check lies: ordered by round. NotFound for what can be no check's id."""
    found = _ID.fullmatch(name.check)
    if found is None:
        raise NotFound(f"{name} does not exist")
    golden_set = GoldenSetName(name.project, name.dataset, name.golden_set)
    return f"{checks_prefix(golden_set)}{int(found[1]):010}/{name.check}"


def check_name(golden_set: GoldenSetName, history_key: HistoryKey) -> GoldenCheckName:
    """The name of the check that has that key: its round, and a digest of all of it."""
    digest = sha256(msgspec.msgpack.encode(history_key)).hexdigest()[:_ID_DIGITS]
    where = (golden_set.project, golden_set.dataset, golden_set.golden_set)
    return GoldenCheckName(*where, f"{history_key.round}-{digest}")
