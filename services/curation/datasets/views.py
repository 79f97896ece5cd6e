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
"""Fields of a view that can be changed."""


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
    frame_filter: Filter,
) -> View:
    """Save a filter; its display name defaults to its id. AlreadyExists if the name is taken."""
    check_resource_id(name.view, "view_id")
    _check(display_name, frame_filter)
    await curation.others.datasets.get(DatasetName(name.project, name.dataset))
    ledger = curation.stores.ledger
    if first := await find_response(ledger, name.project, request, View):
        return first
    now = now_us()
    view = View(
        id=name.view,
        display_name=display_name or name.view,
        filter=frame_filter,
        created_us=now,
        updated_us=now,
    )
    checks, puts = {view_key(name): ABSENT}, {view_key(name): encode(view)}
    creation = Transaction(name.project, checks=checks, puts=puts)
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
    """A page of the views of a dataset, sorted by id, and the token of the next page."""
    await curation.others.datasets.get(name)
    views = prefix("view", name.dataset)
    return await read_records(curation.stores.ledger, name.project, views, View, page)


async def update_view(
    curation: Curation, name: ViewName, new: View, paths: Sequence[str], etag: str
) -> View:
    """Replace the fields of a view in `paths`, by default all.

    Raises Aborted if the view's etag is another one.
    """
    for path in paths:
        if path not in PATHS:
            accepted = " and ".join(PATHS)
            problem = f"{path!r} cannot be changed; accepted are {accepted}"
            raise InvalidArgument.of("update_mask", problem)
    _check(new.display_name, new.filter)
    ledger = curation.stores.ledger

    async def attempt() -> View:
        stored = await read_record(ledger, name.project, view_key(name), View, name)
        check_etag(etag, stored.record.etag, name)
        changes = {path: getattr(new, path) for path in paths or PATHS}
        changed = structs.replace(
            stored.record, **changes, updated_us=now_us(), etag=stored.record.etag + 1
        )
        checks, puts = {view_key(name): stored.revision}, {view_key(name): encode(changed)}
        await ledger.commit(Transaction(name.project, checks=checks, puts=puts))
        return changed

    return await retry(attempt, name)


async def delete_view(curation: Curation, name: ViewName, etag: str) -> None:
    """Delete a view; Aborted if its etag is another one."""
    ledger = curation.stores.ledger

    async def attempt() -> None:
        stored = await read_record(ledger, name.project, view_key(name), View, name)
        check_etag(etag, stored.record.etag, name)
        checks = {view_key(name): stored.revision}
        await ledger.commit(Transaction(name.project, checks=checks, deletes=[view_key(name)]))

    await retry(attempt, name)


def _check(display_name: str, frame_filter: Filter) -> None:
    check_text("view.display_name", display_name, empty=True)
    check_filter(frame_filter, "view.filter")


def view_key(name: ViewName) -> str:
    """Key of a view."""
    return key("view", name.dataset, name.view)
