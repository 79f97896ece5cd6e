"""What an append changes in groups: new slices, status and split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import structs

from services.curation.datasets.new_frames import AppendRequest, frame_error
from services.curation.records import (
    STATUS_ORDER,
    FrameRow,
    Group,
    Split,
    Status,
    counters_of,
    group_key,
)
from services.ledger.interface import ABSENT, Ledger
from services.records.records import decode, encode
from sluice.errors import FailedPrecondition
from sluice.names import DatasetName

SLICES_MAX: Final = 64
"""Slices of a group: it is read and written as a whole."""


@dataclass(slots=True)
class GroupChanges:
    """The groups of an append that change, for its transaction.

    `changed` are those that existed and have another status or split now; `kept_status_count`
    counts those that keep a status later than the request's.
    """

    checks: dict[str, int] = field(default_factory=dict)
    puts: dict[str, bytes] = field(default_factory=dict)
    adds: Counter[str] = field(default_factory=Counter)
    changed: set[str] = field(default_factory=set)
    kept_status_count: int = 0


async def plan_groups(
    ledger: Ledger,
    name: DatasetName,
    request: AppendRequest,
    rows: Sequence[tuple[int, FrameRow, bool]],
) -> GroupChanges:
    """Put new frames into their groups, and apply the request's status and split to all groups.

    `rows` has the index of each frame in the request, its row, and whether it is new. Raises
    InvalidArgument for a slice that does not fit, and FailedPrecondition for a group in another
    split.
    """
    changes = GroupChanges()
    applies = request.status is not None or request.split is not Split.NONE
    ids = dict.fromkeys(row.group for _, row, is_new in rows if is_new or applies)
    if not ids:
        return changes
    keys = {group: group_key(name.dataset, group) for group in ids}
    entries = await ledger.get(name.project, list(keys.values()))
    old = {g: decode(Group, entries[key]) for g, key in keys.items() if key in entries}
    new = {group_id: _apply(name, request, group, changes) for group_id, group in old.items()}
    for index, row, is_new in rows:
        if is_new:
            new[row.group] = _add_slice(index, row, new.get(row.group), request)
    for group_id, group in new.items():
        if group == old.get(group_id):
            continue
        key = keys[group_id]
        changes.checks[key] = entries[key].revision if key in entries else ABSENT
        changes.puts[key] = encode(group)
        changes.adds.update(counters_of(name.dataset, group))
        if group_id in old:
            changes.adds.subtract(counters_of(name.dataset, old[group_id]))
    return changes


def _apply(name: DatasetName, request: AppendRequest, old: Group, changes: GroupChanges) -> Group:
    """An existing group with the request's status, unless it is further, and split."""
    status, split = request.status or old.status, request.split or old.split
    if STATUS_ORDER[status] < STATUS_ORDER[old.status]:
        changes.kept_status_count += 1
        status = old.status
    if old.split not in (Split.NONE, split):
        raise FailedPrecondition(
            f"split: {split.value!r}, but group {old.id!r} of {name} is in split "
            f"{old.split.value!r}, which cannot be changed; append its frames without a split"
        )
    group = structs.replace(old, status=status, split=split)
    if group != old:
        changes.changed.add(group.id)
    return group


def _add_slice(index: int, row: FrameRow, group: Group | None, request: AppendRequest) -> Group:
    if group is None:
        return Group(
            id=row.group,
            frames=(row.id,),
            slices=(row.slice,),
            status=request.status or Status.UNLABELLED,
            split=request.split,
        )
    if row.slice in group.slices:
        taken = group.frames[group.slices.index(row.slice)]
        problem = f"{row.slice!r} of group {row.group!r} is frame {taken!r} already"
        raise frame_error(index, row.id, ".slice", problem)
    if len(group.frames) >= SLICES_MAX:
        problem = f"{row.group!r} has {SLICES_MAX} slices already; more are not accepted"
        raise frame_error(index, row.id, ".group", problem, "TOO_LARGE", limit=str(SLICES_MAX))
    frames, slices = (*group.frames, row.id), (*group.slices, row.slice)
    return structs.replace(group, frames=frames, slices=slices)
