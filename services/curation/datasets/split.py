"""Assigning splits to the groups of a dataset, and storing them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import structs

from services.curation.context import Curation
from services.curation.datasets.stratification import (
    Shares,
    SplitCandidate,
    check_shares,
    stratify_groups,
)
from services.curation.records import (
    FrameDocument,
    Group,
    Split,
    Status,
    counters_of,
    document_key,
    group_key,
    group_prefix,
)
from services.ledger.interface import Add, Entry, Ledger, Transaction
from services.records.documents import retry
from services.records.records import decode, encode
from services.records.scanning import scan_pages
from sluice.frames import Frame
from sluice.names import DatasetName

GROUPS_PER_COMMIT: Final = 500
"""Groups of one transaction; other commits wait for it."""


async def split_groups(
    curation: Curation,
    name: DatasetName,
    shares: Shares,
    *,
    seed: int,
    statuses: Collection[Status] = (),
) -> None:
    """Assign a split to each group that has none; see `stratify_groups`.

    Only groups with one of the statuses take part, by default all. If the call is interrupted,
    the next one with the same arguments completes it with the same result.
    """
    check_shares(shares)
    await curation.others.datasets.get(name)
    ledger = curation.stores.ledger
    candidates = await _read_candidates(ledger, name, statuses)
    assigned = await asyncio.to_thread(stratify_groups, candidates, shares, seed)
    groups = list(assigned)
    for start in range(0, len(groups), GROUPS_PER_COMMIT):
        page = {group: assigned[group] for group in groups[start : start + GROUPS_PER_COMMIT]}
        await retry(partial(_commit, ledger, name, page), name)


async def _read_candidates(
    ledger: Ledger, name: DatasetName, statuses: Collection[Status]
) -> list[SplitCandidate]:
    candidates: list[SplitCandidate] = []
    async for page in scan_pages(ledger, name.project, group_prefix(name.dataset)):
        decoded = [decode(Group, entry) for entry in page]
        groups = [group for group in decoded if not statuses or group.status in statuses]
        classes = await _read_classes(ledger, name, groups)
        candidates += [SplitCandidate(group.id, classes[group.id], group.split) for group in groups]
    return candidates


async def _read_classes(
    ledger: Ledger, name: DatasetName, groups: Sequence[Group]
) -> dict[str, frozenset[str]]:
    """The classes of the labels of all slices, by group."""
    keys = {document_key(name.dataset, id): group.id for group in groups for id in group.frames}
    entries = await ledger.get(name.project, list(keys))
    classes: dict[str, set[str]] = {group.id: set() for group in groups}
    for key, entry in entries.items():
        classes[keys[key]] |= _class_names(entry)
    return {group: frozenset(names) for group, names in classes.items()}


def _class_names(entry: Entry) -> set[str]:
    frame = Frame.from_bytes(decode(FrameDocument, entry).frame)
    return {label.class_name for label in frame.labels if label.class_name}


async def _commit(ledger: Ledger, name: DatasetName, assigned: Mapping[str, Split]) -> None:
    """Store the splits of groups that still have none."""
    keys = {group_key(name.dataset, group): split for group, split in assigned.items()}
    entries = await ledger.get(name.project, list(keys))
    groups = {key: decode(Group, entry) for key, entry in entries.items()}
    unassigned = {key: group for key, group in groups.items() if not group.split}
    split = {key: structs.replace(group, split=keys[key]) for key, group in unassigned.items()}
    adds: Counter[str] = Counter()
    for key, group in unassigned.items():
        adds.subtract(counters_of(name.dataset, group))
        adds.update(counters_of(name.dataset, split[key]))
    await ledger.commit(
        Transaction(
            name.project,
            checks={key: entries[key].revision for key in unassigned},
            puts={key: encode(group) for key, group in split.items()},
            adds={counter: Add(delta) for counter, delta in adds.items() if delta},
        )
    )
