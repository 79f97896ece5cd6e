"""Records in the ledger: reading with the revision, etags, and retries of conflicting changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from services.ledger.interface import Conflict, Ledger
from services.records.pages import Page
from services.records.records import Record, decode
from sluice.errors import Aborted, NotFound

RecordT = TypeVar("RecordT", bound=Record)
_Result = TypeVar("_Result")

ATTEMPTS: Final = 16
"""Attempts of a change that conflicts with others, before the caller must retry."""


@dataclass(frozen=True, slots=True)
class StoredRecord(Generic[RecordT]):
    """A record with the revision that it was read at, which a dependent transaction checks."""

    record: RecordT
    revision: int


async def find_record(
    ledger: Ledger, partition: str, key: str, kind: type[RecordT]
) -> StoredRecord[RecordT] | None:
    """The record of that key, if there is one."""
    entry = (await ledger.get(partition, [key])).get(key)
    return StoredRecord(decode(kind, entry), entry.revision) if entry else None


async def read_record(
    ledger: Ledger, partition: str, key: str, kind: type[RecordT], name: object
) -> StoredRecord[RecordT]:
    """The record of that key; raises NotFound naming `name` if there is none."""
    stored = await find_record(ledger, partition, key, kind)
    if stored is None:
        raise NotFound.of(name)
    return stored


async def read_records(
    ledger: Ledger, partition: str, prefix: str, kind: type[RecordT], page: Page
) -> tuple[list[RecordT], str]:
    """A page of the records below a prefix, in the order of their keys, and the next page token."""
    entries = await ledger.scan(partition, prefix, after=page.after, limit=page.size + 1)
    page_entries, token = page.cut(entries, lambda entry: entry.key)
    return [decode(kind, entry) for entry in page_entries], token


def check_etag(etag: str, current: int, name: object) -> None:
    """Raise Aborted naming `name` unless the etag is empty or the current one."""
    if etag not in ("", str(current)):
        raise Aborted(f"etag: {etag!r} is not the current etag {current} of {name}; read it again")


async def retry(attempt: Callable[[], Awaitable[_Result]], name: object) -> _Result:
    """The result of the first attempt without a Conflict; each attempt must read again.

    Raises Aborted naming `name` after too many conflicts.
    """
    for _ in range(ATTEMPTS):
        try:
            return await attempt()
        except Conflict:
            continue
    raise Aborted(f"{name}: {ATTEMPTS} conflicts with other changes in a row; try again")
