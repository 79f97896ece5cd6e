"""The filters of lists, searches and saved views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.curation.records import FailureKind, FrameRow, Group, Split, Status
from services.records.records import Record
from sluice.checks import check_finite, check_text, too_large
from sluice.errors import InvalidArgument
from sluice.frames import MetadataValue

CONDITIONS_MAX: Final = 64
"""Maximum number of tags, and of conditions on fields, in one filter."""


class Condition(Record, frozen=True, kw_only=True):
    """A condition on a field: its value or its bounds; without either, that the field exists."""

    field: str
    equals: MetadataValue | None = None
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, fields: dict[str, MetadataValue]) -> bool:
        """Whether the fields of a frame meet the condition."""
        if self.field not in fields:
            return False
        value = fields[self.field]
        if self.equals is not None and not _same(value, self.equals):
            return False
        if self.at_least is None and self.at_most is None:
            return True
        if isinstance(value, bool | str):
            return False
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)


class Filter(Record, frozen=True, kw_only=True):
    """Frames pass if they meet all conditions that are set."""

    statuses: tuple[Status, ...] = ()
    splits: tuple[Split, ...] = ()
    tags: tuple[str, ...] = ()
    fields: tuple[Condition, ...] = ()
    round: str = ""
    failure_kinds: tuple[FailureKind, ...] = ()

    def passes(self, row: FrameRow, group: Group) -> bool:
        """Whether a frame passes."""
        return (
            (not self.statuses or group.status in self.statuses)
            and (not self.splits or group.split in self.splits)
            and set(self.tags) <= set(row.tags)
            and all(condition.holds(row.fields) for condition in self.fields)
            and self._failed(row)
        )

    def _failed(self, row: FrameRow) -> bool:
        if not self.round:
            return True
        kinds = row.failures.get(self.round, ())
        return bool(set(kinds) & set(self.failure_kinds) if self.failure_kinds else kinds)


EVERYTHING: Final = Filter()


def check_filter(frame_filter: Filter, path: str) -> None:
    """Raise InvalidArgument naming the invalid field, below `path`."""
    for name, values in (("tags", frame_filter.tags), ("fields", frame_filter.fields)):
        _check_count(f"{path}.{name}", values)
    for index, tag in enumerate(frame_filter.tags):
        check_text(f"{path}.tags[{index}]", tag)
    for index, condition in enumerate(frame_filter.fields):
        _check_condition(f"{path}.fields[{index}]", condition)
    check_text(f"{path}.round", frame_filter.round, empty=not frame_filter.failure_kinds)


def _check_count(field: str, values: Sequence[object]) -> None:
    if len(values) > CONDITIONS_MAX:
        problem = f"{len(values)} entries; at most {CONDITIONS_MAX} are accepted"
        raise too_large(field, problem, CONDITIONS_MAX)


def _check_condition(path: str, condition: Condition) -> None:
    check_text(f"{path}.field", condition.field)
    for name, bound in (("at_least", condition.at_least), ("at_most", condition.at_most)):
        if bound is not None:
            check_finite(f"{path}.{name}", bound)
    low, high = condition.at_least, condition.at_most
    if low is not None and high is not None and low > high:
        raise InvalidArgument.of(f"{path}.at_most", f"{high} is less than at_least, {low}")


def _same(value: MetadataValue, expected: MetadataValue) -> bool:
    """Whether two values are equal; other than in Python, True is not 1."""
    return value == expected and isinstance(value, bool) == isinstance(expected, bool)
