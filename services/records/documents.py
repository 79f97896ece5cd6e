"""Records in the ledger: read with their revision, changed only while that is the same."""

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
"""How often a change is tried anew on what others have changed, before the caller must."""


@dataclass(frozen=True, slots=True)
class StoredRecord(Generic[RecordT]):
    """A record as it was read; a transaction that rests on it checks the revision."""

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
    """The record of that key; NotFound naming `name` if there is none."""
    found = await find_record(ledger, partition, key, kind)
    if found is None:
        raise NotFound(f"{name} does not exist")
    return found


async def read_records(
    ledger: Ledger, partition: str, prefix: str, kind: type[RecordT], page: Page
) -> tuple[list[RecordT], str]:
    """A page of the records below a prefix, in the order of their keys, and the next token."""
    entries = await ledger.scan(partition, prefix, after=page.after, limit=page.size + 1)
    kept, token = page.cut(entries, lambda entry: entry.key)
    return [decode(kind, entry) for entry in kept], token


def check_etag(etag: str, current: int, name: object) -> None:
    """Aborted naming what has changed, unless the etag is the current one or empty."""
    if etag not in ("", str(current)):
        raise Aborted(f"etag: {etag!r} is not {current}, that of {name} now: read it again")


async def retry(attempt: Callable[[], Awaitable[_Result]], name: object) -> _Result:
    """The result of the first attempt that meets no Conflict; each of them reads anew.

    Raises Aborted naming what others kept changing.
    """
    for _ in range(ATTEMPTS):
        try:
            return await attempt()
        except Conflict:
            continue
    raise Aborted(f"{name} was changed by others {ATTEMPTS} times over: try again")
