"""Which frames: the filters of lists, searches and saved views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.curation.records import FailureKind, FrameRow, Group, Split, Status
from services.records.records import Record
from sluice.checks import check_finite, check_text, too_large
from sluice.errors import InvalidArgument
from sluice.frames import MetadataValue

CONDITIONS_MAX: Final = 64
"""Tags, and conditions on fields, of one filter."""


class Condition(Record, frozen=True, kw_only=True):
    """A condition on a field: its value, or its bounds; without either, that it is there."""

    field: str
    equals: MetadataValue | None = None
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, fields: dict[str, MetadataValue]) -> bool:
        """Whether the fields of a frame meet it."""
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
    """Which frames: all conditions that are there must hold."""

    statuses: tuple[Status, ...] = ()
    splits: tuple[Split, ...] = ()
    tags: tuple[str, ...] = ()
    fields: tuple[Condition, ...] = ()
    round: str = ""
    failure_kinds: tuple[FailureKind, ...] = ()

    def passes(self, row: FrameRow, group: Group) -> bool:
        """Whether a frame is one of these."""
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


def check_filter(wanted: Filter, path: str) -> None:
    """Refuse a filter that is not right, naming the field below `path`."""
    for name, values in (("tags", wanted.tags), ("fields", wanted.fields)):
        _check_count(f"{path}.{name}", values)
    for index, tag in enumerate(wanted.tags):
        check_text(f"{path}.tags[{index}]", tag)
    for index, condition in enumerate(wanted.fields):
        _check_condition(f"{path}.fields[{index}]", condition)
    check_text(f"{path}.round", wanted.round, empty=not wanted.failure_kinds)


def _check_count(field: str, values: Sequence[object]) -> None:
    if len(values) > CONDITIONS_MAX:
        problem = f"{len(values)} of them; at most {CONDITIONS_MAX} are accepted"
        raise too_large(field, problem, CONDITIONS_MAX)


def _check_condition(path: str, condition: Condition) -> None:
    check_text(f"{path}.field", condition.field)
    for name, bound in (("at_least", condition.at_least), ("at_most", condition.at_most)):
        if bound is not None:
            check_finite(f"{path}.{name}", bound)
    low, high = condition.at_least, condition.at_most
    if low is not None and high is not None and low > high:
        raise InvalidArgument.of(f"{path}.at_most", f"{high} is less than at_least, {low}")


def _same(value: MetadataValue, wanted: MetadataValue) -> bool:
    """Equal, and not only so since Python counts True as 1."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
