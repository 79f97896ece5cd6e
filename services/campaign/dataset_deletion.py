"""Removing a dataset's record; curation, which keeps its frames, asks for it."""

from __future__ import annotations

from services.campaign.datasets import dataset_tombstone_key
from services.campaign.records import (
    DatasetRecord,
    DatasetTombstone,
    IssueRecord,
    dataset_key,
    label_prefix,
)
from services.ledger.interface import Transaction
from services.records.documents import read_record, retry
from services.records.records import decode, encode, now_us, prefix
from services.records.scanning import scan_pages
from services.records.stores import Stores
from sluice.errors import FailedPrecondition
from sluice.names import DatasetName, IssueName

_NAMED_MAX = 5


async def remove_dataset(stores: Stores, name: DatasetName, *, validate_only: bool) -> None:
    """Replace a dataset by a tombstone, and remove its label ids; can be repeated.

    Raises NotFound for a dataset that never existed, and FailedPrecondition naming its issues.
    """
    if not await _has_tombstone(stores, name):
        await retry(lambda: _remove_record(stores, name, validate_only=validate_only), name)
    if not validate_only:
        async for page in scan_pages(stores.ledger, name.project, label_prefix(name.dataset)):
            deletes = [entry.key for entry in page]
            await stores.ledger.commit(Transaction(name.project, deletes=deletes))


async def _has_tombstone(stores: Stores, name: DatasetName) -> bool:
    key = dataset_tombstone_key(name.dataset)
    return bool(await stores.ledger.get(name.project, [key]))


async def _remove_record(stores: Stores, name: DatasetName, *, validate_only: bool) -> None:
    key = dataset_key(name.dataset)
    stored = await read_record(stores.ledger, name.project, key, DatasetRecord, name)
    if issues := await _list_issues(stores, name):
        named = ", ".join(issues[:_NAMED_MAX])
        raise FailedPrecondition(f"{name} still has issues; delete them first: {named}")
    if validate_only:
        return
    # An issue that is created meanwhile has put the dataset again.
    tombstone = encode(DatasetTombstone(deleted_us=now_us()))
    puts = {dataset_tombstone_key(name.dataset): tombstone}
    checks = {key: stored.revision}
    await stores.ledger.commit(Transaction(name.project, checks, puts, deletes=[key]))


async def _list_issues(stores: Stores, name: DatasetName) -> list[str]:
    issues = [
        decode(IssueRecord, entry)
        async for page in scan_pages(stores.ledger, name.project, prefix("issue"))
        for entry in page
    ]
    return [str(IssueName(name.project, i.id)) for i in issues if i.dataset == name.dataset]
