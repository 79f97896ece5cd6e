"""The history of a golden set: one entry for each round, added once and never changed."""

from __future__ import annotations

from collections.abc import Sequence

from services.curation.golden.verdict import CheckDetails
from services.records.records import Record
from sluice.checks import check_count, check_text
from sluice.errors import AlreadyExists

_CONTENT = ("annotations", "reference")
"""What must not change under a key. The check follows from it, and may be another after an update
of Sluice: the one that was made first stays."""


class HistoryKey(Record, frozen=True, kw_only=True, order=True):
    """What tells entries apart: the same round by another annotator is another entry."""

    round: int
    schema_version: str
    annotator: str
    guideline_version: str

    def check(self, field: str = "key") -> None:
        """Raise InvalidArgument naming what is wrong, and where below `field`."""
        check_count(f"{field}.round", self.round)
        for name in ("schema_version", "annotator", "guideline_version"):
            check_text(f"{field}.{name}", getattr(self, name))

    def __str__(self) -> str:
        return (
            f"round {self.round}, schema {self.schema_version!r}, annotator {self.annotator!r}, "
            f"guideline {self.guideline_version!r}"
        )


class HistoryEntry(Record, frozen=True, kw_only=True):
    """A checked round: the digests of its annotations and of its reference's, and the check."""

    key: HistoryKey
    annotations: bytes
    reference: bytes
    check: CheckDetails


def admit(existing: HistoryEntry | None, entry: HistoryEntry) -> HistoryEntry:
    """The entry to keep under a key: the one that is there, or else the new one.

    Raises InvalidArgument for a bad key, and AlreadyExists naming the key and what is different
    where the content changed.
    """
    entry.key.check()
    if existing is None:
        return entry
    if changed := ", ".join(_differences(existing, entry)):
        problem = f"key: {entry.key} is in the history already, with other {changed}"
        raise AlreadyExists(problem, metadata={"changed": changed})
    return existing


def add(history: Sequence[HistoryEntry], entry: HistoryEntry) -> tuple[HistoryEntry, ...]:
    """The history with an entry, in the order of keys; the same one where it is there already.

    Raises what `admit` raises.
    """
    by_key = {known.key: known for known in history}
    by_key[entry.key] = admit(by_key.get(entry.key), entry)
    return tuple(by_key[key] for key in sorted(by_key))


def _differences(first: HistoryEntry, second: HistoryEntry) -> list[str]:
    return [name for name in _CONTENT if getattr(first, name) != getattr(second, name)]
