"""Idempotent requests."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from services.ledger.interface import ABSENT, Add, Conflict, Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.records.idempotency import (
    IdempotentRequest,
    commit_once,
    find_response,
    forget_responses,
)
from services.records.records import Record
from sluice.errors import InvalidArgument


class ThingRecord(Record, frozen=True):
    """A response."""

    number: int


def effect(name: str) -> Transaction:
    """A transaction that can be made once for each name, and is counted."""
    return Transaction("p", checks={name: ABSENT}, puts={name: b""}, adds={"effects": Add(1)})


async def test_the_first_response_is_given_again(ledger: SqliteLedger) -> None:
    """The same request sent again has the first response and no second effect."""
    request = IdempotentRequest.of("CreateThing", str(uuid4()), b"a thing")
    assert await find_response(ledger, "p", request, ThingRecord) is None
    assert ThingRecord(number=1) == await commit_once(
        ledger, effect("a"), request, ThingRecord(number=1)
    )

    assert ThingRecord(number=1) == await find_response(ledger, "p", request, ThingRecord)
    assert ThingRecord(number=1) == await commit_once(
        ledger, effect("b"), request, ThingRecord(number=2)
    )
    assert {"effects": 1} == await ledger.counters("p", ["effects"])


async def test_of_equal_requests_at_once_one_has_an_effect(ledger: SqliteLedger) -> None:
    """Requests that race give one response, whichever of their checks the others made fail."""
    request = IdempotentRequest.of("CreateThing", str(uuid4()), b"a thing")

    responses = await asyncio.gather(
        *(commit_once(ledger, effect("a"), request, ThingRecord(number=n)) for n in range(10))
    )

    assert 1 == len(set(responses))
    assert {"effects": 1} == await ledger.counters("p", ["effects"])


async def test_a_conflict_with_others_stays_one(ledger: SqliteLedger) -> None:
    """When another request was faster, the caller learns of it and nothing is remembered."""
    await ledger.commit(effect("a"))
    request = IdempotentRequest.of("CreateThing", str(uuid4()), b"a thing")

    with pytest.raises(Conflict) as conflict:
        await commit_once(ledger, effect("a"), request, ThingRecord(number=1))
    assert "a" == conflict.value.subject
    assert await find_response(ledger, "p", request, ThingRecord) is None


async def test_an_id_belongs_to_one_request(ledger: SqliteLedger) -> None:
    """An id that was used for another request is rejected."""
    request_id = str(uuid4())
    request = IdempotentRequest.of("CreateThing", request_id, b"a thing")
    await commit_once(ledger, effect("a"), request, ThingRecord(number=1))

    with pytest.raises(InvalidArgument, match=request_id):
        await find_response(
            ledger, "p", IdempotentRequest.of("CreateThing", request_id, b"another"), ThingRecord
        )


async def test_ids_belong_to_one_method(ledger: SqliteLedger) -> None:
    """The same id under another method is another request."""
    request_id = str(uuid4())
    first = IdempotentRequest.of("CreateThing", request_id, b"")
    await commit_once(ledger, effect("a"), first, ThingRecord(number=1))

    second = IdempotentRequest.of("DeleteThing", request_id, b"")
    assert await find_response(ledger, "p", second, ThingRecord) is None


async def test_requests_without_id_are_not_deduplicated(ledger: SqliteLedger) -> None:
    """Without an id nothing is remembered."""
    request = IdempotentRequest.of("CreateThing", "", b"a thing")
    for name in "ab":
        await commit_once(ledger, effect(name), request, ThingRecord(number=1))

    assert await find_response(ledger, "p", request, ThingRecord) is None
    assert {"effects": 2} == await ledger.counters("p", ["effects"])


def test_an_id_is_a_uuid_in_any_spelling() -> None:
    """Upper and lower case name the same request; other text is rejected, and named."""
    request_id = str(uuid4())
    lower = IdempotentRequest.of("CreateThing", request_id, b"")

    assert lower == IdempotentRequest.of("CreateThing", request_id.upper(), b"")
    with pytest.raises(InvalidArgument, match="request_id: 'once'"):
        IdempotentRequest.of("CreateThing", "once", b"")


async def test_obsolete_responses_are_forgotten(ledger: SqliteLedger) -> None:
    """Only those of the method that the caller calls obsolete."""
    methods = ("CreateThing", "CreateThing", "CreateOther")
    requests = [IdempotentRequest.of(method, str(uuid4()), b"a thing") for method in methods]
    for number, request in enumerate(requests):
        await commit_once(ledger, effect(str(number)), request, ThingRecord(number=number % 2))

    await forget_responses(ledger, "p", "CreateThing", ThingRecord, lambda r: r.number == 0)

    found = [await find_response(ledger, "p", request, ThingRecord) for request in requests]
    assert [None, ThingRecord(number=1), ThingRecord(number=0)] == found
