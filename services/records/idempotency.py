"""Idempotent requests: the first response is stored, and returned when the request is repeated.

The response is stored in the same transaction as the effect, and for as long as the project: such
requests come from people, and a response is small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Self
from uuid import UUID

import msgspec

from services.ledger.interface import ABSENT, Conflict, Ledger, Transaction
from services.records.records import Record, RecordT, decode, encode, key, prefix
from services.records.scanning import scan_pages
from sluice.errors import InvalidArgument


class _RecordedResponse(Record, frozen=True):
    """The digest of the request that used an id, and its encoded response."""

    request_digest: bytes = msgspec.field(name="asked")
    response: bytes


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request with an id that its client chose; without one (""), it is never deduplicated."""

    method: str
    id: str
    digest: bytes

    @classmethod
    def of(cls, method: str, request_id: str, message: bytes) -> Self:
        """A request of that method with its `request_id` field and its encoded message.

        Raises errors.InvalidArgument when the id is neither empty nor a UUID.
        """
        return cls(method, _parse_uuid(request_id), sha256(message).digest())

    @property
    def key(self) -> str:
        """The ledger key of its response."""
        return key("request", self.method, self.id)


async def find_response(
    ledger: Ledger, partition: str, request: IdempotentRequest, kind: type[RecordT]
) -> RecordT | None:
    """The stored response of a repeated request; None when the request is new.

    Raises errors.InvalidArgument when its id was used for another request.
    """
    if not request.id:
        return None
    entry = (await ledger.get(partition, [request.key])).get(request.key)
    if entry is None:
        return None
    recorded = decode(_RecordedResponse, entry)
    if recorded.request_digest != request.digest:
        raise InvalidArgument.of(
            "request_id", f"{request.id!r} was used for another {request.method}; choose a new one"
        )
    return decode(kind, replace(entry, value=recorded.response))


async def commit_once(
    ledger: Ledger, transaction: Transaction, request: IdempotentRequest, response: RecordT
) -> RecordT:
    """Commit the transaction of a request together with its response; returns the response.

    If the same request was committed before, returns its response and commits nothing. Raises
    Conflict as `Ledger.commit` does.
    """
    if not request.id:
        await ledger.commit(transaction)
        return response
    recorded = _RecordedResponse(request_digest=request.digest, response=encode(response))
    try:
        await ledger.commit(
            replace(
                transaction,
                checks={request.key: ABSENT, **transaction.checks},
                puts={**transaction.puts, request.key: encode(recorded)},
            )
        )
    except Conflict:
        # Whichever check failed, the same request may have caused it.
        first = await find_response(ledger, transaction.partition, request, type(response))
        if first is None:
            raise
        return first
    return response


async def forget_responses(
    ledger: Ledger,
    partition: str,
    method: str,
    kind: type[RecordT],
    is_obsolete: Callable[[RecordT], bool],
) -> None:
    """Delete the stored responses of a method that are obsolete."""
    async for page in scan_pages(ledger, partition, prefix("request", method)):
        deletes = [
            entry.key
            for entry in page
            if is_obsolete(
                decode(kind, replace(entry, value=decode(_RecordedResponse, entry).response))
            )
        ]
        if deletes:
            await ledger.commit(Transaction(partition, deletes=deletes))


def _parse_uuid(request_id: str) -> str:
    if not request_id:
        return ""
    try:
        return str(UUID(request_id))
    except ValueError as cause:
        raise InvalidArgument.of("request_id", f"{request_id!r}, expected a UUID") from cause
