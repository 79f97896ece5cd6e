"""Requests that a client may send again: the first response is kept, and returned again.

A response is remembered in the transaction that makes it true, so there is never an effect without
it, and for as long as the project: such requests come from people, and a response is small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Self
from uuid import UUID

from services.ledger.interface import ABSENT, Conflict, Ledger, Transaction
from services.records.records import Record, RecordT, decode, encode, key
from sluice.errors import InvalidArgument


class _RecordedResponse(Record, frozen=True):
    """What was asked under a request id, as a digest, and the encoded response."""

    asked: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request under an id that its client chose; `asked` is the digest of what it asks.

    Without an id (""), it is answered anew each time that it comes.
    """

    method: str
    id: str
    asked: bytes

    @classmethod
    def of(cls, method: str, request_id: str, asked: bytes) -> Self:
        """The request of that method with that `request_id` field; `asked` is the message's bytes.

        Raises errors.InvalidArgument when the id is neither empty nor a UUID.
        """
        return cls(method, _uuid(request_id), sha256(asked).digest())

    @property
    def key(self) -> str:
        """Where the ledger has its response."""
        return key("request", self.method, self.id)


async def find_response(
    ledger: Ledger, partition: str, request: IdempotentRequest, kind: type[RecordT]
) -> RecordT | None:
    """The response that the request got when it came first, None when this is the first time.

    Raises errors.InvalidArgument when its id was used to ask for something else.
    """
    if not request.id:
        return None
    found = await ledger.get(partition, [request.key])
    if not found:
        return None
    answered = decode(_RecordedResponse, found[request.key])
    if answered.asked != request.asked:
        raise InvalidArgument.of(
            "request_id", f"{request.id!r} was used for another {request.method}; choose a new one"
        )
    return decode(kind, replace(found[request.key], value=answered.response))


async def commit_once(
    ledger: Ledger, transaction: Transaction, request: IdempotentRequest, response: RecordT
) -> RecordT:
    """Commit what the request asks for, and remember the response; return it.

    When the same request was faster, nothing is committed and its response is returned. Raises
    Conflict for everything else, as `Ledger.commit` does.
    """
    if not request.id:
        await ledger.commit(transaction)
        return response
    answered = _RecordedResponse(asked=request.asked, response=encode(response))
    try:
        await ledger.commit(
            replace(
                transaction,
                checks={request.key: ABSENT, **transaction.checks},
                puts={**transaction.puts, request.key: encode(answered)},
            )
        )
    except Conflict:
        # Whichever check failed: the same request may have been what made it fail.
        first = await find_response(ledger, transaction.partition, request, type(response))
        if first is None:
            raise
        return first
    return response


def _uuid(request_id: str) -> str:
    if not request_id:
        return ""
    try:
        return str(UUID(request_id))
    except ValueError as cause:
        raise InvalidArgument.of("request_id", f"{request_id!r} is not a UUID") from cause
