"""Reading batches and their picks."""

from __future__ import annotations

from services.curation.batches.records import (
    Batch,
    StoredPick,
    batch_key,
    batch_prefix,
    pick_prefix,
)
from services.curation.context import Curation
from services.records.documents import read_record, read_records
from services.records.pages import Page
from sluice.names import BatchName, DatasetName


async def get_batch(curation: Curation, name: BatchName) -> Batch:
    """A batch; NotFound naming it if there is none."""
    return (
        await read_record(curation.stores.ledger, name.project, batch_key(name), Batch, name)
    ).record


async def list_batches(
    curation: Curation, name: DatasetName, page: Page
) -> tuple[list[Batch], str]:
    """A page of the batches of a dataset, sorted by id, and the token of the next page."""
    await curation.others.datasets.get(name)
    prefix = batch_prefix(name.dataset)
    return await read_records(curation.stores.ledger, name.project, prefix, Batch, page)


async def list_picks(
    curation: Curation, name: BatchName, page: Page
) -> tuple[list[StoredPick], str]:
    """A page of the picks of a batch, sorted by rank, and the token of the next page."""
    await get_batch(curation, name)
    prefix = pick_prefix(name)
    return await read_records(curation.stores.ledger, name.project, prefix, StoredPick, page)
