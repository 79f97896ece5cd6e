"""API keys: `slc_<id>_<secret>`, stored as a keyed hash, each with its scopes in one project."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from services.ledger.interface import ABSENT, Conflict, Ledger, Transaction
from services.records.records import Record, decode, encode, key, prefix, segments
from services.records.scanning import scan_pages
from sluice.errors import AlreadyExists, InvalidArgument, NotFound, Unauthenticated
from sluice.names import ApiKeyName

PARTITION: Final = "_system"
"""The ledger partition of API keys; no project can have this id."""

DISPLAY_NAME_BYTES_MAX: Final = 256

EXPECTED_METADATA: Final = "metadata `authorization: Bearer slc_<id>_<secret>`"
"""The metadata that a caller must send, for error messages."""

_ADMIN = "admin-key"
_NO_CHECKS: Final[Mapping[str, int]] = {}
_TOKEN = re.compile("slc_([0-9a-f]{16})_[0-9a-f]{64}")


class Scope(StrEnum):
    """What a key may do in its project; `ADMIN` includes the others."""

    LOG = "log"
    REVIEW = "review"
    ADMIN = "admin"


class ApiKey(Record, frozen=True):
    """A stored key; `mac` is the keyed hash of its token. Project "": every project."""

    id: str
    project: str
    display_name: str
    scopes: tuple[Scope, ...]
    create_time: datetime
    mac: bytes


@dataclass(frozen=True, slots=True)
class Caller:
    """The key behind a call: its id, its project ("": every project) and its scopes."""

    key_id: str
    project: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key with the token that callers send, which is not stored."""

    record: ApiKey
    token: str


def generate_token() -> str:
    """A random token: 64 bits of id, 256 bits of secret."""
    return f"slc_{secrets.token_hex(8)}_{secrets.token_hex(32)}"


async def has_admin(ledger: Ledger) -> bool:
    """Whether there is an admin's key."""
    return bool(await ledger.get(PARTITION, [_ADMIN]))


async def count_keys(ledger: Ledger, project: str) -> int:
    """The number of keys of a project."""
    pages = scan_pages(ledger, PARTITION, prefix("project-key", project))
    return sum([len(page) async for page in pages])


async def revoke_keys(ledger: Ledger, project: str) -> None:
    """Revoke all keys of a project at once."""
    async for page in scan_pages(ledger, PARTITION, prefix("project-key", project)):
        records = [_record_key(segments(entry.key)[-1]) for entry in page]
        deletes = [*records, *(entry.key for entry in page)]
        await ledger.commit(Transaction(PARTITION, deletes=deletes))


