"""Saying something of frames and groups that are there: status, tags, fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from msgspec import structs

from services.curation.context import Curation
from services.curation.records import (
    STATUS_ORDER,
    FrameRow,
    Group,
    Status,
    counters_of,
    frame_key,
    group_key,
)
from services.ledger.interface import Add, Entry, Ledger, Transaction
from services.records.documents import retry
from services.records.idempotency import IdempotentRequest, commit_once, find_response
from services.records.records import Record, decode, encode
from sluice.checks import check_text, too_large
from sluice.errors import FailedPrecondition, InvalidArgument, NotFound
from sluice.frames import MetadataValue, check_metadata
from sluice.names import DatasetName

AT_ONCE_MAX: Final = 1_000
"""Groups or frames that one call changes."""

TAGS_MAX: Final = 64
"""Tags of a frame."""

RecordT = TypeVar("RecordT", Group, FrameRow)


class ChangeCount(Record, frozen=True, kw_only=True):
    """How many groups or frames a call has changed."""

    count: int


@dataclass(frozen=True, slots=True)
class GroupUpdate:
    """What shall be said of groups and of all their slices; None: their status stays."""

    status: Status | None = None
    allow_backward: bool = False
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """The fields of one frame that change."""

    set: Mapping[str, MetadataValue] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


async def update_groups(
    curation: Curation,
    request: IdempotentRequest,
    name: DatasetName,
    groups: Sequence[str],
    marks: GroupUpdate,
) -> ChangeCount:
    """Give groups a status and all their slices tags, all or none; the number of groups changed.

    Raises NotFound naming a group, and FailedPrecondition naming one that would go back.
    """
    check_ids("groups", groups)
    _check_tags(marks.add, marks.remove)
    await curation.others.datasets.get(name)
    ledger = curation.stores.ledger

    async def attempt() -> ChangeCount:
        if first := await find_response(ledger, name.project, request, ChangeCount):
            return first
        found = await _read(ledger, name, groups, group_key, Group, "group")
        slices = [frame_id for group, _ in found.values() for frame_id in group.frames]
        rows = {}
        if marks.add or marks.remove:
            rows = await _read(ledger, name, slices, frame_key, FrameRow, "frame")
        moved, adds = _moved(name, [group for group, _ in found.values()], marks)
        tagged = _tagged([row for row, _ in rows.values()], marks.add, marks.remove)
        touched = {group.id for group in moved} | {row.group for row in tagged}
        entries = [entry for _, entry in (*found.values(), *rows.values())]
        changes = Transaction(
            name.project,
            checks={entry.key: entry.revision for entry in entries},
            puts={group_key(name.dataset, group.id): encode(group) for group in moved}
            | {frame_key(name.dataset, row.id): encode(row) for row in tagged},
            adds={counter: Add(delta) for counter, delta in adds.items() if delta},
        )
        return await commit_once(ledger, changes, request, ChangeCount(count=len(touched)))

    return await retry(attempt, name)


async def tag_frames(
    curation: Curation,
    request: IdempotentRequest,
    name: DatasetName,
    frame_ids: Sequence[str],
    add: Sequence[str],
    remove: Sequence[str],
) -> ChangeCount:
    """Tag frames, all or none; the number of those that changed. NotFound naming a frame."""
    _check_tags(add, remove)
    return await _change_rows(
        curation, request, name, frame_ids, lambda rows: _tagged(rows, add, remove)
    )


async def set_fields(
    curation: Curation,
    request: IdempotentRequest,
    name: DatasetName,
    changes: Mapping[str, FieldChange],
) -> ChangeCount:
    """Change fields of frames by their ids, all or none; the number of those that changed.

    Raises NotFound naming a frame, and InvalidArgument naming a field that is not right.
    """
    for frame_id, change in changes.items():
        check_metadata(f"changes ({frame_id!r}).set", change.set)

    def changed(rows: Sequence[FrameRow]) -> list[FrameRow]:
        return [now for row in rows if (now := _with_fields(row, changes[row.id])) != row]

    return await _change_rows(curation, request, name, list(changes), changed)


def check_ids(path: str, ids: Sequence[str]) -> None:
    """Refuse none, too many, and one that stands twice."""
    if not 0 < len(ids) <= AT_ONCE_MAX:
        problem = f"{len(ids)} in one call; 1 to {AT_ONCE_MAX:,} are accepted"
        raise too_large(path, problem, AT_ONCE_MAX)
    for id, count in Counter(ids).items():
        if count > 1:
            raise InvalidArgument.of(path, f"{id!r} stands {count} times")
        check_text(path, id)


async def _change_rows(
    curation: Curation,
    request: IdempotentRequest,
    name: DatasetName,
    frame_ids: Sequence[str],
    changed: Callable[[Sequence[FrameRow]], list[FrameRow]],
) -> ChangeCount:
    check_ids("frame_ids", frame_ids)
    await curation.others.datasets.get(name)
    ledger = curation.stores.ledger

    async def attempt() -> ChangeCount:
        if first := await find_response(ledger, name.project, request, ChangeCount):
            return first
        found = await _read(ledger, name, frame_ids, frame_key, FrameRow, "frame")
        rows = changed([row for row, _ in found.values()])
        keys = {row.id: frame_key(name.dataset, row.id) for row in rows}
        changes = Transaction(
            name.project,
            checks={key: found[frame_id][1].revision for frame_id, key in keys.items()},
            puts={keys[row.id]: encode(row) for row in rows},
        )
        return await commit_once(ledger, changes, request, ChangeCount(count=len(rows)))

    return await retry(attempt, name)


async def _read(
    ledger: Ledger,
    name: DatasetName,
    ids: Sequence[str],
    key: Callable[[str, str], str],
    kind: type[RecordT],
    what: str,
) -> dict[str, tuple[RecordT, Entry]]:
    """The records of those ids with their entries; NotFound naming the first that is not there."""
    keys = {id: key(name.dataset, id) for id in ids}
    entries = await ledger.get(name.project, list(keys.values()))
    for id, where in keys.items():
        if where not in entries:
            raise NotFound(f"{what} {id!r} is not one of {name}")
    return {id: (decode(kind, entries[where]), entries[where]) for id, where in keys.items()}


def _moved(
    name: DatasetName, groups: Sequence[Group], marks: GroupUpdate
) -> tuple[list[Group], Counter[str]]:
    """The groups whose status changes, as they are then, and what that adds to the counters."""
    adds: Counter[str] = Counter()
    moved: list[Group] = []
    wanted = marks.status
    for group in groups:
        if wanted is None or group.status is wanted:
            continue
        if STATUS_ORDER[wanted] < STATUS_ORDER[group.status] and not marks.allow_backward:
            raise FailedPrecondition(
                f"group {group.id!r} of {name} is {group.status}; it goes back to {wanted} only "
                "with allow_backward"
            )
        moved.append(structs.replace(group, status=wanted))
        adds.subtract(counters_of(name.dataset, group))
        adds.update(counters_of(name.dataset, moved[-1]))
    return moved, adds


def _check_tags(add: Sequence[str], remove: Sequence[str]) -> None:
    for path, tags in (("add", add), ("remove", remove)):
        if len(tags) > TAGS_MAX:
            raise too_large(path, f"{len(tags)} tags; at most {TAGS_MAX} are accepted", TAGS_MAX)
        for index, tag in enumerate(tags):
            check_text(f"{path}[{index}]", tag)
    if both := set(add) & set(remove):
        raise InvalidArgument.of("remove", f"{min(both)!r} is to be added too")


def _tagged(rows: Sequence[FrameRow], add: Sequence[str], remove: Sequence[str]) -> list[FrameRow]:
    """The rows whose tags change, as they are then."""
    tagged = [structs.replace(row, tags=_tags(row, add, remove)) for row in rows]
    return [now for now, row in zip(tagged, rows, strict=True) if now.tags != row.tags]


def _tags(row: FrameRow, add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    tags = tuple(sorted({*row.tags, *add} - set(remove)))
    if len(tags) > max(TAGS_MAX, len(row.tags)):  # a batch adds its tags to a full frame too
        problem = f"frame {row.id!r} would have {len(tags)} tags; at most {TAGS_MAX} are accepted"
        raise too_large("add", problem, TAGS_MAX)
    return tags


def _with_fields(row: FrameRow, change: FieldChange) -> FrameRow:
    fields = {name: value for name, value in row.fields.items() if name not in change.remove}
    fields |= change.set
    check_metadata(f"changes ({row.id!r}).set", fields)
    return structs.replace(row, fields=fields)
