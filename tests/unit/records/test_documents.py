"""Reading of records with their revision, etags, and retries of conflicting changes."""

from __future__ import annotations

import pytest

from services.ledger.interface import Conflict, Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.records.documents import (
    ATTEMPTS,
    check_etag,
    find_record,
    read_record,
    read_records,
    retry,
)
from services.records.pages import read_page
from services.records.records import Record, encode
from sluice.errors import Aborted, NotFound


class NumberRecord(Record, frozen=True):
    """A record."""

    number: int


async def test_a_record_comes_with_its_revision(ledger: SqliteLedger) -> None:
    """The revision is the one that a dependent transaction has to check."""
    await ledger.commit(Transaction("p", puts={"a": encode(NumberRecord(number=7))}))
    stored = await read_record(ledger, "p", "a", NumberRecord, "things/a")

    assert NumberRecord(number=7) == stored.record
    checked = Transaction("p", checks={"a": stored.revision}, deletes=["a"])
    await ledger.commit(checked)
    with pytest.raises(Conflict):
        await ledger.commit(checked)


async def test_a_missing_record_is_named(ledger: SqliteLedger) -> None:
    """One reader returns None, the other raises NotFound with the resource name."""
    assert await find_record(ledger, "p", "a", NumberRecord) is None
    with pytest.raises(NotFound, match=r"^things/a does not exist$"):
        await read_record(ledger, "p", "a", NumberRecord, "things/a")


async def test_pages_of_records_join_to_the_whole(ledger: SqliteLedger) -> None:
    """Each token continues after the last record of its page, and the last page has none."""
    puts = {f"n/{number}": encode(NumberRecord(number=number)) for number in range(5)}
    await ledger.commit(Transaction("p", puts={**puts, "o": encode(NumberRecord(number=9))}))
    numbers, token = [], ""
    for _ in range(3):
        page = read_page(2, token, "List")
        records, token = await read_records(ledger, "p", "n/", NumberRecord, page)
        numbers.append([record.number for record in records])

    assert [[0, 1], [2, 3], [4]] == numbers
    assert "" == token


def test_an_etag_is_empty_or_current() -> None:
    """Another one is Aborted, naming both etags and the resource."""
    check_etag("", 3, "things/a")
    check_etag("3", 3, "things/a")
    with pytest.raises(Aborted, match="etag: '2' is not the current etag 3 of things/a"):
        check_etag("2", 3, "things/a")


@pytest.mark.parametrize("conflicts", [0, 1, ATTEMPTS - 1])
async def test_a_conflicting_change_is_retried(conflicts: int) -> None:
    """The first attempt without a Conflict gives the result."""
    attempts = 0

    async def attempt() -> int:
        nonlocal attempts
        attempts += 1
        if attempts <= conflicts:
            raise Conflict("key", "has another revision")
        return attempts

    assert conflicts + 1 == await retry(attempt, "things/a")


async def test_a_change_that_always_conflicts_is_aborted() -> None:
    """After the last attempt, the caller is asked to try again."""

    async def attempt() -> None:
        raise Conflict("key", "has another revision")

    with pytest.raises(Aborted, match="things/a: 16 conflicts"):
        await retry(attempt, "things/a")
