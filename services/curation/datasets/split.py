"""Giving the groups of a dataset their splits."""

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
"""Groups of one transaction: others wait for it."""


async def split_groups(
    curation: Curation,
    name: DatasetName,
    shares: Shares,
    *,
    seed: int,
    statuses: Collection[Status] = (),
) -> None:
    """Give the groups that have no split one; see `assign_splits`.

    Only groups of any of the statuses, all where there are none. It may be cut off: called again,
    it goes on to the same end.
    """
    check_shares(shares)
    await curation.others.datasets.get(name)
    ledger = curation.stores.ledger
    candidates = await _candidates(ledger, name, statuses)
    assigned = await asyncio.to_thread(stratify_groups, candidates, shares, seed)
    groups = list(assigned)
    for start in range(0, len(groups), GROUPS_PER_COMMIT):
        part = {group: assigned[group] for group in groups[start : start + GROUPS_PER_COMMIT]}
        await retry(partial(_commit, ledger, name, part), name)


async def _candidates(
    ledger: Ledger, name: DatasetName, statuses: Collection[Status]
) -> list[SplitCandidate]:
    found: list[SplitCandidate] = []
    async for page in scan_pages(ledger, name.project, group_prefix(name.dataset)):
        groups = [decode(Group, entry) for entry in page]
        wanted = [group for group in groups if not statuses or group.status in statuses]
        classes = await _classes(ledger, name, wanted)
        found += [SplitCandidate(group.id, classes[group.id], group.split) for group in wanted]
    return found


async def _classes(
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
    open_ = {key: group for key, group in groups.items() if not group.split}
    split = {key: structs.replace(group, split=keys[key]) for key, group in open_.items()}
    adds: Counter[str] = Counter()
    for key, group in open_.items():
        adds.subtract(counters_of(name.dataset, group))
        adds.update(counters_of(name.dataset, split[key]))
    await ledger.commit(
        Transaction(
            name.project,
            checks={key: entries[key].revision for key in open_},
            puts={key: encode(group) for key, group in split.items()},
            adds={counter: Add(delta) for counter, delta in adds.items() if delta},
        )
    )
