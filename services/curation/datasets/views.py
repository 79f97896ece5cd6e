"""Saved filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import structs

from services.curation.context import Curation
from services.curation.datasets.filters import EVERYTHING, Filter, check_filter
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.records.documents import check_etag, read_record, read_records, retry
from services.records.idempotency import IdempotentRequest, commit_once, find_response
from services.records.pages import Page
from services.records.records import Record, encode, key, now_us, prefix
from sluice.checks import check_text
from sluice.errors import AlreadyExists, InvalidArgument
from sluice.names import DatasetName, ViewName, check_resource_id

PATHS: Final = ("display_name", "filter")
"""What of a view can be changed."""


class View(Record, frozen=True, kw_only=True):
    """A saved filter; its etag grows with each change."""

    id: str
    display_name: str
    filter: Filter = EVERYTHING
    created_us: int
    updated_us: int
    etag: int = 1


async def create_view(
    curation: Curation,
    request: IdempotentRequest,
    name: ViewName,
    display_name: str,
    wanted: Filter,
) -> View:
    """Save a filter; its display name defaults to its id. AlreadyExists naming it."""
    check_resource_id(name.view, "view_id")
    _check(display_name, wanted)
    await curation.others.datasets.get(DatasetName(name.project, name.dataset))
    ledger = curation.stores.ledger
    if first := await find_response(ledger, name.project, request, View):
        return first
    now = now_us()
    title = display_name or name.view
    view = View(id=name.view, display_name=title, filter=wanted, created_us=now, updated_us=now)
    where = view_key(name)
    creation = Transaction(name.project, checks={where: ABSENT}, puts={where: encode(view)})
    try:
        return await commit_once(ledger, creation, request, view)
    except Conflict as conflict:
        raise AlreadyExists(f"view_id: {name} exists already") from conflict


async def get_view(curation: Curation, name: ViewName) -> View:
    """A view; NotFound naming it if there is none."""
    return (
        await read_record(curation.stores.ledger, name.project, view_key(name), View, name)
    ).record


async def list_views(curation: Curation, name: DatasetName, page: Page) -> tuple[list[View], str]:
    """A page of the views of a dataset, by name, and the next one's token."""
    await curation.others.datasets.get(name)
    below = prefix("view", name.dataset)
    return await read_records(curation.stores.ledger, name.project, below, View, page)


async def update_view(
    curation: Curation, name: ViewName, wanted: View, paths: Sequence[str], etag: str
) -> View:
    """Change a view at those paths, all where there are none.

    Raises Aborted when it has not that etag any more.
    """
    for path in paths:
        if path not in PATHS:
            accepted = " and ".join(PATHS)
            problem = f"{path!r} cannot be changed; accepted are {accepted}"
            raise InvalidArgument.of("update_mask", problem)
    _check(wanted.display_name, wanted.filter)
    ledger = curation.stores.ledger

    async def attempt() -> View:
        found = await read_record(ledger, name.project, view_key(name), View, name)
        check_etag(etag, found.record.etag, name)
        changes = {path: getattr(wanted, path) for path in paths or PATHS}
        changed = structs.replace(
            found.record, **changes, updated_us=now_us(), etag=found.record.etag + 1
        )
        checks, puts = {view_key(name): found.revision}, {view_key(name): encode(changed)}
        await ledger.commit(Transaction(name.project, checks=checks, puts=puts))
        return changed

    return await retry(attempt, name)


async def delete_view(curation: Curation, name: ViewName, etag: str) -> None:
    """Delete a view; Aborted when it has not that etag any more."""
    ledger = curation.stores.ledger

    async def attempt() -> None:
        found = await read_record(ledger, name.project, view_key(name), View, name)
        check_etag(etag, found.record.etag, name)
        checks = {view_key(name): found.revision}
        await ledger.commit(Transaction(name.project, checks=checks, deletes=[view_key(name)]))

    await retry(attempt, name)


def _check(display_name: str, wanted: Filter) -> None:
    check_text("view.display_name", display_name, empty=True)
    check_filter(wanted, "view.filter")


def view_key(name: ViewName) -> str:
    """Where a view lies."""
    return key("view", name.dataset, name.view)