class KeyStore:
    """The keys of all projects, in the ledger.

    `pepper` is the server's part of the hash: a copy of the ledger without it verifies no key.
    `internal_token` is what services send each other; it is not stored.
    """

    def __init__(self, ledger: Ledger, *, pepper: bytes, internal_token: str) -> None:
        if not (pepper and internal_token):
            raise ValueError("pepper and internal_token must not be empty")
        self._ledger = ledger
        self._pepper = pepper
        self._internal_token = internal_token
        self.internal = Caller("internal", "", frozenset(Scope))

    async def create(
        self,
        project: str,
        display_name: str,
        scopes: Collection[Scope],
        checks: Mapping[str, int] = _NO_CHECKS,
    ) -> NewKey:
        """Create a key of a project, which must exist.

        Raises errors.InvalidArgument for no scope, or a display name over 256 bytes, and Conflict
        if the `checks` of the partition do not hold.
        """
        if not scopes:
            raise InvalidArgument.of(
                "api_key.scopes", "required: at least one of log, review, admin"
            )
        size = len(display_name.encode())
        if size > DISPLAY_NAME_BYTES_MAX:
            problem = f"{size} bytes, over the limit of {DISPLAY_NAME_BYTES_MAX}"
            raise InvalidArgument.of("api_key.display_name", problem)
        new_key = self._generate(project, display_name, scopes)
        creation = self._transaction(new_key.record)
        creation = replace(creation, checks={**checks, **creation.checks})
        await self._ledger.commit(creation)
        return new_key

    async def list(self, project: str, *, after: str = "", limit: int) -> list[ApiKey]:
        """Up to `limit` keys of a project, by id, after the id `after`."""
        start = _listing_key(project, after) if after else ""
        page = await self._ledger.scan(
            PARTITION, prefix("project-key", project), after=start, limit=limit
        )
        return [decode(ApiKey, entry) for entry in page]

    async def delete(self, project: str, key_id: str) -> None:
        """Revoke a key at once.

        Raises errors.NotFound when the project has no such key.
        """
        listing_key, record_key = _listing_key(project, key_id), _record_key(key_id)
        if not await self._ledger.get(PARTITION, [listing_key]):
            raise NotFound(
                f"name: project {project!r} has no API key {key_id!r}",
                metadata={"name": str(ApiKeyName(project, key_id))},
            )
        await self._ledger.commit(Transaction(PARTITION, deletes=[listing_key, record_key]))

    async def verify(self, token: str) -> Caller:
        """The caller that a token identifies.

        Raises errors.Unauthenticated for an unknown token; the message never holds the token.
        """
        if hmac.compare_digest(token.encode(), self._internal_token.encode()):
            return self.internal
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise Unauthenticated(
                "authorization: malformed API key; expected Bearer slc_<id>_<secret>"
            )
        record_key = _record_key(match[1])
        entry = (await self._ledger.get(PARTITION, [record_key])).get(record_key)
        if entry is not None:
            record = decode(ApiKey, entry)
            if hmac.compare_digest(record.mac, self._mac(token)):
                return Caller(record.id, record.project, frozenset(record.scopes))
        raise Unauthenticated("authorization: unknown or revoked API key")

    def new_admin(self) -> NewKey:
        """A key for every project; it is not valid before `adopt_admin`."""
        return self._generate("", "admin", [Scope.ADMIN])

    async def adopt_admin(self, new_key: NewKey) -> None:
        """Make that key the admin's.

        Raises errors.AlreadyExists when there is one already.
        """
        record = new_key.record
        puts = {_ADMIN: record.id.encode(), _record_key(record.id): encode(record)}
        try:
            await self._ledger.commit(Transaction(PARTITION, checks={_ADMIN: ABSENT}, puts=puts))
        except Conflict as conflict:
            raise AlreadyExists("there is an admin's key already") from conflict

    async def set_admin(self, token: str) -> None:
        """Make that token the admin's key, and revoke the one before.

        Raises errors.InvalidArgument for a malformed token, and Conflict when another process
        sets it at this moment.
        """
        if not _TOKEN.fullmatch(token):
            raise InvalidArgument.of("admin_key", f"malformed; expected {_TOKEN.pattern}")
        record = self._record(token, "", "admin", [Scope.ADMIN])
        record_key = _record_key(record.id)
        entries = await self._ledger.get(PARTITION, [_ADMIN, record_key])
        existing = entries.get(record_key)
        if existing and decode(ApiKey, existing).mac == record.mac:
            return
        previous = entries.get(_ADMIN)
        await self._ledger.commit(
            Transaction(
                PARTITION,
                checks={_ADMIN: previous.revision if previous else ABSENT},
                puts={_ADMIN: record.id.encode(), record_key: encode(record)},
                deletes={_record_key(previous.value.decode())} - {record_key} if previous else (),
            )
        )

    def _generate(self, project: str, display_name: str, scopes: Collection[Scope]) -> NewKey:
        token = generate_token()
        return NewKey(self._record(token, project, display_name, scopes), token)

    def _record(
        self, token: str, project: str, display_name: str, scopes: Collection[Scope]
    ) -> ApiKey:
        return ApiKey(
            id=token.split("_")[1],
            project=project,
            display_name=display_name,
            scopes=tuple(sorted(set(scopes))),
            create_time=datetime.now(UTC),
            mac=self._mac(token),
        )

    def _transaction(self, record: ApiKey) -> Transaction:
        record_key = _record_key(record.id)
        # Stored twice, for lookups by id and for listings by project; it never changes.
        keys = [record_key, _listing_key(record.project, record.id)]
        puts = dict.fromkeys(keys, encode(record))
        return Transaction(PARTITION, checks={record_key: ABSENT}, puts=puts)

    def _mac(self, token: str) -> bytes:
        return hmac.digest(self._pepper, token.encode(), hashlib.sha256)


def _record_key(key_id: str) -> str:
    return key("key", key_id)


def _listing_key(project: str, key_id: str) -> str:
    return key("project-key", project, key_id)
