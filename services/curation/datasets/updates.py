"""Changing the status of groups, and the tags and fields of frames."""

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
from sluice.names import DatasetFrameName, DatasetName

AT_ONCE_MAX: Final = 1_000
"""Maximum number of groups or frames that one call changes."""

TAGS_MAX: Final = 64
"""Maximum number of tags of a frame."""

RecordT = TypeVar("RecordT", Group, FrameRow)


class ChangeCount(Record, frozen=True, kw_only=True):
    """The number of groups or frames that a call changed."""

    count: int


@dataclass(frozen=True, slots=True)
class GroupUpdate:
    """A new status for groups, None to keep it, and tags to add to or remove from all slices."""

    status: Status | None = None
    allow_backward: bool = False
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """Fields of one frame to set and to remove."""

    set: Mapping[str, MetadataValue] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


async def update_groups(
    curation: Curation,
    request: IdempotentRequest,
    name: DatasetName,
    group_ids: Sequence[str],
    update: GroupUpdate,
) -> ChangeCount:
    """Set the status of groups and tag all their slices, all or none; counts changed groups.

    Raises NotFound naming a missing group, and FailedPrecondition naming one that would go back
    to an earlier status.
    """
    check_ids("groups", group_ids)
    _check_tags(update.add, update.remove)
    await curation.others.datasets.get(name)
    ledger = curation.stores.ledger

    async def attempt() -> ChangeCount:
        if first := await find_response(ledger, name.project, request, ChangeCount):
            return first
        groups = await _read(ledger, name, group_ids, group_key, Group, "group")
        rows = {}
        if update.add or update.remove:
            slices = [frame_id for group, _ in groups.values() for frame_id in group.frames]
            rows = await _read(ledger, name, slices, frame_key, FrameRow, "frame")
        moved, adds = _move_groups(name, [group for group, _ in groups.values()], update)
        tagged = _tag_rows([row for row, _ in rows.values()], update.add, update.remove)
        entries = [entry for _, entry in (*groups.values(), *rows.values())]
        changes = Transaction(
            name.project,
            checks={entry.key: entry.revision for entry in entries},
            puts={group_key(name.dataset, group.id): encode(group) for group in moved}
            | {frame_key(name.dataset, row.id): encode(row) for row in tagged},
            adds={counter: Add(delta) for counter, delta in adds.items() if delta},
        )
        changed = {group.id for group in moved} | {row.group for row in tagged}
        return await commit_once(ledger, changes, request, ChangeCount(count=len(changed)))

    return await retry(attempt, name)


async def tag_frames(
    curation: Curation,
    request: IdempotentRequest,
    name: DatasetName,
    frame_ids: Sequence[str],
    add: Sequence[str],
    remove: Sequence[str],
) -> ChangeCount:
    """Tag frames, all or none; counts changed frames. NotFound naming a missing frame."""
    _check_tags(add, remove)
    return await _change_rows(
        curation, request, name, frame_ids, lambda rows: _tag_rows(rows, add, remove)
    )


async def set_fields(
    curation: Curation,
    request: IdempotentRequest,
    name: DatasetName,
    changes: Mapping[str, FieldChange],
) -> ChangeCount:
    """Change fields of frames, given by frame id, all or none; counts changed frames.

    Raises NotFound naming a missing frame, and InvalidArgument naming an invalid field.
    """
    check_ids("changes", list(changes))
    for frame_id, change in changes.items():
        check_metadata(f"changes ({frame_id!r}).set", change.set)

    def change_fields(rows: Sequence[FrameRow]) -> list[FrameRow]:
        changed = [_with_fields(row, changes[row.id]) for row in rows]
        return [new for new, old in zip(changed, rows, strict=True) if new != old]

    return await _change_rows(curation, request, name, list(changes), change_fields)


