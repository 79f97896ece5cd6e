"""The history of a golden set: one check for each key, which never changes."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from services.records.records import Record
from sluice.checks import check_count, check_text
from sluice.errors import AlreadyExists


class HistoryKey(Record, frozen=True, kw_only=True, order=True):
    """The key of a check: the same round by another annotator is another check."""

    round: int
    schema_version: str
    annotator: str
    guideline_version: str

    def check(self, field: str = "key") -> None:
        """Raise InvalidArgument naming the first invalid value, below `field`."""
        check_count(f"{field}.round", self.round)
        for name in ("schema_version", "annotator", "guideline_version"):
            check_text(f"{field}.{name}", getattr(self, name))

    def __str__(self) -> str:
        return (
            f"round {self.round}, schema {self.schema_version!r}, annotator {self.annotator!r}, "
            f"guideline {self.guideline_version!r}"
        )


@dataclass(frozen=True, slots=True)
class CheckContent:
    """SHA-256 digests of what a check compares.

    The verdict follows from the content, but may change with an update of Sluice: then the stored
    check stays.
    """

    annotations: str
    reference: str


def check_unchanged(key: HistoryKey, stored: CheckContent, content: CheckContent) -> None:
    """Raise AlreadyExists naming the key and each difference if its stored content differs."""
    before, now = asdict(stored), asdict(content)
    if changed := ", ".join(name for name in before if before[name] != now[name]):
        problem = f"key: {key} is already in the history, with different {changed}"
        raise AlreadyExists(problem, metadata={"changed": changed})