def check_ids(path: str, ids: Sequence[str]) -> None:
    """Refuse an empty list, too many ids, a duplicate and an invalid id."""
    if not 0 < len(ids) <= AT_ONCE_MAX:
        problem = f"{len(ids)} in one call; 1 to {AT_ONCE_MAX:,} are accepted"
        raise too_large(path, problem, AT_ONCE_MAX)
    for id, count in Counter(ids).items():
        if count > 1:
            raise InvalidArgument.of(path, f"duplicate {id!r}")
        check_text(path, id)


async def _change_rows(
    curation: Curation,
    request: IdempotentRequest,
    name: DatasetName,
    frame_ids: Sequence[str],
    change: Callable[[Sequence[FrameRow]], list[FrameRow]],
) -> ChangeCount:
    """Store the rows that `change` returns: those of its arguments that it has changed."""
    check_ids("frame_ids", frame_ids)
    await curation.others.datasets.get(name)
    ledger = curation.stores.ledger

    async def attempt() -> ChangeCount:
        if first := await find_response(ledger, name.project, request, ChangeCount):
            return first
        stored = await _read(ledger, name, frame_ids, frame_key, FrameRow, "frame")
        rows = change([row for row, _ in stored.values()])
        keys = {row.id: frame_key(name.dataset, row.id) for row in rows}
        changes = Transaction(
            name.project,
            checks={key: stored[frame_id][1].revision for frame_id, key in keys.items()},
            puts={keys[row.id]: encode(row) for row in rows},
        )
        return await commit_once(ledger, changes, request, ChangeCount(count=len(rows)))

    return await retry(attempt, name)


async def _read(
    ledger: Ledger,
    name: DatasetName,
    ids: Sequence[str],
    make_key: Callable[[str, str], str],
    kind: type[RecordT],
    noun: str,
) -> dict[str, tuple[RecordT, Entry]]:
    """Records and their entries by id; NotFound naming the first missing one."""
    keys = {id: make_key(name.dataset, id) for id in ids}
    entries = await ledger.get(name.project, list(keys.values()))
    for id, key in keys.items():
        if key not in entries:
            missing = DatasetFrameName(name.project, name.dataset, id)
            raise NotFound(f"{noun} {id!r} is not one of {name}", metadata={"name": str(missing)})
    return {id: (decode(kind, entries[key]), entries[key]) for id, key in keys.items()}


def _move_groups(
    name: DatasetName, groups: Sequence[Group], update: GroupUpdate
) -> tuple[list[Group], Counter[str]]:
    """The groups whose status changes, with the new one, and the changes of the counters."""
    adds: Counter[str] = Counter()
    moved: list[Group] = []
    status = update.status
    for group in groups:
        if status is None or group.status is status:
            continue
        if STATUS_ORDER[status] < STATUS_ORDER[group.status] and not update.allow_backward:
            raise FailedPrecondition(
                f"group {group.id!r} of {name} is {group.status}; set allow_backward to move it "
                f"back to {status}"
            )
        moved.append(structs.replace(group, status=status))
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
        raise InvalidArgument.of("remove", f"{min(both)!r} is in add too; expected one of the two")


def _tag_rows(
    rows: Sequence[FrameRow], add: Sequence[str], remove: Sequence[str]
) -> list[FrameRow]:
    """The rows whose tags change, with the new ones."""
    tagged = [structs.replace(row, tags=_tags(row, add, remove)) for row in rows]
    return [new for new, old in zip(tagged, rows, strict=True) if new.tags != old.tags]


def _tags(row: FrameRow, add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    tags = tuple(sorted({*row.tags, *add} - set(remove)))
    # A batch may tag a frame beyond the limit: its tags can still be removed.
    if len(tags) > max(TAGS_MAX, len(row.tags)):
        problem = f"frame {row.id!r} would have {len(tags)} tags; at most {TAGS_MAX} are accepted"
        raise too_large("add", problem, TAGS_MAX)
    return tags


def _with_fields(row: FrameRow, change: FieldChange) -> FrameRow:
    fields = {name: value for name, value in row.fields.items() if name not in change.remove}
    fields |= change.set
    check_metadata(f"changes ({row.id!r}).set", fields)
    return structs.replace(row, fields=fields)
